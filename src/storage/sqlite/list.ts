import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { type CursorValue, decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import { type SqlValue, toValue } from '../encoded.ts'
import type { Query, Selection, Value } from '../port.ts'
import { keyOf, type PageCache } from './page-cache.ts'
import type { RowCache } from './row-cache.ts'
import type { Scans } from './scans.ts'
import { columnOf, quote } from './schema.ts'
import { compileSelection, limitOf, listName, orderOf } from './select.ts'
import type { Snapshot } from './snapshot.ts'
import { equal, named, owned, type Row, reviver, sqlValues, type Tables } from './tables.ts'

export type DirectoryQuery = { where?: readonly Value[]; cursor?: string | null; limit?: number }

type Kept = { turn: Snapshot; cache: RowCache; pages: PageCache }

/** Pages and counts. What may have to look at every row of a large tenant does so in a thread of its own (scans.ts). */
export function lister({ of, prepare }: Tables, scans: Scans, { turn, cache, pages }: Kept) {
  const read = pageReader(prepare, cache)

  async function list(tenant: string, type: AnyEntity, query: Query): Promise<Page<Row>> {
    const limit = limitOf(query.limit)
    const key = keyOf(query, limit)
    const known = limit > limitKept ? undefined : pages.get(type, tenant, key)
    if (known !== undefined) return known
    turn.begin()
    const { revive } = of(type)
    const asked = ask(tenant, type, query, limit)
    const mayScan = (query.filter ?? []).length > 0
    if (mayScan && scans.isLarge(tenant, type)) return pageOf(await scans.all(asked.sql, asked.bound), asked, revive)
    if (limit > limitKept) return pageOf(prepare(asked.sql).all(...asked.bound), asked, revive)
    return pages.set(
      type,
      tenant,
      key,
      pageOf(read(tenant, type, asked), asked, (row) => row),
    )
  }

  /** The statement of a page, and what its cursor consists of. */
  function ask(tenant: string, type: AnyEntity, query: Query, limit: number): Asked {
    const { columns, table, revive } = of(type)
    const descending = query.order === 'desc'
    const { from, where, values, order, isMerged } = compileSelection(type, query)
    const name = listName(type.name, query.index ?? null, descending, query.where ?? null)
    const after = query.cursor == null ? [] : decodeCursor(name, query.cursor, order.length)
    const names = order.map((column) => column.name)
    const { by, beyond } = orderOf(names, descending)
    const picked = `FROM ${from} WHERE ${after.length > 0 ? `${where} AND ${beyond}` : where} ORDER BY ${by} LIMIT 0 + ?`
    const bound = [tenant, ...values, ...after, limit + 1]
    const sql = isMerged ? merged({ table, columns, names, descending }, picked) : `SELECT ${columns} ${picked}`
    if (isMerged) bound.push(tenant)
    const isPicked = isMerged || (query.filter ?? []).length > 0
    return { sql, short: isPicked ? null : `SELECT id, version ${picked}`, bound, revive, limit, name, order }
  }

  /** A count or a tally: one row per group. */
  async function group(tenant: string, type: AnyEntity, selection: Selection, by: readonly Column[]): Promise<Row[]> {
    of(type)
    for (const column of by) toValue(column, null)
    const { from, where, values } = compileSelection(type, selection)
    const selected = [...(by.length === 0 ? [] : [named(by)]), 'count(*) AS "count(*)"'].join(', ')
    const groups = by.length === 0 ? '' : ` GROUP BY ${by.map((column) => quote(column.name)).join(', ')}`
    const sql = `SELECT ${selected} FROM ${from} WHERE ${where}${groups}`
    const rows = scans.isLarge(tenant, type) ? await scans.all(sql, [tenant, ...values]) : prepare(sql).all(tenant, ...values)
    return rows.map(reviver(by))
  }

  async function count(tenant: string, type: AnyEntity, selection: Selection): Promise<number> {
    const [row] = await group(tenant, type, selection, [])
    return row?.['count(*)'] as number
  }

  async function tally(tenant: string, type: AnyEntity, selection: Selection, by: readonly string[]) {
    const columns = by.map((field) => columnOf(type, field))
    const rows = await group(tenant, type, selection, columns)
    const tallied = rows.map((row) => ({ values: by.map((field) => row[field] as Value), count: row['count(*)'] as number }))
    return tallied.filter((one) => one.count > 0)
  }

  function listAll(type: AnyEntity, directory: string, query: DirectoryQuery): Page<{ tenantId: string; row: Row }> {
    const { columns, table, revive } = of(type)
    const limit = limitOf(query.limit)
    const declared = type.directory[directory]?.fields
    const where = query.where ?? []
    if (declared === undefined || where.length > declared.length) {
      throw new Error(`${type.name} has no directory ${directory} of ${where.length} fields`)
    }
    const leading = declared.slice(0, where.length).map((field) => columnOf(type, field))
    const rest = declared.slice(where.length).map((field) => columnOf(type, field))
    const order = [...rest, tenantColumn, columnOf(type, 'id')]
    const names = order.map((column) => column.name)
    const { by, beyond } = orderOf(names, false)
    const name = listName(type.name, directory, where)
    const after = query.cursor == null ? [] : decodeCursor(name, query.cursor, order.length)
    const present = rest.filter((column) => column.nullable).map((column) => `${quote(column.name)} IS NOT NULL`)
    const terms = [equal(leading), ...present, after.length > 0 ? beyond : ''].filter((term) => term !== '')
    const condition = terms.length > 0 ? ` WHERE ${terms.join(' AND ')}` : ''
    const rows = prepare(`SELECT tenant_id, ${columns} FROM ${table}${condition} ORDER BY ${by} LIMIT 0 + ?`).all(
      ...sqlValues(leading, where),
      ...after,
      limit + 1,
    )
    return pageOf(rows, { limit, name, order }, (row) => owned(row, revive))
  }

  return { list, count, tally, listAll }
}

/** Pages of up to this size are what people look at again and again; longer ones are walks through everything, which would only push other rows out. */
const limitKept = 50

type Asked = {
  sql: string
  /** The ids and versions of the same rows; null where picking them takes as long as the rows. */
  short: string | null
  bound: readonly SqlValue[]
  revive: (row: Row) => Row
  limit: number
  name: string
  order: readonly Column[]
}

/** Reads a page by its ids and versions alone when every row of it is kept, else whole, and keeps its rows. Both reads see the same snapshot. */
function pageReader(prepare: Tables['prepare'], cache: RowCache) {
  return (tenant: string, type: AnyEntity, { sql, short, bound, revive }: Asked): Row[] => {
    const kept: Row[] = []
    const wanted = short === null ? null : prepare(short).all(...bound)
    for (const { id, version } of wanted ?? []) {
      const row = cache.get(type, tenant, id as string)
      if (row?.version !== version) break
      kept.push(row as Row)
    }
    if (kept.length === wanted?.length) return kept
    return prepare(sql)
      .all(...bound)
      .map((row) => cache.set(type, tenant, revive(row)))
  }
}

export type Lister = ReturnType<typeof lister>

const tenantColumn: Column = { field: 'tenant_id', name: 'tenant_id', kind: 'text', nullable: false }

/** One row more than the page was read: when it is there, the page's last row is where the next one begins. */
function pageOf<T>(
  rows: readonly Row[],
  { limit, name, order }: Pick<Asked, 'limit' | 'name' | 'order'>,
  revive: (row: Row) => T,
): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor =
    last === undefined
      ? null
      : encodeCursor(
          name,
          order.map((column) => cursorValue(last[column.field])),
        )
  return { items: rows.slice(0, limit).map(revive), nextCursor }
}

/** A kept row has booleans where a stored one has 1 and 0. */
const cursorValue = (value: unknown): CursorValue => (typeof value === 'boolean' ? Number(value) : (value as CursorValue))

/** Several values of a leading field: the index alone picks the rows of the page, value by value, and only those are fetched. */
function merged(to: { table: string; columns: string; names: readonly string[]; descending: boolean }, picked: string): string {
  const chosen = to.names.map((name, position) => `${quote(name)} AS "sort ${position}"`).join(', ')
  const order = to.names.map((_, position) => `"sort ${position}"${to.descending ? ' DESC' : ''}`).join(', ')
  const id = `"sort ${to.names.length - 1}"`
  return `SELECT ${to.columns} FROM (SELECT ${chosen} ${picked}) JOIN ${to.table} ON tenant_id = ? AND id = ${id} ORDER BY ${order}`
}
