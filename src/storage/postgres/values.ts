import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { type SqlValue, toValue } from '../encoded.ts'
import type { Value } from '../port.ts'
import { columnOf, fitting, quote, type StoredColumn } from './schema.ts'
import type { Precision } from './sql-tables.ts'

export type Row = Record<string, unknown>

/** A value as it is bound, in PostgreSQL's text format. */
export function bound(column: Column, value: SqlValue): string | null {
  if (value === null) return null
  if (column.kind === 'boolean') return value === 1 ? 't' : 'f'
  return typeof value === 'string' ? writable(value) : String(value)
}

/** PostgreSQL has no NUL in a text. The door refuses it, so whatever brings one here is a bug. */
function writable(text: string): string {
  if (text.includes('\0')) throw new Error('A text with a NUL character cannot be stored in PostgreSQL')
  return text
}

/** What a field is compared with. A text that cannot be stored is equal to none. */
export const boundValue = (column: StoredColumn, value: Value): string | null => {
  const given = toValue(column, value)
  return typeof given === 'string' && given.includes('\0') ? null : fitting(column, bound(column, given))
}

/** Several values as one array in PostgreSQL's text format (documentation, 8.15.6). */
export function arrayText(values: readonly (string | null)[]): string {
  let text = '{'
  for (const value of values) {
    if (text.length > 1) text += ','
    text += value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`
  }
  return `${text}}`
}

export const named = (columns: readonly Column[]): string => columns.map((column) => quote(column.name)).join(', ')

type Decode = (text: string) => unknown

const decoders: Record<Column['kind'], Decode | null> = {
  text: null,
  uuid: null,
  time: null,
  integer: Number,
  real: Number,
  boolean: (text) => text === 't',
  json: (text) => JSON.parse(text) as unknown,
}

/** `2026-03-04 05:06:07.08+00`, as a session in UTC writes a time with zone, in the port's form. */
const timeText =
  (precision: Precision): Decode =>
  (text) => {
    const [date = '', clock = ''] = text.split(' ')
    const [seconds = '', fraction = ''] = clock.replace(/\+00$/, '').split('.')
    const digits = precision === 'ms' ? 3 : 6
    return `${date}T${seconds}.${fraction.padEnd(digits, '0').slice(0, digits)}Z`
  }

const decoderOf = ({ kind, sql }: StoredColumn): Decode | null => (sql?.precision === undefined ? decoders[kind] : timeText(sql.precision))

/** Turns a row as the server wrote it, from a position on, into the entity's. */
export function reviver(columns: readonly StoredColumn[], from = 0): (values: readonly (string | null)[]) => Row {
  const fields = columns.map((column, position) => ({ field: column.field, decode: decoderOf(column), position: position + from }))
  return (values) => {
    const row: Row = {}
    for (const { field, decode, position } of fields) {
      const value = values[position] as string | null
      row[field] = value === null || decode === null ? value : decode(value)
    }
    return row
  }
}

export function keyFields(type: AnyEntity, fields: readonly string[] | undefined, key: string, values: readonly Value[]): StoredColumn[] {
  if (fields === undefined || fields.length !== values.length) throw new Error(`${type.name} has no key ${key} of ${values.length} fields`)
  return fields.map((field) => columnOf(type, field))
}

export const boundValues = (fields: readonly StoredColumn[], values: readonly Value[]): (string | null)[] =>
  fields.map((column, position) => boundValue(column, values[position] ?? null))

/** `= NULL` is never true, so a null finds nothing, as a key with a null holds nothing. `first` is the number of the first parameter. */
export const equal = (fields: readonly Column[], first: number): string =>
  fields.map((column, position) => `${quote(column.name)} = $${first + position}`).join(' AND ')
