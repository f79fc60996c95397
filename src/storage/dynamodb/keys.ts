import { sha256 } from '../../kernel/canonical.ts'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Value } from '../port.ts'
import { type Item, most, type Row, ttlOf } from './item.ts'

/** An item of the keys table. `key` is the unique key that it guards, or null when it only leads to the row. */
export type KeyItem = { pk: string; sk: string; key: string | null; item: Item }

const nothing = '\u0000'

/** Text whose order by bytes of UTF-8 is the order of the values: fields one by one, texts by code point, numbers by size. */
export const tupleOf = (values: readonly Value[]): string => values.map((value) => ordered(value) + nothing).join('')

/** Behind every tuple that begins with this one. */
export const endOf = (tuple: string): string => `${tuple.slice(0, -1)}\u0001`

function ordered(value: Value): string {
  if (typeof value === 'string') return value.replaceAll('\u0001', '\u0001\u0002').replaceAll('\u0000', '\u0001\u0001')
  if (typeof value === 'boolean') return value ? '1' : '0'
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE((value as number) + 0)
  const isNegative = (bytes[0] as number) >= 128
  for (let position = 0; position < 8; position += 1)
    bytes[position] = (bytes[position] as number) ^ (isNegative ? 255 : position === 0 ? 128 : 0)
  return bytes.toString('hex')
}

/** The place of a unique key within a tenant. What is longer than a sort key stands there by its digest: nothing goes by its order. */
export function uniquePlace(tenantId: string, type: AnyEntity, key: string, values: readonly Value[]): { pk: string; sk: string } {
  const tuple = tupleOf(values)
  return {
    pk: `unique ${tenantId} ${type.name} ${key}`,
    sk: Buffer.byteLength(tuple) <= 900 ? tuple : `${tuple.slice(0, 100)} ${sha256(tuple)}`,
  }
}

/** The partition of a directory. One by random ids that nobody lists is spread, because it is written at every sign-in. */
export function directoryPartition(type: AnyEntity, directory: string, values: readonly Value[]): string {
  const shard = isSpread(type, directory) ? ` ${shardOf(String(values[0]))}` : ''
  return `directory ${type.name} ${directory}${shard}`
}

const shards = Array.from({ length: 16 }, (_, n) => n.toString(16))
export const shardOf = (text: string): string => sha256(text)[0] as string

export const sequencePartitions: readonly string[] = shards.map((shard) => `sequences ${shard}`)
export const sequencePlace = (tenantId: string, name: string) => ({
  pk: `sequences ${shardOf(tenantId)}`,
  sk: `${tenantId}${nothing}${name}`,
})

export const streamsPartition = 'streams'
export const tenantsPartition = 'tenants'
/** The lease of a job that one process does for all. */
export const leasePlace = (name: string) => ({ pk: 'leases', sk: name })
/** What a process says to the others at the moment. */
export const wordsPlace = (origin: string) => ({ pk: 'words', sk: origin })
export const statePlace = { pk: 'state', sk: 'state' }
export const commitPlace = (id: string) => ({ pk: `commit ${id}`, sk: 'commit' })

/** Every partition of a directory, to list it whole. */
export const directoryPartitions = (type: AnyEntity, directory: string): string[] =>
  isSpread(type, directory)
    ? shards.map((shard) => `directory ${type.name} ${directory} ${shard}`)
    : [`directory ${type.name} ${directory}`]

const isSpread = (type: AnyEntity, directory: string): boolean =>
  type.directory[directory]?.fields[0] === 'id' && type.columns.some(({ field, kind }) => field === 'id' && kind === 'text')

/** The unique key of the tenant that a directory of the same fields guards too, so that one item does for both; or null. */
const guardedBy = (type: AnyEntity, directory: string): string | null => {
  const { fields, unique } = type.directory[directory] as { fields: readonly string[]; unique: boolean }
  if (unique) return directory
  return Object.keys(type.unique).find((key) => type.unique[key]?.join() === fields.join()) ?? null
}

const directoryOf = (type: AnyEntity, key: string): string | null =>
  Object.keys(type.directory).find((name) => !type.directory[name]?.unique && guardedBy(type, name) === key) ?? null

/** Where the item of a unique key stands. */
export function findPlace(tenantId: string, type: AnyEntity, key: string, values: readonly Value[]): { pk: string; sk: string } {
  const directory = directoryOf(type, key)
  if (directory === null) return uniquePlace(tenantId, type, key, values)
  return { pk: directoryPartition(type, directory, values), sk: tupleOf(values) + tenantId }
}

/** Every item that stands beside a row. A row with a null in a key has no item for it. */
export function keyItemsOf(type: AnyEntity, tenantId: string, row: Row): KeyItem[] {
  const items: KeyItem[] = []
  const seconds = ttlOf(type, row)
  const put = (key: string | null, { pk, sk }: { pk: string; sk: string }): void => {
    if (Buffer.byteLength(sk) > most.keyBytes)
      throw new AppError(
        'too_large',
        'key_too_long',
        `A ${type.name} is found by texts of at most ${most.keyBytes} bytes, and this one has longer ones.`,
      )
    const item: Item = { pk: { S: pk }, sk: { S: sk }, tenantId: { S: tenantId }, id: { S: row.id } }
    if (seconds !== null) item.ttl = { N: String(seconds) }
    items.push({ pk, sk, key, item })
  }
  for (const [key, fields] of guardedKeys(type)) {
    const values = valuesOf(row, fields)
    if (values !== null) put(key, findPlace(tenantId, type, key, values))
  }
  for (const [name, { fields }] of Object.entries(type.directory)) {
    const values = valuesOf(row, fields)
    if (values === null) continue
    const key = guardedBy(type, name)
    if (key !== null && key !== name && directoryOf(type, key) === name) continue
    const tail = key === name ? '' : tenantId + nothing + row.id
    put(key === name ? key : null, { pk: directoryPartition(type, name, values), sk: tupleOf(values) + tail })
  }
  return items
}

/** Unique keys that need an item of their own. */
const guardedKeys = (type: AnyEntity) => Object.entries(type.unique).filter(([key]) => type.identity[key] === undefined)

export const hasKeys = (type: AnyEntity): boolean => guardedKeys(type).length + Object.keys(type.directory).length > 0

/** True when a change of these fields moves an item that stands beside the row. */
export function movesKeys(type: AnyEntity, fields: readonly string[]): boolean {
  const keyed = [...guardedKeys(type).map(([, fields]) => fields), ...Object.values(type.directory).map((one) => one.fields)].flat()
  // the items expire with their row
  return fields.some((field) => keyed.includes(field) || (hasKeys(type) && (field === 'expiresAt' || field === 'ttl')))
}

export function valuesOf(row: Row, fields: readonly string[]): Value[] | null {
  const values = fields.map((field) => (row[field] ?? null) as Value)
  return values.includes(null) ? null : values
}

export function columnOf(type: AnyEntity, field: string): Column {
  const column = type.columns.find((candidate) => candidate.field === field)
  if (column === undefined) throw new Error(`${type.name} has no field ${field}`)
  return column
}
