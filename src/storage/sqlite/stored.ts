import type { AnyEntity } from '../../kernel/entity.ts'
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import type { SequenceValue, StoredRow, Transfer } from '../port.ts'
import { listName } from './select.ts'
import { owned, type Tables } from './tables.ts'

const most = 1_000
const usual = 200

type RowsQuery = Parameters<Transfer['rows']>[1]
type PageQuery = Parameters<Transfer['sequences']>[0]

/** `Transfer.rows` on a connection. */
export function storedRows(from: Tables, type: AnyEntity, { cursor = null, limit = usual, tenantId }: RowsQuery): Page<StoredRow> {
  const size = sizeOf(limit)
  const { columns, table, revive } = from.of(type)
  const list = listName('rows', type.name, tenantId ?? null)
  const [tenant, id] = cursor === null ? [tenantId ?? '', ''] : (decodeCursor(list, cursor, 2) as [string, string])
  const beyond = tenantId === undefined ? '(tenant_id, id) > (?, ?)' : 'tenant_id = ? AND id > ?'
  const sql = `SELECT tenant_id, ${columns} FROM ${table} WHERE ${beyond} ORDER BY tenant_id, id LIMIT 0 + ?`
  const found = from.prepare(sql).all(tenant, id, size + 1)
  const items = found.slice(0, size).map((row) => owned(row, revive) as StoredRow)
  return pageOf(items, found.length > size, list, ({ tenantId: of, row }) => [of, row.id])
}

/** `Transfer.sequences` on a connection. */
export function storedSequences(from: Tables, { cursor = null, limit = usual }: PageQuery): Page<SequenceValue> {
  const size = sizeOf(limit)
  const [tenant, name] = cursor === null ? ['', ''] : (decodeCursor('sequences', cursor, 2) as [string, string])
  const sql = `SELECT tenant_id AS tenantId, name AS sequence, value FROM sequences
    WHERE (tenant_id, name) > (?, ?) ORDER BY tenant_id, name LIMIT 0 + ?`
  const found = from.prepare(sql).all(tenant, name, size + 1) as SequenceValue[]
  return pageOf(found.slice(0, size), found.length > size, 'sequences', ({ tenantId, sequence }) => [tenantId, sequence])
}

function sizeOf(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit
  throw new Error(`A page has 1 to ${most} items, not ${limit}`)
}

function pageOf<T>(items: T[], isMore: boolean, list: string, keyOf: (item: T) => readonly string[]): Page<T> {
  const last = items.at(-1)
  return { items, nextCursor: isMore && last !== undefined ? encodeCursor(list, keyOf(last)) : null }
}
