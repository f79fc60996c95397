import type { AnyEntity } from '../../kernel/entity.ts'
import type { Reference, Value } from '../port.ts'
import { type Database, placeId } from './db.ts'
import { type Item, keyOf, most, type Row, rowOf } from './item.ts'
import { columnOf, directoryPartition, endOf, findPlace, tupleOf, valuesOf } from './keys.ts'
import type { Rows } from './known.ts'
import type { Forms } from './staged-form.ts'

export type Owned = { tenantId: string; row: Row }

/** A key that moved between the two reads that lead to its row is followed again so often. */
const follows = 5

const isKey = (id: string): boolean => id !== '' && Buffer.byteLength(id) <= most.keyBytes

/** Rows by id or by a key: one call by id, two by a key, at any size of the table. All of base tables, consistently. */
export function reader(db: Database, forms: Forms, rows: Rows) {
  const placeOf = (type: AnyEntity, tenantId: string, id: string) => {
    const table = db.tableOf(type)
    return { table, key: keyOf(table, tenantId, id) }
  }

  const revive = (type: AnyEntity, tenantId: string, item: Item | null | undefined): Row | null => {
    const row = item ? rowOf(db.tableOf(type), tenantId, item) : null
    if (row !== null) rows.keep(type, tenantId, row)
    return row
  }

  async function get(tenantId: string, type: AnyEntity, id: string): Promise<Row | null> {
    const place = placeOf(type, tenantId, id)
    return isKey(id) ? revive(type, tenantId, await forms.get(place)) : null
  }

  async function readAll(owned: readonly { tenantId: string; type: AnyEntity; id: string }[]): Promise<(Row | null)[]> {
    const places = owned.map(({ type, tenantId, id }) => placeOf(type, tenantId, id))
    const items = await forms.getAll(places.filter((_, position) => isKey(owned[position]?.id ?? '')))
    return owned.map(({ type, tenantId }, position) =>
      revive(type, tenantId, items.get(placeId(places[position] as (typeof places)[number]))),
    )
  }

  const holds = (row: Row | null, fields: readonly string[], values: readonly Value[]): boolean =>
    row !== null && valuesOf(row, fields)?.every((value, position) => value === values[position]) === true

  async function find(tenantId: string, type: AnyEntity, key: string, values: readonly Value[]): Promise<Row | null> {
    const fields = keyFields(type, type.unique[key], key, values)
    if (values.includes(null)) return null
    const identity = type.identity[key]
    if (identity !== undefined) {
      const row = await get(tenantId, type, identity(...values.map(String)))
      return holds(row, fields, values) ? row : null
    }
    const { pk, sk } = findPlace(tenantId, type, key, values)
    if (!isKey(sk)) return null
    for (let attempt = 1; attempt <= follows; attempt += 1) {
      const item = await forms.get({ table: db.keys, key: { pk: { S: pk }, sk: { S: sk } } })
      if (item === null) return null
      const row = await get(tenantId, type, item.id?.S ?? '')
      if (holds(row, fields, values)) return row
    }
    return null
  }

  return {
    get,
    find,
    read: (tenantId: string, references: readonly Reference[]): Promise<(Row | null)[]> =>
      readAll(references.map(({ type, id }) => ({ tenantId, type, id }))),
    readAll,
    /** Rows of all tenants under a directory key. */
    async lookup(type: AnyEntity, directory: string, values: readonly Value[], limit: number): Promise<Owned[]> {
      const fields = keyFields(type, type.directory[directory]?.fields, directory, values)
      db.tableOf(type)
      const prefix = values.includes(null) ? '' : tupleOf(values)
      if (prefix === '' || !isKey(prefix)) return []
      for (let attempt = 1; attempt <= follows; attempt += 1) {
        const { items } = await db.query(
          {
            KeyConditionExpression: '#p = :p AND #s BETWEEN :from AND :to',
            ExpressionAttributeNames: { '#p': 'pk', '#s': 'sk' },
            ExpressionAttributeValues: {
              ':p': { S: directoryPartition(type, directory, values) },
              ':from': { S: prefix },
              ':to': { S: endOf(prefix) },
            },
            Limit: limit,
          },
          db.keys,
        )
        const owners = (await forms.settleAll(db.keys, items)).map((item) => ({
          tenantId: item.tenantId?.S ?? '',
          type,
          id: item.id?.S ?? '',
        }))
        const found = owners.length === 0 ? [] : await readAll(owners)
        const held = found.flatMap((row, position) =>
          holds(row, fields, values) && row !== null ? [{ tenantId: owners[position]?.tenantId ?? '', row }] : [],
        )
        // a row that has left the key in between leaves its item with it: what is there now is asked for again
        if (held.length === owners.length) return held
      }
      return []
    },
  }
}

export type Reader = ReturnType<typeof reader>

function keyFields(type: AnyEntity, fields: readonly string[] | undefined, key: string, values: readonly Value[]): readonly string[] {
  if (fields === undefined || fields.length !== values.length) throw new Error(`${type.name} has no key ${key} of ${values.length} fields`)
  for (const field of fields) columnOf(type, field)
  return fields
}
