import { sha256 } from '../../kernel/canonical.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { pageLimit } from '../../kernel/page.ts'
import type { Filter, Selection, Value } from '../port.ts'
import { arrayOf, columnOf, quote, type StoredColumn, tenantOf } from './schema.ts'
import { arrayText, boundValue } from './values.ts'

/** A selection as SQL. `order` are the columns that a list goes by, id last. */
export type Selected = { where: string; values: (string | null)[]; order: StoredColumn[] }

/** Compiles an index, the equality on its leading fields, and filters. What was not declared is a programming error. The first parameter is the tenant. */
export function compileSelection(type: AnyEntity, tenant: string, { index, where = {}, filter = [] }: Selection): Selected {
  const fields = index === undefined ? [] : type.indexes[index]
  if (fields === undefined) throw new Error(`${type.name} has no index ${index}`)
  const given = Object.keys(where).length
  const leading = fields.slice(0, given)
  if (leading.length < given || leading.some((field) => where[field] === undefined)) {
    throw new Error(`${type.name}: equality is on the leading fields of ${index ?? 'an index'}, not on ${Object.keys(where).join(', ')}`)
  }
  const terms = ['tenant_id = $1']
  const values: (string | null)[] = [tenantOf(type, tenant)]
  const bind = (value: string | null): string => `$${values.push(value)}`
  for (const field of leading) {
    const wanted = where[field] as Value | readonly Value[]
    terms.push(anyOf(columnOf(type, field), isList(wanted) ? [...new Set(wanted)] : [wanted], bind))
  }
  const rest = fields.slice(given).map((field) => columnOf(type, field))
  for (const column of rest) if (column.nullable) terms.push(`${quote(column.name)} IS NOT NULL`)
  for (const one of filter) terms.push(narrow(columnOf(type, one.field), one, bind))
  return { where: terms.join(' AND '), values, order: [...rest, columnOf(type, 'id')] }
}

type Bind = (value: string | null) => string

const isList = (value: Value | readonly Value[]): value is readonly Value[] => Array.isArray(value)

function anyOf(column: StoredColumn, list: readonly Value[], bind: Bind): string {
  const name = quote(column.name)
  const [only] = list
  if (list.length === 1 && only === null) return `${name} IS NULL`
  if (list.length === 1 && only !== undefined) return `${name} = ${bind(boundValue(column, only))}`
  const among = `${name} = ANY(${bind(arrayText(list.filter((one) => one !== null).map((one) => boundValue(column, one))))}::${arrayOf(column)})`
  return column.nullable && list.includes(null) ? `(${name} IS NULL OR ${among})` : among
}

const operators = { eq: '=', ne: 'IS DISTINCT FROM', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

function narrow(column: StoredColumn, filter: Filter, bind: Bind): string {
  const name = quote(column.name)
  if (column.kind === 'json') throw new Error(`${column.field} holds nested values; nothing compares with them`)
  if (filter.op === 'in') return anyOf(column, filter.value.length === 1 ? [...filter.value] : filter.value, bind)
  if (filter.op === 'contains') return `strpos(${name}, ${bind(boundValue(column, filter.value))}) > 0`
  if (filter.op === 'eq' && filter.value === null) return `${name} IS NULL`
  if (filter.op === 'ne' && filter.value === null) return `${name} IS NOT NULL`
  return `${name} ${operators[filter.op]} ${bind(boundValue(column, filter.value))}`
}

/** The order of a list, and the condition that takes everything after the row that a cursor names. `first` is the number of its first parameter. */
export function orderOf(names: readonly string[], descending: boolean, first: number): { by: string; beyond: string } {
  const places = names.map((_, position) => `$${first + position}`).join(', ')
  return {
    by: names.map((name) => quote(name) + (descending ? ' DESC' : '')).join(', '),
    beyond: `(${names.map(quote).join(', ')}) ${descending ? '<' : '>'} (${places})`,
  }
}

/** Names a list by its shape, so that a cursor of another list is refused. */
export const listName = (...shape: readonly unknown[]): string => sha256(JSON.stringify(shape)).slice(0, 16)

export function limitOf(limit: number | undefined): number {
  const wanted = limit ?? pageLimit.default
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > pageLimit.max)
    throw new Error(`A page has 1 to ${pageLimit.max} rows, not ${wanted}`)
  return wanted
}
