import { z } from 'zod'
import { Employee } from '../employee/entity.ts'
import { asEmployeeId } from '../employee/rules.ts'
import type { Context } from '../kernel/context.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { Leave } from '../leave/entity.ts'
import { policyOf } from '../policy/policy.ts'
import { localTime } from '../policy/time.ts'
import type { LogEntry, TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import { createValues, type Values } from './activity-values.ts'
import { wordOf } from './activity-words.ts'
import { Attendance } from './entity.ts'
import { employeesOf } from './people.ts'
import { assertDate } from './read.ts'

/** Entries of a page. */
const pageSize = 25
/** Entries read at once. */
const chunk = 500

const json = z.record(z.string(), z.unknown()).nullable()
const item = z.object({
  timestamp: z.string(),
  actor: z.string(),
  action: z.string(),
  target: z.string().nullable(),
  ipAddress: z.string().nullable(),
  details: json,
  oldValue: json,
  newValue: json,
})

const input = z.object({
  employeeId: z.string().max(100).optional(),
  action: z.string().max(100).optional(),
  fromDate: z.string().optional(),
  toDate: z.string().optional(),
  page: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
    .optional(),
})

/**
 * What was done in a workforce, newest first: the tenant's log in the older application's words, with what each change found and left. Counting and looking for what was there before reads the whole
 * log, once. Reading leaves an entry of its own. Errors: `date_invalid`.
 */
export const listActivity = operation({
  name: 'audit.activity',
  summary: 'Search the activity of a workforce',
  needs: 'audit:read',
  readOnly: true,
  input,
  output: z.object({ count: z.int(), page: z.int(), pages: z.int(), items: z.array(item) }),
  async run(context, given) {
    const page = Number(given.page ?? 1)
    const wanted = await matcherOf(context, given)
    const { count, entries, values } = await scan(context.store, wanted, (page - 1) * pageSize)
    const shown = await shownOf(context, entries, values)
    const criteria = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, string>
    return {
      output: { count, page, pages: Math.ceil(count / pageSize), items: shown },
      action: 'audit.read',
      logged: true,
      detail: { criteria },
    }
  },
})

type Wanted = (entry: LogEntry) => boolean

/** Reads the log backwards: counts what is wanted, keeps one page of it, and finds on the way what each of its changes replaced. */
async function scan(store: TenantStore, wanted: Wanted, from: number) {
  const values = createValues()
  const entries: LogEntry[] = []
  let count = 0
  for (let end = (await store.head())?.sequence ?? 0; end > 0; ) {
    const after = Math.max(0, end - chunk)
    for (const { entry } of (await store.log(null, after, end - after)).toReversed()) {
      values.meet(entry)
      if (!wanted(entry)) continue
      if (count >= from && entries.length < pageSize) {
        entries.push(entry)
        values.ask(entry)
      }
      count += 1
    }
    end = after
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { count, entries, values }
}

async function matcherOf({ store }: Context, { employeeId, action, fromDate, toDate }: z.output<typeof input>): Promise<Wanted> {
  const { timeZone } = await policyOf(store)
  const [from, to] = [fromDate, toDate].map((text) => (text ? assertDate(text) : null))
  const isAbout = employeeId ? await aboutOf(store, employeeId) : null
  const prefix = action?.trim().toLowerCase() ?? ''
  return (entry) => {
    if (prefix !== '' && !wordOf(entry).toLowerCase().startsWith(prefix)) return false
    if (from != null || to != null) {
      const { date } = localTime(Date.parse(entry.time), timeZone)
      if ((from != null && date < from) || (to != null && date > to)) return false
    }
    return isAbout === null || isAbout(entry)
  }
}

/** Whether an entry was made by an employee, or is about one: the person, or a day or request of theirs. */
async function aboutOf(store: TenantStore, employeeId: string): Promise<Wanted> {
  const employee = await store.find(Employee, 'employeeId', [asEmployeeId(employeeId)])
  if (employee === null) return () => false
  const ids = new Set([employee.id])
  for (const type of [Attendance, Leave] as AnyEntity[])
    for (const { id } of (await everyRow(store, type, { index: 'byPerson', where: { userId: employee.id } })) as { id: string }[])
      ids.add(id)
  return ({ actor, entity, changes }) =>
    actor.id === employee.id ||
    (entity !== null && ids.has(entity.id)) ||
    changes.some(({ id, fields }) => ids.has(id) || fields.userId === employee.id)
}

async function shownOf({ store }: Context, entries: readonly LogEntry[], values: Values): Promise<z.input<typeof item>[]> {
  const owners = await ownersOf(store, entries)
  const people = await employeesOf(store, [
    ...owners.values(),
    ...entries.flatMap(({ actor, entity }) => [
      ...(actor.id === null ? [] : [actor.id]),
      ...(entity?.type === User.name ? [entity.id] : []),
    ]),
  ])
  return entries.map((entry) => {
    const { actor, entity, detail = {}, time } = entry
    const owner = entity === null ? null : entity.type === User.name ? entity.id : (owners.get(entity.id) ?? null)
    const { network, userAgent: _, ...details } = detail
    return {
      timestamp: time,
      actor: people.get(actor.id ?? '')?.employeeId ?? actor.name,
      action: wordOf(entry),
      target: people.get(owner ?? '')?.employeeId ?? (entity === null ? null : `${entity.type} ${entity.id}`),
      ipAddress: typeof network === 'string' ? network : networkOf(entry),
      details: Object.keys(details).length === 0 ? null : details,
      ...values.of(entry),
    }
  })
}

/** A sign-in writes where it came from into its session. */
function networkOf({ changes }: LogEntry): string | null {
  const session = changes.find(({ type, op }) => type === 'session' && op === 'insert')
  return typeof session?.fields.network === 'string' ? session.fields.network : null
}

/** Whose the days, requests and sessions are that entries are about, by the row's id. */
async function ownersOf(store: TenantStore, entries: readonly LogEntry[]): Promise<Map<string, string>> {
  const owners = new Map<string, string>()
  for (const { actor, entity, changes } of entries) {
    if (entity?.type === 'session' && actor.id !== null) owners.set(entity.id, actor.id)
    for (const { id, fields } of changes) if (typeof fields.userId === 'string') owners.set(id, fields.userId)
  }
  const types = new Map<string, AnyEntity>([Attendance, Leave].map((type) => [type.name, type as AnyEntity]))
  const unknown = entries.flatMap(({ entity }) => {
    const type = entity === null || owners.has(entity.id) ? undefined : types.get(entity.type)
    return type === undefined || entity === null ? [] : [{ type, id: entity.id }]
  })
  const rows = unknown.length === 0 ? [] : ((await store.read(unknown)) as ({ id: string; userId: string } | null)[])
  for (const row of rows) if (row !== null) owners.set(row.id, row.userId)
  return owners
}
