import type { AnyEntity } from '../kernel/entity.ts'
import type { LoggedEntry, SequenceValue } from '../storage/port.ts'

export type Place = { tenantId: string; id: string }

/** Rows that entries of the log speak of, by entity, each once. */
export type Touched = ReturnType<typeof createTouched>

export function createTouched(entities: readonly AnyEntity[]) {
  const places = new Map<AnyEntity, Map<string, Place>>()
  const byName = new Map(entities.map((type) => [type.name, type]))
  const sequences = new Map<string, SequenceValue>()

  function add(type: AnyEntity, place: Place): void {
    const known = places.get(type) ?? new Map<string, Place>()
    places.set(type, known.set(`${place.tenantId}\n${place.id}`, place))
  }

  return {
    add,
    /** Every row that the entry changed. Entities that this version does not have are passed over: it has no table for them either. */
    note(tenantId: string, { entry }: LoggedEntry): void {
      for (const { op, type: name, id, fields } of entry.changes) {
        const type = byName.get(name)
        if (type === undefined) continue
        add(type, { tenantId, id })
        const value = op === 'insert' && type.sequence !== null ? fields[type.sequence] : null
        if (typeof value !== 'number') continue
        const key = `${tenantId}\n${name}`
        if (value > (sequences.get(key)?.value ?? 0)) sequences.set(key, { tenantId, sequence: name, value })
      }
    },
    rows: (): [AnyEntity, Place[]][] => [...places].map(([type, of]) => [type, [...of.values()]]),
    /** The greatest number that an insert carried, by sequence: the row may be gone again. */
    sequences: (): SequenceValue[] => [...sequences.values()],
  }
}
