import type { AnyEntity } from '../../kernel/entity.ts'
import { createRecentMap } from '../../kernel/recent-map.ts'
import type { EncodedCommit as WireCommit } from '../encoded.ts'
import type { Row } from './tables.ts'

/** Rows kept, some kilobytes each at the most. */
const rowsKept = 8_000

export type RowCache = ReturnType<typeof rowCache>

/**
 * Rows read lately, so that the session, user and tenant that every request asks for are not read again and again. It never shows less than the database: this process alone holds the
 * folder, and a commit's rows are dropped before the commit is acknowledged. Rows are frozen, because all who ask get the same one.
 */
export function rowCache(entities: readonly AnyEntity[]) {
  const rows = createRecentMap<Row>(rowsKept)
  const keyOf = (entity: string, tenant: string, id: string): string => `${entity} ${tenant} ${id}`
  return {
    get: (type: AnyEntity, tenant: string, id: string): Row | undefined => rows.get(keyOf(type.name, tenant, id)),
    set(type: AnyEntity, tenant: string, row: Row): Row {
      for (const value of Object.values(row)) if (typeof value === 'object') Object.freeze(value)
      Object.freeze(row)
      rows.set(keyOf(type.name, tenant, row.id as string), row)
      return row
    },
    drop([tenant, , , , changes]: WireCommit): void {
      for (const [op, entity, id] of changes) if (op !== 'check') rows.drop(keyOf(entities[entity]?.name ?? '', tenant, id))
    },
  }
}
