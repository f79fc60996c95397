import type { AnyEntity } from '../../kernel/entity.ts'
import { type Told, tellAdd, teller } from '../entry.ts'
import { columnOf, columnsOf, idType, indexName, quote, type StoredColumn } from './schema.ts'
import { named } from './values.ts'

/** A unique key: the positions of its fields among the entity's columns. */
export type Key = { name: string; index: string; positions: readonly number[]; columns: readonly StoredColumn[]; isDirectory: boolean }

/** What writing needs to know of an entity. */
export type Shape = {
  type: AnyEntity
  name: string
  table: string
  columns: readonly StoredColumn[]
  /** What ids are cast to. */
  idType: 'uuid' | 'text'
  /** Column names, quoted, in order. */
  names: string
  keys: readonly Key[]
  /** Position of the column that takes the tenant's next number, or null. */
  sequence: number | null
  tell: ReturnType<typeof teller>
  tellAdd(row: { id: string; value: number; version: number; now: string }): Told
  /** Positions of a counter's `value`, `version`, `createdAt` and `updatedAt`, or null for what is no counter. */
  counter: { value: number; version: number; createdAt: number; updatedAt: number } | null
  version: number
}

export function shapeOf(type: AnyEntity): Shape {
  const columns = columnsOf(type)
  const position = (field: string): number => columns.indexOf(columnOf(type, field))
  const key = (name: string, fields: readonly string[], isDirectory: boolean): Key => ({
    name,
    index: indexName(type, isDirectory ? 'directory' : 'unique', name),
    positions: fields.map(position),
    columns: fields.map((field) => columnOf(type, field)),
    isDirectory,
  })
  return {
    type,
    name: type.name,
    table: quote(type.table),
    columns,
    idType: idType(type),
    names: named(type.columns),
    keys: [
      ...Object.entries(type.unique).map(([name, fields]) => key(name, fields, false)),
      ...Object.entries(type.directory)
        .filter(([, { unique }]) => unique)
        .map(([name, { fields }]) => key(name, fields, true)),
    ],
    sequence: type.sequence === null ? null : position(type.sequence),
    tell: teller({ name: type.name, columns: type.columns, secret: [...type.secret] }),
    tellAdd: (row) => tellAdd(type, row),
    counter:
      type.name === 'counter'
        ? { value: position('value'), version: position('version'), createdAt: position('createdAt'), updatedAt: position('updatedAt') }
        : null,
    version: position('version'),
  }
}
