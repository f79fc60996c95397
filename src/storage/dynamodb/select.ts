import { sha256 } from '../../kernel/canonical.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { type CursorValue, pageLimit } from '../../kernel/page.ts'
import { toValue } from '../encoded.ts'
import type { Filter, Selection, Value } from '../port.ts'
import type { Row } from './item.ts'
import { columnOf } from './keys.ts'

/** A selection made ready to be asked of each row. `order` are the fields that a list goes by, id last. */
export type Selected = { matches(row: Row): boolean; order: readonly string[] }

/** Checks an index, the equality on its leading fields, and filters. What was not declared is a programming error. */
export function selectionOf(type: AnyEntity, { index, where = {}, filter = [] }: Selection): Selected {
  const fields = index === undefined ? [] : type.indexes[index]
  if (fields === undefined) throw new Error(`${type.name} has no index ${index}`)
  const given = Object.keys(where).length
  const leading = fields.slice(0, given)
  if (leading.length < given || leading.some((field) => where[field] === undefined))
    throw new Error(`${type.name}: equality is on the leading fields of ${index ?? 'an index'}, not on ${Object.keys(where).join(', ')}`)
  const wanted = leading.map((field) => {
    const value = where[field] as Value | readonly Value[]
    return [field, new Set(Array.isArray(value) ? value : [value])] as const
  })
  const rest = fields.slice(given)
  const tests = filter.map((one) => testOf(type, one))
  return {
    order: [...rest, 'id'],
    matches: (row) =>
      wanted.every(([field, values]) => values.has(row[field] as Value)) &&
      rest.every((field) => row[field] !== null) &&
      tests.every((test) => test(row)),
  }
}

function testOf(type: AnyEntity, filter: Filter): (row: Row) => boolean {
  const { field } = filter
  toValue(columnOf(type, field), null)
  switch (filter.op) {
    case 'eq':
      return (row) => row[field] === filter.value
    case 'ne':
      return (row) => row[field] !== filter.value
    case 'in': {
      const values = new Set<unknown>(filter.value)
      return (row) => values.has(row[field])
    }
    case 'contains':
      return (row) => typeof row[field] === 'string' && row[field].includes(filter.value)
    default: {
      const { op, value } = filter
      if (value === null) return () => false
      const fits = { gt: (n: number) => n > 0, gte: (n: number) => n >= 0, lt: (n: number) => n < 0, lte: (n: number) => n <= 0 }[op]
      return (row) => row[field] !== null && fits(compare(sortable(row[field]), sortable(value)))
    }
  }
}

/** A value as it is compared, and as a cursor holds it. */
export const sortable = (value: unknown): CursorValue => (typeof value === 'boolean' ? Number(value) : (value as CursorValue))

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff

/** Numbers by size, texts by code point: UTF-16 differs from that where one half of a pair meets a character of the upper end of the basic plane. */
export function compare(a: CursorValue, b: CursorValue): number {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) - Number(b)
  const length = Math.min(a.length, b.length)
  for (let position = 0; position < length; position += 1) {
    const [x, y] = [a.charCodeAt(position), b.charCodeAt(position)]
    if (x === y) continue
    return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? (y >= 0xe000 ? 1 : x - y) : x >= 0xe000 ? -1 : x - y
  }
  return a.length - b.length
}

export function compareAll(a: readonly CursorValue[], b: readonly CursorValue[]): number {
  for (const [position, value] of a.entries()) {
    const order = compare(value, b[position] as CursorValue)
    if (order !== 0) return order
  }
  return 0
}

/** Names a list by its shape, so that a cursor of another list is refused. */
export const listName = (...shape: readonly unknown[]): string => sha256(JSON.stringify(shape)).slice(0, 16)

export function limitOf(limit: number | undefined): number {
  const wanted = limit ?? pageLimit.default
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > pageLimit.max)
    throw new Error(`A page has 1 to ${pageLimit.max} rows, not ${wanted}`)
  return wanted
}
