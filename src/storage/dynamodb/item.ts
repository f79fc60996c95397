import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { canonical, type Json } from '../../kernel/canonical.ts'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { type TableDefinition, tenantsKey, ttlSource } from './tables.ts'

export type Item = Record<string, AttributeValue>
export type Row = { readonly id: string; readonly version: number; readonly [field: string]: unknown }

/** What AWS takes: bytes of an item, of a transaction (4 MB, less what a request needs around it), and of a sort key. */
export const most = { itemBytes: 400 * 1024, transactionBytes: 3_500_000, keyBytes: 1024 } as const

/** Attributes of ours beside the row's: whose it is, and the staged commit that holds it (staged.ts). */
export const owner = 'ownerTenant'
export const heldBy = '_commit'
export const nextForm = '_next'

/** An expired row is left to the pruning that tells the log; only what that never came to is removed by TTL, so much later. */
const ttlMarginSeconds = 30 * 24 * 60 * 60

/** A row is stored under its fields' names: texts, whole numbers and booleans as such, nested values as JSON, null as an absent attribute, and an empty text as NULL, which every DynamoDB takes. */
export function itemOf(table: TableDefinition, tenantId: string, row: Row): Item {
  const type = table.entity as AnyEntity
  const item: Item = keyOf(table, tenantId, row.id)
  if (table.range === null) Object.assign(item, { id: { S: row.id }, [owner]: { S: tenantId } })
  for (const column of type.columns) {
    if (column.field === 'id') continue
    const value = toAttribute(column, row[column.field])
    if (value !== null) item[column.field] = value
  }
  const seconds = ttlOf(type, row)
  if (seconds !== null) item.ttl = { N: String(seconds) }
  if (table.key === tenantsKey) Object.assign(item, accountIndex(row))
  const bytes = sizeOf(item)
  if (bytes > most.itemBytes)
    throw new AppError('too_large', 'row_too_large', `One ${type.name} may take up ${most.itemBytes} bytes, but this one has ${bytes}.`)
  return item
}

/** The key of a row; a tenant's own row is named by its id alone. */
export function keyOf({ hash, range }: TableDefinition, tenantId: string, id: string): Item {
  if (range === null) return { [hash.attribute]: { S: id } }
  return { [hash.attribute]: { S: tenantId }, [range.attribute]: { S: id } }
}

/** The row of an item, or null when it is another tenant's. */
export function rowOf(table: TableDefinition, tenantId: string, item: Item): Row | null {
  if (table.range === null && item[owner]?.S !== tenantId) return null
  const row: Record<string, unknown> = { id: item[table.range?.attribute ?? 'id']?.S ?? '' }
  for (const column of (table.entity as AnyEntity).columns) {
    if (column.field !== 'id') row[column.field] = fromAttribute(column, item[column.field])
  }
  return row as Row
}

/** When TTL may remove a row that expires, in epoch seconds. */
export function ttlOf(type: AnyEntity, row: Row): number | null {
  const source = ttlSource(type)
  const value = source === null ? null : row[source]
  if (typeof value === 'number') return value
  return typeof value === 'string' ? Math.ceil(Date.parse(value) / 1000) + ttlMarginSeconds : null
}

/** The account query's index (contracts/fsm.md section 2). */
function accountIndex({ accountId, key }: Row): Item {
  if (typeof accountId !== 'string' || typeof key !== 'string') return {}
  return { gsi1pk: { S: `ACCOUNT#${accountId}` }, gsi1sk: { S: `TENANT#${key}` } }
}

function toAttribute(column: Column, value: unknown): AttributeValue | null {
  if (value === null || value === undefined) return null
  if (column.kind === 'json') return { S: canonical(value as Json) }
  if (typeof value === 'boolean' && column.kind === 'boolean') return { BOOL: value }
  if (typeof value === 'string' && value.isWellFormed()) return value === '' ? { NULL: true } : { S: value }
  // DynamoDB's numbers end at 126 digits, a double's at 308
  if (typeof value === 'number' && Number.isFinite(value))
    return value === 0 || (Math.abs(value) > 1e-100 && Math.abs(value) < 1e100) ? { N: String(value) } : { S: String(value) }
  throw new Error(`${column.field} holds a value that cannot be stored as it is`)
}

function fromAttribute(column: Column, value: AttributeValue | undefined): unknown {
  if (value === undefined) return null
  if (value.NULL === true) return ''
  if (value.N !== undefined) return Number(value.N)
  if (value.BOOL !== undefined) return value.BOOL
  if (column.kind === 'json') return JSON.parse(value.S ?? 'null')
  return column.kind === 'real' ? Number(value.S) : value.S
}

/** Bytes as AWS counts them, rounded up: names and values in UTF-8, a little for each attribute. */
export function sizeOf(item: Item): number {
  let bytes = 0
  for (const [name, value] of Object.entries(item)) {
    bytes += Buffer.byteLength(name) + 3
    if (value.S !== undefined) bytes += Buffer.byteLength(value.S)
    else if (value.B !== undefined) bytes += value.B.byteLength
    else if (value.M !== undefined) bytes += sizeOf(value.M)
    else if (value.N !== undefined) bytes += value.N.length
  }
  return bytes
}
