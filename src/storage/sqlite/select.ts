import { sha256 } from '../../kernel/canonical.ts'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { pageLimit } from '../../kernel/page.ts'
import type { Filter, Selection, Value } from '../port.ts'
import { columnOf, quote } from './schema.ts'
import type { SqlValue } from './wire.ts'

/** A selection as SQL. `order` are the columns that a list goes by, id last. */
export type Where = { sql: string; values: SqlValue[]; order: Column[] }

export function toValue(column: Column, value: Value): SqlValue {
  if (column.kind === 'json') throw new Error(`${column.field} holds nested values; nothing compares with them`)
  return typeof value === 'boolean' ? (value ? 1 : 0) : value
}

/** Compiles an index, the equality on its leading fields, and filters. What was not declared is a programming error. */
export function compileSelection(type: AnyEntity, { index, where = {}, filter = [] }: Selection): Where {
  const fields = index === undefined ? [] : type.indexes[index]
  if (fields === undefined) throw new Error(`${type.name} has no index ${index}`)
  const given = Object.keys(where).length
  const leading = fields.slice(0, given)
  if (leading.length < given || leading.some((field) => where[field] === undefined)) {
    throw new Error(`${type.name}: equality is on the leading fields of ${index ?? 'an index'}, not on ${Object.keys(where).join(', ')}`)
  }
  const terms = ['tenant_id = ?']
  const values: SqlValue[] = []
  for (const field of leading) equals(columnOf(type, field), where[field] as Value | readonly Value[], terms, values)
  const rest = fields.slice(given).map((field) => columnOf(type, field))
  for (const column of rest) if (column.nullable) terms.push(`${quote(column.name)} IS NOT NULL`)
  for (const one of filter) narrow(columnOf(type, one.field), one, terms, values)
  return { sql: terms.join(' AND '), values, order: [...rest, columnOf(type, 'id')] }
}

function equals(column: Column, value: Value | readonly Value[], terms: string[], values: SqlValue[]): void {
  const name = quote(column.name)
  if (!isList(value)) {
    terms.push(value === null ? `${name} IS NULL` : `${name} = ?`)
    if (value !== null) values.push(toValue(column, value))
  } else if (value.length === 1) {
    equals(column, value[0] as Value, terms, values)
  } else {
    terms.push(anyOf(name, column, value))
    values.push(listOf(column, value))
  }
}

const isList = (value: Value | readonly Value[]): value is readonly Value[] => Array.isArray(value)

/** One parameter for a list of any length, so that the statement stays the same. */
const anyOf = (name: string, column: Column, list: readonly Value[]): string => {
  const among = `${name} IN (SELECT value FROM json_each(?))`
  return column.nullable && list.includes(null) ? `(${name} IS NULL OR ${among})` : among
}

const listOf = (column: Column, list: readonly Value[]): string =>
  JSON.stringify(list.filter((one) => one !== null).map((one) => toValue(column, one)))

const operators = { eq: '=', ne: 'IS NOT', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** The unary plus keeps the planner from leaving the declared index for one that suits the filter. */
function narrow(column: Column, filter: Filter, terms: string[], values: SqlValue[]): void {
  const name = `+${quote(column.name)}`
  if (filter.op === 'in') {
    terms.push(anyOf(name, column, filter.value))
    values.push(listOf(column, filter.value))
  } else if (filter.op === 'contains') {
    terms.push(`instr(${name}, ?) > 0`)
    values.push(filter.value)
  } else if (filter.op === 'eq' && filter.value === null) {
    terms.push(`${name} IS NULL`)
  } else {
    terms.push(`${name} ${operators[filter.op]} ?`)
    values.push(toValue(column, filter.value))
  }
}

/** `id > ?`, or the row value of several columns: everything after the row that a cursor names. */
export const beyond = (order: readonly string[], descending: boolean): string => {
  const names = order.map(quote).join(', ')
  return order.length === 1
    ? `${names} ${descending ? '<' : '>'} ?`
    : `(${names}) ${descending ? '<' : '>'} (${order.map(() => '?').join(', ')})`
}

/** Names a list by its shape, so that a cursor of another list is refused. */
export const listName = (...shape: readonly unknown[]): string => sha256(JSON.stringify(shape)).slice(0, 16)

export function limitOf(limit: number | undefined): number {
  const wanted = limit ?? pageLimit.default
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > pageLimit.max)
    throw new Error(`A page has 1 to ${pageLimit.max} rows, not ${wanted}`)
  return wanted
}
