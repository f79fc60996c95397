import type { Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { LoggedEntry, SequenceValue, Storage, StoredRow } from '../storage/port.ts'

type Row = Record<string, unknown> & { id: string }
type Pending = { type: AnyEntity; tenantId: string; id: string; row: Row | null }

/** Rows that change in memory before they are loaded together. */
const batchSize = 500

export type Replay = {
  /** What an entry did to rows of the types that `takes` lets through, wholly or only to some fields of rows that are there. Entries of a stream come in order. */
  apply(tenantId: string, logged: LoggedEntry, takes: (type: AnyEntity) => 'all' | readonly string[]): Promise<void>
  /** Writes what is still in memory, and the greatest numbers that inserts carried: a row may have been removed again. */
  flush(): Promise<void>
  /** How many more rows there are than at the beginning. */
  added(): number
}

/**
 * Brings rows from where they are to what the log says, in a storage that is being loaded. Every change is made whatever the row says of its version: after all entries of a stream the rows are those that the
 * stream ends with, also where they began as something newer.
 */
export function createReplay(into: Storage, entities: readonly AnyEntity[]): Replay {
  const types = new Map(entities.map((type) => [type.name, type]))
  const pending = new Map<string, Pending>()
  const greatest = new Map<string, SequenceValue>()
  let added = 0

  async function current(type: AnyEntity, tenantId: string, id: string): Promise<Row | null> {
    const known = pending.get(keyOf(type, tenantId, id))
    return known === undefined ? ((await into.tenant(tenantId).get(type, id)) as Row | null) : known.row
  }

  async function flush(): Promise<void> {
    for (const type of entities) {
      const all = [...pending.values()].filter((each) => each.type === type)
      if (all.length === 0) continue
      const rows = all.flatMap(({ tenantId, row }): StoredRow[] => (row === null ? [] : [{ tenantId, row }]))
      const removed = all.filter(({ row }) => row === null).map(({ tenantId, id }) => ({ tenantId, id }))
      await into.transfer().load({ type, rows, removed })
    }
    pending.clear()
    const sequences = [...greatest.values()]
    for (let start = 0; start < sequences.length; start += batchSize)
      await into.transfer().load({ sequences: sequences.slice(start, start + batchSize) })
    greatest.clear()
  }

  function note(type: AnyEntity, tenantId: string, value: unknown): void {
    const key = `${tenantId}\n${type.name}`
    if (typeof value === 'number' && value > (greatest.get(key)?.value ?? 0)) greatest.set(key, { tenantId, sequence: type.name, value })
  }

  /** Changes some fields of a row that is there. */
  async function patch({ type, tenantId, id }: Omit<Pending, 'row'>, fields: Record<string, unknown>): Promise<void> {
    const before = await current(type, tenantId, id)
    if (before !== null && Object.keys(fields).length > 0)
      pending.set(keyOf(type, tenantId, id), { type, tenantId, id, row: { ...before, ...fields } })
  }

  return {
    async apply(tenantId, { entry, secrets }, takes) {
      const hidden = secrets === null ? [] : (JSON.parse(secrets) as { changes: Record<string, Json>[] }).changes
      for (const [index, { op, type: name, id, fields, erased }] of entry.changes.entries()) {
        const type = types.get(name)
        if (type === undefined || erased === true) continue
        const taken = takes(type)
        if (taken !== 'all') {
          if (op === 'update' && taken.length > 0) await patch({ type, tenantId, id }, pick({ ...fields, ...hidden[index] }, taken))
          continue
        }
        if (op === 'insert' && type.sequence !== null) note(type, tenantId, fields[type.sequence])
        const before = op === 'insert' || op === 'remove' ? null : await current(type, tenantId, id)
        if (op === 'update' && before === null) continue // is one that a later entry removes: it began as something newer
        if (op === 'insert' || (op === 'add' && before === null)) added += 1
        if (op === 'remove') added -= 1
        const changed = { ...(op === 'add' && before === null ? { createdAt: fields.updatedAt } : before), ...fields, ...hidden[index] }
        pending.set(keyOf(type, tenantId, id), { type, tenantId, id, row: op === 'remove' ? null : whole(type, id, changed) })
      }
      if (pending.size >= batchSize) await flush()
    },
    flush,
    added: () => added,
  }
}

const pick = (fields: Record<string, unknown>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)))

/** A row of this version's fields: those of others are left out, and null where the log has none. */
const whole = (type: AnyEntity, id: string, fields: Record<string, unknown>): Row => ({
  ...Object.fromEntries(type.columns.map(({ field }) => [field, fields[field] ?? null])),
  id,
})

const keyOf = (type: AnyEntity, tenantId: string, id: string): string => `${type.name}\n${tenantId}\n${id}`
