import { canonical, type Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { LoggedEntry, TenantStore } from '../storage/port.ts'

type State = Map<string, Record<string, Json>>

/** Rebuilds the rows of a tenant from its log, so that they can be compared with those that are stored. */
export function createReplay() {
  const replay = { rows: new Map<string, State>(), sequence: 0 }
  const { rows } = replay
  return Object.assign(replay, {
    apply({ entry, secrets }: LoggedEntry): void {
      replay.sequence = entry.sequence
      const hidden = secrets === null ? [] : (JSON.parse(secrets) as { changes: Record<string, Json>[] }).changes
      for (const [index, { op, type, id, fields, erased }] of entry.changes.entries()) {
        if (erased === true) continue
        const state = rows.get(type) ?? new Map()
        rows.set(type, state)
        if (op === 'remove') state.delete(id)
        else state.set(id, { ...(state.get(id) ?? (op === 'add' ? { createdAt: fields.updatedAt } : {})), ...fields, ...hidden[index], id })
      }
    },
  })
}

export type RowProblem = { entity: AnyEntity; id: string; detail: string }

type Compared = { checked: number; problems: RowProblem[] }
type Replayed = { rows: Map<string, State>; sequence: number }

/** Compares every stored row with the replayed one, while others go on writing: what differs is looked at again with the entries that came meanwhile. */
export async function compareRows(
  store: TenantStore,
  entities: readonly AnyEntity[],
  replay: ReturnType<typeof createReplay>,
): Promise<Compared> {
  const compared: Compared = { checked: 0, problems: [] }
  for (const type of entities) await compareEntity(store, type, replay.rows, compared)
  for (let round = 0; round < 5 && compared.problems.length > 0; round++) {
    for (let page = await store.log(null, replay.sequence, 1000); page.length > 0; page = await store.log(null, replay.sequence, 1000))
      page.forEach(replay.apply)
    const still: RowProblem[] = []
    for (const problem of compared.problems) {
      const told = replay.rows.get(problem.entity.name)?.get(problem.id)
      if (difference(problem.entity, told, await storedRow(store, problem)) !== null) still.push(problem)
    }
    compared.problems = still
  }
  return compared
}

/** As the list reads it, from the database: a read by id may know the row by heart. */
async function storedRow(store: TenantStore, { entity, id }: RowProblem): Promise<unknown> {
  const { items } = await store.list(entity, { filter: [{ field: 'id', op: 'eq', value: id }], limit: 1 })
  return items[0]
}

async function compareEntity(store: TenantStore, type: AnyEntity, rows: Replayed['rows'], compared: Compared): Promise<void> {
  const expected = rows.get(type.name) ?? new Map<string, Record<string, Json>>()
  const seen = new Set<string>()
  for (let cursor: string | null = null; ; ) {
    const page: { items: unknown[]; nextCursor: string | null } = await store.list(type, { cursor, limit: 200 })
    for (const row of page.items as { id: string }[]) {
      seen.add(row.id)
      const detail = difference(type, expected.get(row.id), row)
      if (detail !== null) compared.problems.push({ entity: type, id: row.id, detail })
    }
    if (page.nextCursor === null) break
    cursor = page.nextCursor
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const id of expected.keys())
    if (!seen.has(id)) compared.problems.push({ entity: type, id, detail: 'The log has a row that is not stored.' })
  compared.checked += Math.max(seen.size, expected.size)
}

function difference(type: AnyEntity, told: Record<string, Json> | undefined, row: unknown): string | null {
  if (told === undefined) return row === null || row === undefined ? null : 'The row is stored, but the log knows nothing of it.'
  if (row === null || row === undefined) return 'The log has a row that is not stored.'
  return whole(type, told) === whole(type, row as Record<string, Json>) ? null : 'The row is not what the log says.'
}

/** In the fields of this version: one that the entry's writer did not know is null, as it is in the row and after a restore. */
const whole = ({ columns }: AnyEntity, row: Readonly<Record<string, Json>>): string =>
  canonical(Object.fromEntries(columns.map(({ field }) => [field, row[field] ?? null])))
