import { z } from 'zod'
import { type AnyEntity, type BaseRow, type Entity, entity } from './entity.ts'

/** A number that commits move without reading it first: "at most ten" and "at least one owner" hold whoever races (DESIGN.md section 3, idea 2). */
export const Counter = entity('counter', { table: 'counters', id: 'text', fields: { value: z.int() } })

export type Change =
  | { op: 'insert'; entity: AnyEntity; row: BaseRow }
  /** `row` is the whole next row, `fields` the names of those that changed, `expect` the version that must be there. */
  | { op: 'update'; entity: AnyEntity; row: BaseRow; expect: number; fields: readonly string[] }
  | { op: 'remove'; entity: AnyEntity; id: string; expect: number }
  /** Pins a row that was read: `expect` its version, or null when it must not exist. */
  | { op: 'check'; entity: AnyEntity; id: string; expect: number | null }
  /** Adds `by` to a counter (0 when absent); the result must lie within the bounds. `now` stamps the row. */
  | { op: 'add'; entity: typeof Counter; id: string; by: number; min: number | null; max: number | null; now: string }

/** Completes a new row: id, version 1, both times, derived fields, and null for what is absent. */
export function create<E extends AnyEntity>(
  type: E,
  id: string,
  fields: Omit<Entity<E>, keyof BaseRow | DerivedHint>,
  now: string,
): Entity<E> {
  const row: Record<string, unknown> = { id }
  for (const column of type.columns) row[column.field] = (fields as Record<string, unknown>)[column.field] ?? null
  Object.assign(row, { id, version: 1, createdAt: now, updatedAt: now })
  return type.derive(row) as Entity<E>
}
/** Derived fields are ours to fill, so callers need not name them; the schema still checks the stored row. */
type DerivedHint = `${string}Fold` | `${string}Sort` | 'searchText'

export const insert = <E extends AnyEntity>(type: E, row: Entity<E>): Change => ({ op: 'insert', entity: type, row: row as BaseRow })

/** The row after a patch, ready to be written: version + 1, `updatedAt` = now, derived fields filled again. */
export function patched<E extends AnyEntity>(type: E, before: Entity<E>, patch: Partial<Entity<E>>, now: string): Entity<E> {
  const old = before as BaseRow
  return type.derive({
    ...old,
    ...patch,
    id: old.id,
    version: old.version + 1,
    createdAt: old.createdAt,
    updatedAt: now,
  } as object) as Entity<E>
}

export function update<E extends AnyEntity>(type: E, before: Entity<E>, after: Entity<E>): Change {
  const old = before as Record<string, unknown>
  const next = after as Record<string, unknown>
  const fields = type.columns.map((column) => column.field).filter((field) => !same(old[field], next[field]))
  return { op: 'update', entity: type, row: after as BaseRow, expect: (before as BaseRow).version, fields }
}

export const remove = <E extends AnyEntity>(type: E, row: Entity<E>): Change => ({
  op: 'remove',
  entity: type,
  id: (row as BaseRow).id,
  expect: (row as BaseRow).version,
})

export const check = <E extends AnyEntity>(type: E, row: Entity<E>): Change => ({
  op: 'check',
  entity: type,
  id: (row as BaseRow).id,
  expect: (row as BaseRow).version,
})

export const checkAbsent = (type: AnyEntity, id: string): Change => ({ op: 'check', entity: type, id, expect: null })

export const add = (id: string, by: number, now: string, bounds: { min?: number; max?: number } = {}): Change => ({
  op: 'add',
  entity: Counter,
  id,
  by,
  min: bounds.min ?? null,
  max: bounds.max ?? null,
  now,
})

const same = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b))
