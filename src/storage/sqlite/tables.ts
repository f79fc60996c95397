import type { Database, Statement } from 'better-sqlite3'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { type SqlValue, toValue } from '../encoded.ts'
import type { Value } from '../port.ts'
import { columnOf, quote } from './schema.ts'

export type Row = Record<string, unknown>

/** How many statements stay prepared. */
const statementsKept = 1_000

/** The tables as one connection reads them. A statement outside a transaction sees all that was committed before it began. */
export function tables(db: Database, entities: readonly AnyEntity[]) {
  const statements = new Map<string, Statement<unknown[], Row>>()
  const known = new Map(
    entities.map((type) => {
      const columns = named(type.columns)
      const table = quote(type.table)
      const get = db.prepare<unknown[], Row>(`SELECT ${columns} FROM ${table} WHERE tenant_id = ? AND id = ?`)
      return [type.name, { columns, table, get, revive: reviver(type.columns) }]
    }),
  )

  return {
    of(type: AnyEntity) {
      const found = known.get(type.name)
      if (found === undefined) throw new Error(`The engine was not told of the entity ${type.name}`)
      return found
    },
    prepare(sql: string): Statement<unknown[], Row> {
      const found = statements.get(sql)
      if (found !== undefined) return found
      if (statements.size >= statementsKept) statements.clear()
      const statement = db.prepare<unknown[], Row>(sql)
      statements.set(sql, statement)
      return statement
    },
  }
}

export type Tables = ReturnType<typeof tables>

/** Columns under their fields' names, so that the row comes out as the entity's. */
export const named = (columns: readonly Column[]): string =>
  columns.map((column) => `${quote(column.name)} AS ${quote(column.field)}`).join(', ')

/** Turns a stored row into the entity's, in place: only booleans and nested values are stored as something else. */
export function reviver(columns: readonly Column[]): (row: Row) => Row {
  const booleans = columns.filter((column) => column.kind === 'boolean').map((column) => column.field)
  const nested = columns.filter((column) => column.kind === 'json').map((column) => column.field)
  return (row) => {
    for (const field of booleans) if (row[field] !== null) row[field] = row[field] === 1
    for (const field of nested) if (row[field] !== null) row[field] = JSON.parse(row[field] as string)
    return row
  }
}

/** A row of any tenant, and whose it is. */
export function owned({ tenant_id: tenantId, ...row }: Row, revive: (row: Row) => Row): { tenantId: string; row: Row } {
  return { tenantId: tenantId as string, row: revive(row) }
}

export function keyFields(type: AnyEntity, fields: readonly string[] | undefined, key: string, values: readonly Value[]): Column[] {
  if (fields === undefined || fields.length !== values.length) throw new Error(`${type.name} has no key ${key} of ${values.length} fields`)
  return fields.map((field) => columnOf(type, field))
}

/** `= NULL` is never true, so a null finds nothing, as a key with a null holds nothing. */
export const equal = (fields: readonly Column[]): string => fields.map((column) => `${quote(column.name)} = ?`).join(' AND ')

export const sqlValues = (fields: readonly Column[], values: readonly Value[]): SqlValue[] =>
  fields.map((column, position) => toValue(column, values[position] ?? null))
