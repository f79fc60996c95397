import type { Database, Statement } from 'better-sqlite3'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { type CursorValue, decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import type { Query, Selection, Value } from '../port.ts'
import { columnOf, quote } from './schema.ts'
import { compileSelection, limitOf, listName, orderOf, toValue } from './select.ts'
import type { SqlValue } from './wire.ts'

type Row = Record<string, unknown>

/** How many statements stay prepared. */
const statementsKept = 1_000

/** Turns a stored row into the entity's, in place: only booleans and nested values are stored as something else. */
function reviver(columns: readonly Column[]): (row: Row) => Row {
  const booleans = columns.filter((column) => column.kind === 'boolean').map((column) => column.field)
  const nested = columns.filter((column) => column.kind === 'json').map((column) => column.field)
  return (row) => {
    for (const field of booleans) if (row[field] !== null) row[field] = row[field] === 1
    for (const field of nested) if (row[field] !== null) row[field] = JSON.parse(row[field] as string)
    return row
  }
}

const named = (columns: readonly Column[]): string => columns.map((column) => `${quote(column.name)} AS ${quote(column.field)}`).join(', ')

/** Every read of one connection. A statement outside a transaction sees all that was committed before it began. */
export function reader(db: Database, entities: readonly AnyEntity[]) {
  const statements = new Map<string, Statement<unknown[], Row>>()
  const known = new Map(
    entities.map((type) => {
      const columns = named(type.columns)
      const table = quote(type.table)
      const get = db.prepare<unknown[], Row>(`SELECT ${columns} FROM ${table} WHERE tenant_id = ? AND id = ?`)
      return [type.name, { columns, table, get, revive: reviver(type.columns) }]
    }),
  )

  function tableOf(type: AnyEntity) {
    const found = known.get(type.name)
    if (found === undefined) throw new Error(`The engine was not told of the entity ${type.name}`)
    return found
  }

  function prepare(sql: string): Statement<unknown[], Row> {
    const found = statements.get(sql)
    if (found !== undefined) return found
    if (statements.size >= statementsKept) statements.clear()
    const statement = db.prepare<unknown[], Row>(sql)
    statements.set(sql, statement)
    return statement
  }

  function get(tenant: string, type: AnyEntity, id: string): Row | null {
    const { get, revive } = tableOf(type)
    const row = get.get(tenant, id)
    return row === undefined ? null : revive(row)
  }

  function find(tenant: string, type: AnyEntity, key: string, values: readonly Value[]): Row | null {
    const { columns, table, revive } = tableOf(type)
    const fields = keyFields(type, type.unique[key], key, values)
    const row = prepare(`SELECT ${columns} FROM ${table} WHERE tenant_id = ? AND ${equal(fields)}`).get(
      tenant,
      ...sqlValues(fields, values),
    )
    return row === undefined ? null : revive(row)
  }

  function list(tenant: string, type: AnyEntity, query: Query): Page<Row> {
    const { columns, table, revive } = tableOf(type)
    const limit = limitOf(query.limit)
    const descending = query.order === 'desc'
    const { from, where, values, order, isMerged } = compileSelection(type, query)
    const name = listName(type.name, query.index ?? null, descending, query.where ?? null)
    const after = query.cursor == null ? [] : decodeCursor(name, query.cursor, order.length)
    const names = order.map((column) => column.name)
    const { by, beyond } = orderOf(names, descending)
    const picked = `FROM ${from} WHERE ${after.length > 0 ? `${where} AND ${beyond}` : where} ORDER BY ${by} LIMIT ?`
    const bound = [tenant, ...values, ...after, limit + 1]
    const rows = isMerged
      ? prepare(merged({ table, columns, names, by }, picked)).all(...bound, tenant)
      : prepare(`SELECT ${columns} ${picked}`).all(...bound)
    const nextCursor = cursorAfter(rows, limit, name, order)
    return { items: rows.slice(0, limit).map(revive), nextCursor }
  }

  function count(tenant: string, type: AnyEntity, selection: Selection): number {
    tableOf(type)
    const { from, where, values } = compileSelection(type, selection)
    return prepare(`SELECT count(*) AS count FROM ${from} WHERE ${where}`).get(tenant, ...values)?.count as number
  }

  function tally(tenant: string, type: AnyEntity, selection: Selection, by: readonly string[]): { values: Value[]; count: number }[] {
    tableOf(type)
    const groups = by.map((field) => columnOf(type, field))
    for (const column of groups) toValue(column, null)
    const { from, where, values } = compileSelection(type, selection)
    const names = groups.map((column) => quote(column.name)).join(', ')
    const rows = prepare(
      `SELECT ${[...groups.map((column) => `${quote(column.name)} AS ${quote(column.field)}`), 'count(*) AS "count(*)"'].join(', ')}
       FROM ${from} WHERE ${where}${names === '' ? ' HAVING count(*) > 0' : ` GROUP BY ${names}`}`,
    ).all(tenant, ...values)
    const revive = reviver(groups)
    return rows.map(revive).map((row) => ({ values: by.map((field) => row[field] as Value), count: row['count(*)'] as number }))
  }

  /** Rows of all tenants under a directory key, oldest tenant first. */
  function lookup(type: AnyEntity, directory: string, values: readonly Value[], limit: number): { tenantId: string; row: Row }[] {
    const { columns, table, revive } = tableOf(type)
    const fields = keyFields(type, type.directory[directory]?.fields, directory, values)
    return prepare(`SELECT tenant_id, ${columns} FROM ${table} WHERE ${equal(fields)} ORDER BY tenant_id, id LIMIT ?`)
      .all(...sqlValues(fields, values), limit)
      .map((row) => owned(row, revive))
  }

  function listAll(
    type: AnyEntity,
    directory: string,
    query: { where?: readonly Value[]; cursor?: string | null; limit?: number },
  ): Page<{ tenantId: string; row: Row }> {
    const { columns, table, revive } = tableOf(type)
    const limit = limitOf(query.limit)
    const declared = type.directory[directory]?.fields
    const where = query.where ?? []
    if (declared === undefined || where.length > declared.length)
      throw new Error(`${type.name} has no directory ${directory} of ${where.length} fields`)
    const leading = declared.slice(0, where.length).map((field) => columnOf(type, field))
    const rest = declared.slice(where.length).map((field) => columnOf(type, field))
    const order = [...rest.map((column) => column.name), 'tenant_id', 'id']
    const { by, beyond } = orderOf(order, false)
    const name = listName(type.name, directory, where)
    const after = query.cursor == null ? [] : decodeCursor(name, query.cursor, order.length)
    const terms = [
      equal(leading),
      ...rest.filter((column) => column.nullable).map((column) => `${quote(column.name)} IS NOT NULL`),
      ...(after.length > 0 ? [beyond] : []),
    ].filter((term) => term !== '')
    const rows = prepare(
      `SELECT tenant_id, ${columns} FROM ${table}${terms.length > 0 ? ` WHERE ${terms.join(' AND ')}` : ''} ORDER BY ${by} LIMIT ?`,
    ).all(...sqlValues(leading, where), ...after, limit + 1)
    const nextCursor = cursorAfter(rows, limit, name, [...rest, tenantColumn, columnOf(type, 'id')])
    return { items: rows.slice(0, limit).map((row) => owned(row, revive)), nextCursor }
  }

  return { get, find, list, count, tally, lookup, listAll }
}

export type Reader = ReturnType<typeof reader>

const tenantColumn: Column = { field: 'tenant_id', name: 'tenant_id', kind: 'text', nullable: false }

function owned({ tenant_id: tenantId, ...row }: Row, revive: (row: Row) => Row): { tenantId: string; row: Row } {
  return { tenantId: tenantId as string, row: revive(row) }
}

function keyFields(type: AnyEntity, fields: readonly string[] | undefined, key: string, values: readonly Value[]): Column[] {
  if (fields === undefined || fields.length !== values.length) throw new Error(`${type.name} has no key ${key} of ${values.length} fields`)
  return fields.map((field) => columnOf(type, field))
}

/** Several values of a leading field: the index alone picks the rows of the page, value by value, and only those are fetched. */
function merged(
  { table, columns, names, by }: { table: string; columns: string; names: readonly string[]; by: string },
  picked: string,
): string {
  const chosen = names.map((name, position) => `${quote(name)} AS "sort ${position}"`).join(', ')
  const order = by.split(', ').map((term, position) => `"sort ${position}"${term.endsWith(' DESC') ? ' DESC' : ''}`)
  return `SELECT ${columns} FROM (SELECT ${chosen} ${picked}) JOIN ${table} ON tenant_id = ? AND id = "sort ${names.length - 1}" ORDER BY ${order.join(', ')}`
}

/** `= NULL` is never true, so a null finds nothing, as a key with a null holds nothing. */
const equal = (fields: readonly Column[]): string => fields.map((column) => `${quote(column.name)} = ?`).join(' AND ')

const sqlValues = (fields: readonly Column[], values: readonly Value[]): SqlValue[] =>
  fields.map((column, position) => toValue(column, values[position] ?? null))

function cursorAfter(rows: readonly Row[], limit: number, name: string, order: readonly Column[]): string | null {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return last === undefined
    ? null
    : encodeCursor(
        name,
        order.map((column) => last[column.field] as CursorValue),
      )
}
