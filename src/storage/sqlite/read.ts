import type { AnyEntity } from '../../kernel/entity.ts'
import type { Value } from '../port.ts'
import type { RowCache } from './row-cache.ts'
import type { Snapshot } from './snapshot.ts'
import { equal, keyFields, owned, type Row, sqlValues, type Tables } from './tables.ts'

/** Rows by id or by a key: one descent of one index each, on the caller's thread, or none for a row read lately. */
export function reader({ of, prepare }: Tables, { turn, cache }: { turn: Snapshot; cache: RowCache }) {
  return {
    get(tenant: string, type: AnyEntity, id: string): Row | null {
      const known = cache.get(type, tenant, id)
      if (known !== undefined) return known
      const { get, revive } = of(type)
      turn.begin()
      const row = get.get(tenant, id)
      return row === undefined ? null : cache.set(type, tenant, revive(row))
    },
    find(tenant: string, type: AnyEntity, key: string, values: readonly Value[]): Row | null {
      const { columns, table, revive } = of(type)
      const fields = keyFields(type, type.unique[key], key, values)
      const found = prepare(`SELECT ${columns} FROM ${table} WHERE tenant_id = ? AND ${equal(fields)}`)
      const row = found.get(tenant, ...sqlValues(fields, values))
      return row === undefined ? null : revive(row)
    },
    /** Rows of all tenants under a directory key. */
    lookup(type: AnyEntity, directory: string, values: readonly Value[], limit: number): { tenantId: string; row: Row }[] {
      const { columns, table, revive } = of(type)
      const fields = keyFields(type, type.directory[directory]?.fields, directory, values)
      return prepare(`SELECT tenant_id, ${columns} FROM ${table} WHERE ${equal(fields)} ORDER BY tenant_id, id LIMIT 0 + ?`)
        .all(...sqlValues(fields, values), limit)
        .map((row) => owned(row, revive))
    },
  }
}

export type Reader = ReturnType<typeof reader>
