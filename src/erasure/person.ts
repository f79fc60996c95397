import type { Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { LogChange, LogEntry, LoggedEntry } from '../storage/port.ts'

type Fields = { readonly [field: string]: Json }
type State = Record<string, Json>

/** A row of a person as it must be once nothing of them is left; null when it must not be there at all. */
export function emptied(type: AnyEntity, userId: string, row: Fields): State | null {
  if (type.erased === 'remove') return null
  const blank = Object.fromEntries(Object.entries(type.erased ?? {}).map(([field, make]) => [field, make(userId) as Json]))
  return type.derive({ ...row, ...blank }) as State
}

/** What the person is called where other rows and entries repeat it. */
export const erasedName = (userId: string): string => `erased-${userId}`

/** Whose a row is by its own fields. */
export const isOf = (type: AnyEntity, row: Fields & { id?: Json }, userId: string): boolean =>
  type.erased !== null &&
  (type.name === 'user'
    ? row.id === userId
    : Object.entries(type.belongsTo).some(([field, parent]) => parent === 'user' && row[field] === userId) ||
      (type.erasedWith !== null && row[type.erasedWith.field] === userId && type.erasedWith.fits(row)))

/** The fields in which somebody else's row repeats the person's name. */
export const namesOf = (type: AnyEntity, row: Fields, userId: string): string[] =>
  Object.entries(type.names).flatMap(([field, whose]) => (row[whose] === userId && row[field] !== null ? [field] : []))

/** A row that a later restore would bring back, without what was erased since; null when it stays away. */
export function withoutErased<R extends { id: string }>(type: AnyEntity, row: R, erased: ReadonlySet<string>): R | null {
  if (erased.size === 0) return row
  let left: State = row as unknown as State
  for (const userId of erased) {
    if (isOf(type, left, userId)) {
      const next = emptied(type, userId, left)
      if (next === null) return null
      left = next
    }
    for (const field of namesOf(type, left, userId)) left = { ...left, [field]: erasedName(userId) }
  }
  return left as unknown as R
}

type Found = { type: AnyEntity; id: string }

/**
 * Follows a person through a tenant's log: which rows were theirs, directly or through another row of theirs, and what an entry looks like without them. Entries come in order, from the first.
 */
export function followPerson(entities: readonly AnyEntity[], userId: string) {
  const types = new Map(entities.map((type) => [type.name, type]))
  /** Rows of the person, and rows that repeat their name, as the log has them so far. */
  const states = new Map<string, State>()
  const own = new Map<string, Found>()
  const named = new Map<string, Found>()
  const words = new Set<string>()

  const belongs = (type: AnyEntity, row: State): boolean =>
    isOf(type, row, userId) ||
    (type.erased !== null &&
      Object.entries(type.belongsTo).some(([field, parent]) => parent !== 'user' && own.has(`${parent}\n${String(row[field])}`)))

  /** Takes a change in, and tells what may stay of it: the change itself when nothing has to go. */
  function left(change: LogChange): LogChange {
    const type = types.get(change.type)
    if (type === undefined) return change
    const key = `${change.type}\n${change.id}`
    if (change.erased === true) {
      // emptied before: whose it was cannot be told any more, but what belongs to it must go too
      own.set(key, { type, id: change.id })
      return change
    }
    const state: State = { ...states.get(key), ...change.fields, id: change.id }
    if (own.has(key) || belongs(type, state)) {
      own.set(key, { type, id: change.id })
      states.set(key, state)
      if (type.name === 'user') for (const field of ['username', 'email', 'fullName'] as const) remember(state[field])
      if (change.op === 'remove') return { ...change, erased: true }
      const rest = emptied(type, userId, state)
      if (rest === null) return { ...change, fields: {}, erased: true }
      return withFields(change, (field) => rest[field] ?? null)
    }
    if (Object.keys(type.names).length === 0) return change
    const repeats = namesOf(type, state, userId)
    if (repeats.length === 0) return change
    named.set(key, { type, id: change.id })
    states.set(key, Object.fromEntries(Object.entries(state).filter(([field]) => Object.values(type.names).includes(field))))
    return withFields(change, (field) => (repeats.includes(field) ? erasedName(userId) : (change.fields[field] ?? null)))
  }

  function remember(word: Json | undefined): void {
    if (typeof word === 'string' && word !== '') words.add(word.toLowerCase())
  }

  /** Facts beside rows are nobody's to replay: a text that is one of the person's names goes. */
  function withoutWords(value: Json): Json {
    if (typeof value === 'string') return words.has(value.toLowerCase()) ? erasedName(userId) : value
    if (Array.isArray(value)) return value.map(withoutWords)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutWords(each)]))
  }

  return {
    own,
    named,
    /** What is left of an entry and of its secrets, or null when it tells nothing of the person. */
    without({ entry, secrets }: LoggedEntry): { left: LogEntry; secrets: string | null } | null {
      const changes = entry.changes.map(left)
      const { erased: _, secrets: __, ...rest } = entry
      const actor = entry.actor.id === userId ? { ...entry.actor, name: erasedName(userId) } : entry.actor
      const isTheirs = entry.actor.id === userId || entry.entity?.id === userId
      const told = isTheirs ? withoutWhence(entry.detail) : entry.detail
      const detail = told === undefined ? undefined : (withoutWords(told) as NonNullable<LogEntry['detail']>)
      const isSame =
        changes.every((change, at) => change === entry.changes[at]) &&
        actor.name === entry.actor.name &&
        JSON.stringify(detail) === JSON.stringify(entry.detail)
      if (isSame) return null
      return {
        left: { ...rest, actor, changes, ...(detail === undefined ? {} : { detail }) },
        secrets: secretsLeft(secrets, changes),
      }
    },
  }
}

/** Where somebody did it from, or tried to sign in as them from, tells of the person. */
function withoutWhence(detail: LogEntry['detail']): LogEntry['detail'] {
  if (detail === undefined || !('network' in detail || 'userAgent' in detail)) return detail
  const { network: _, userAgent: __, ...rest } = detail
  return rest
}

/** The same change when no field would be another. */
function withFields(change: LogChange, next: (field: string) => Json): LogChange {
  const fields = Object.fromEntries(Object.keys(change.fields).map((field) => [field, next(field)]))
  return JSON.stringify(fields) === JSON.stringify(change.fields) ? change : { ...change, fields }
}

/** The secrets of rows that stay. */
function secretsLeft(secrets: string | null, changes: readonly LogChange[]): string | null {
  if (secrets === null) return null
  const hidden = JSON.parse(secrets) as { changes: Fields[]; salt: string }
  const kept = hidden.changes.map((fields, at) => (changes[at]?.erased === true ? {} : fields))
  return kept.every((fields) => Object.keys(fields).length === 0) ? null : JSON.stringify({ changes: kept, salt: hidden.salt })
}
