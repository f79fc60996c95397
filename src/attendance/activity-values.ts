import { Employee } from '../employee/entity.ts'
import type { Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { Leave } from '../leave/entity.ts'
import { AttendancePolicy, Holiday } from '../policy/entity.ts'
import type { LogChange, LogEntry } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import { Attendance } from './entity.ts'

type Fields = Record<string, Json>
type Pair = { oldValue: Fields | null; newValue: Fields | null }

export type Values = {
  /** Tells of an entry, from the newest to the oldest: it may hold what was asked for. */
  meet(entry: LogEntry): void
  /** Remembers to look for what the changes of an entry replaced. */
  ask(entry: LogEntry): void
  /** What the entry's changes found and what they left; of several rows each under `<entity> <id>`. */
  of(entry: LogEntry): Pair
}

/** What people know. Sessions, credentials and books are how it is kept. */
const shown = new Map<string, AnyEntity>(
  [Employee, User, Attendance, Leave, AttendancePolicy, Holiday].map((type) => [type.name, type as AnyEntity]),
)

const kept = ({ type, fields }: LogChange): Fields => {
  const { internal, secret } = shown.get(type) ?? { internal: new Set(), secret: new Set() }
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !internal.has(field) && !secret.has(field) && !plumbing.has(field)))
}
const plumbing = new Set(['version', 'createdAt', 'updatedAt'])

const nameOf = ({ type, id }: LogChange): string => `${type} ${id}`

/** Which changes of an entry are told: of an employee the row of the workforce and not the login's beside it, which says the same. */
function told({ changes }: LogEntry): LogChange[] {
  const all = changes.filter(({ type, op }) => shown.has(type) && op !== 'add')
  const employees = new Set(all.filter(({ type }) => type === Employee.name).map(({ id }) => id))
  return all.filter(({ type, id }) => type !== User.name || !employees.has(id))
}

/** Collects what changes replaced, out of older entries as they pass. */
export function createValues(): Values {
  /** By row and field: the entries that still look for the value before. */
  const open = new Map<string, Map<string, Fields[]>>()
  const found = new Map<LogEntry, Map<string, Pair>>()
  return {
    meet({ changes }) {
      for (const change of changes) {
        const fields = open.get(nameOf(change))
        if (fields === undefined) continue
        for (const [field, value] of Object.entries(change.fields)) {
          for (const before of fields.get(field) ?? []) before[field] = value
          fields.delete(field)
        }
      }
    },
    ask(entry) {
      const pairs = new Map<string, Pair>()
      found.set(entry, pairs)
      for (const change of told(entry)) {
        const name = nameOf(change)
        const newValue = change.op === 'remove' ? null : kept(change)
        const oldValue: Fields | null = change.op === 'insert' ? null : {}
        pairs.set(name, { oldValue, newValue })
        if (oldValue === null || newValue === null) continue
        const fields = open.get(name) ?? new Map<string, Fields[]>()
        open.set(name, fields)
        for (const field of Object.keys(newValue)) fields.set(field, [...(fields.get(field) ?? []), oldValue])
      }
    },
    of(entry) {
      const pairs = [...(found.get(entry) ?? [])]
      const [only] = pairs
      if (only === undefined) return { oldValue: null, newValue: null }
      if (pairs.length === 1) return only[1]
      const side = (which: keyof Pair): Fields | null => {
        const some = pairs.flatMap(([name, pair]) => (pair[which] === null ? [] : [[name, pair[which]] as const]))
        return some.length === 0 ? null : Object.fromEntries(some)
      }
      return { oldValue: side('oldValue'), newValue: side('newValue') }
    },
  }
}
