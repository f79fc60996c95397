import type { AnyEntity } from '../../kernel/entity.ts'
import { type CursorValue, decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import { toValue } from '../encoded.ts'
import type { Query, Selection, Value } from '../port.ts'
import type { Database } from './db.ts'
import { type Item, keyOf, type Row, rowOf } from './item.ts'
import { columnOf, directoryPartition, directoryPartitions, endOf, tupleOf } from './keys.ts'
import type { Owned, Reader } from './read.ts'
import { compare, compareAll, limitOf, listName, selectionOf, sortable } from './select.ts'
import type { Forms } from './staged-form.ts'

export type DirectoryQuery = { where?: readonly Value[]; cursor?: string | null; limit?: number }

type Walk = { descending?: boolean; after?: string | null; limit?: number }

/**
 * Pages and counts, of the tenant's own partition alone and consistently: by id as many rows as the page has, by an index every row of the entity that the tenant has
 * (docs/decisions/0007-dynamodb-engine.md has the reason and the cost).
 */
export function lister(db: Database, forms: Forms, read: Reader) {
  /** Rows of a tenant in the order of their ids, page of the table by page. */
  async function* rowsOf(tenantId: string, type: AnyEntity, { descending = false, after = null, limit }: Walk): AsyncGenerator<Row[]> {
    const table = db.tableOf(type)
    if (table.range === null) {
      const own = after === null ? await read.get(tenantId, type, tenantId) : null
      if (own !== null) yield [own]
      return
    }
    let start: Item | null = after === null ? null : keyOf(table, tenantId, after)
    do {
      const page = await db.query(
        {
          KeyConditionExpression: '#t = :t',
          ExpressionAttributeNames: { '#t': table.hash.attribute },
          ExpressionAttributeValues: { ':t': { S: tenantId } },
          ScanIndexForward: !descending,
          ...(limit === undefined ? {} : { Limit: limit }),
          ...(start === null ? {} : { ExclusiveStartKey: start }),
        },
        table,
      )
      yield (await forms.settleAll(table, page.items)).flatMap((item) => rowOf(table, tenantId, item) ?? [])
      start = page.next
    } while (start !== null)
  }

  async function matching(tenantId: string, type: AnyEntity, selection: Selection): Promise<Row[]> {
    const { matches } = selectionOf(type, selection)
    const rows: Row[] = []
    for await (const page of rowsOf(tenantId, type, {})) for (const row of page) if (matches(row)) rows.push(row)
    return rows
  }

  const keyOfRow = (row: Row, order: readonly string[]): CursorValue[] => order.map((field) => sortable(row[field]))

  async function list(tenantId: string, type: AnyEntity, query: Query): Promise<Page<Row>> {
    const limit = limitOf(query.limit)
    const descending = query.order === 'desc'
    const { order, matches } = selectionOf(type, query)
    db.tableOf(type)
    const name = listName(type.name, query.index ?? null, descending, query.where ?? null)
    const after = query.cursor == null ? null : decodeCursor(name, query.cursor, order.length)
    const page = (rows: readonly Row[]): Page<Row> => {
      const last = rows.length > limit ? rows[limit - 1] : undefined
      return { items: rows.slice(0, limit), nextCursor: last === undefined ? null : encodeCursor(name, keyOfRow(last, order)) }
    }
    if (query.index === undefined) {
      const found: Row[] = []
      const isFiltered = (query.filter ?? []).length > 0
      const walk: Walk = { descending, after: after === null ? null : String(after[0]), ...(isFiltered ? {} : { limit: limit + 1 }) }
      for await (const rows of rowsOf(tenantId, type, walk)) {
        found.push(...rows.filter(matches))
        if (found.length > limit) break
      }
      return page(found)
    }
    const sign = descending ? -1 : 1
    const keyed = (await matching(tenantId, type, query)).map((row) => ({ row, key: keyOfRow(row, order) }))
    const rest = after === null ? keyed : keyed.filter(({ key }) => compareAll(key, after) * sign > 0)
    rest.sort((a, b) => compareAll(a.key, b.key) * sign)
    return page(rest.slice(0, limit + 1).map(({ row }) => row))
  }

  async function tally(tenantId: string, type: AnyEntity, selection: Selection, by: readonly string[]) {
    for (const field of by) toValue(columnOf(type, field), null)
    const groups = new Map<string, { values: Value[]; count: number }>()
    for (const row of await matching(tenantId, type, selection)) {
      const values = by.map((field) => row[field] as Value)
      const name = JSON.stringify(values)
      const group = groups.get(name) ?? { values, count: 0 }
      group.count += 1
      groups.set(name, group)
    }
    return [...groups.values()]
  }

  /** Places of a directory's items in their order, from where the cursor left off. */
  async function placesOf(partition: string, { from, to, limit }: { from: string; to: string; limit: number }) {
    const places: { sk: string; tenantId: string; id: string }[] = []
    let start: Item | null = null
    do {
      const page = await db.query(
        {
          KeyConditionExpression: '#p = :p AND #s BETWEEN :from AND :to',
          ExpressionAttributeNames: { '#p': 'pk', '#s': 'sk' },
          ExpressionAttributeValues: { ':p': { S: partition }, ':from': { S: from }, ':to': { S: to } },
          Limit: limit,
          ...(start === null ? {} : { ExclusiveStartKey: start }),
        },
        db.keys,
      )
      const items = await forms.settleAll(db.keys, page.items)
      places.push(...items.map((item) => ({ sk: item.sk?.S ?? '', tenantId: item.tenantId?.S ?? '', id: item.id?.S ?? '' })))
      start = page.next
    } while (start !== null && places.length < limit)
    return places
  }

  async function listAll(type: AnyEntity, directory: string, query: DirectoryQuery): Promise<Page<Owned>> {
    const limit = limitOf(query.limit)
    const fields = type.directory[directory]?.fields
    const where = query.where ?? []
    if (fields === undefined || where.length > fields.length)
      throw new Error(`${type.name} has no directory ${directory} of ${where.length} fields`)
    db.tableOf(type)
    const name = listName(type.name, directory, where)
    const after = query.cursor == null ? null : String(decodeCursor(name, query.cursor, 1)[0])
    if (where.includes(null)) return { items: [], nextCursor: null }
    const prefix = tupleOf(where)
    const partitions = where.length > 0 ? [directoryPartition(type, directory, where)] : directoryPartitions(type, directory)
    const range = {
      from: after === null ? prefix || '\u0000' : `${after}\u0000`,
      to: prefix === '' ? '\u{10ffff}' : endOf(prefix),
      limit: limit + 1,
    }
    const places = (await Promise.all(partitions.map((partition) => placesOf(partition, range)))).flat()
    places.sort((a, b) => compare(a.sk, b.sk))
    const rows = await read.readAll(places.slice(0, limit).map(({ tenantId, id }) => ({ tenantId, type, id })))
    const items = rows.flatMap((row, position) => (row === null ? [] : [{ tenantId: places[position]?.tenantId ?? '', row }]))
    const last = places[limit - 1]
    return { items, nextCursor: places.length > limit && last !== undefined ? encodeCursor(name, [last.sk]) : null }
  }

  return {
    list,
    tally,
    listAll,
    rowsOf,
    count: async (tenantId: string, type: AnyEntity, selection: Selection): Promise<number> =>
      (await matching(tenantId, type, selection)).length,
  }
}

export type Lister = ReturnType<typeof lister>
