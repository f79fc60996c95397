import { canonical, type Json } from '../kernel/canonical.ts'
import type { Change } from '../kernel/change.ts'
import type { AnyEntity, Column } from '../kernel/entity.ts'
import type { Meta, Value } from './port.ts'

/**
 * A commit made ready for an SQL engine. Arrays of primitives, because a structured clone of those, to a thread that writes, costs a third of one of objects; the entity is its position in
 * the engine's list. A boolean is 1 or 0, nested values are canonical JSON.
 */
export type SqlValue = string | number | null

export type EncodedChange =
  | readonly [op: 'insert', entity: number, id: string, values: readonly SqlValue[]]
  | readonly [op: 'update', entity: number, id: string, expect: number, columns: readonly number[], values: readonly SqlValue[]]
  | readonly [op: 'remove', entity: number, id: string, expect: number]
  | readonly [op: 'check', entity: number, id: string, expect: number | null]
  | readonly [op: 'add', entity: number, id: string, by: number, min: number | null, max: number | null, now: string]

/** `texts` are the three pieces of the entry's canonical JSON around what only the writer knows: the changes, the previous hash, and secrets with sequence. */
export type EncodedCommit = readonly [
  tenant: string,
  stream: string,
  time: string,
  texts: readonly [string, string, string],
  changes: readonly EncodedChange[],
]

export function toSql(column: Column, value: unknown): SqlValue {
  if (value === null || value === undefined) return null
  if (column.kind === 'boolean') return value === true ? 1 : 0
  if (column.kind === 'json') return canonical(value as Json)
  if (typeof value === 'string' ? value.isWellFormed() : Number.isFinite(value)) return value as string | number
  throw new Error(`${column.field} holds a value that cannot be stored as it is`)
}

/** What a field is compared with. */
export function toValue(column: Column, value: Value): SqlValue {
  if (column.kind === 'json') throw new Error(`${column.field} holds nested values; nothing compares with them`)
  return typeof value === 'boolean' ? (value ? 1 : 0) : value
}

/** Compiles what has to be known to make commits of these entities ready. */
export function encoder(entities: readonly AnyEntity[]): (tenant: string, changes: readonly Change[], meta: Meta) => EncodedCommit {
  const positions = new Map(entities.map((type, position) => [type.name, position]))
  const columnPositions = entities.map((type) => new Map(type.columns.map((column, position) => [column.field, position])))

  function encodeChange(change: Change): EncodedChange {
    const entity = positions.get(change.entity.name)
    if (entity === undefined) throw new Error(`The engine was not told of the entity ${change.entity.name}`)
    switch (change.op) {
      case 'insert': {
        const row = change.row as Record<string, unknown>
        return ['insert', entity, change.row.id, change.entity.columns.map((column) => toSql(column, row[column.field]))]
      }
      case 'update': {
        const row = change.row as Record<string, unknown>
        const columns = changedColumns(entity, change.fields)
        const values = columns.map((position) => {
          const column = change.entity.columns[position] as Column
          return toSql(column, row[column.field])
        })
        return ['update', entity, change.row.id, change.expect, columns, values]
      }
      case 'remove':
      case 'check':
        return [change.op, entity, change.id, change.expect] as EncodedChange
      case 'add':
        return ['add', entity, change.id, change.by, change.min, change.max, change.now]
    }
  }

  /** The row's new version and time belong to every update, named or not. */
  function changedColumns(entity: number, fields: readonly string[]): number[] {
    const known = columnPositions[entity] as ReadonlyMap<string, number>
    const columns = new Set<number>()
    for (const field of [...fields, 'version', 'updatedAt']) {
      const position = known.get(field)
      if (position === undefined || position === 0) throw new Error(`An update cannot change the field ${field}`)
      columns.add(position)
    }
    return [...columns].sort((a, b) => a - b)
  }

  return (tenant, changes, meta) => {
    const wired = changes.map(encodeChange)
    assertDistinct(wired)
    return [tenant, meta.stream ?? tenant, meta.time, entryTexts(meta), wired]
  }
}

function assertDistinct(changes: readonly EncodedChange[]): void {
  if (changes.length < 2) return
  const rows = new Set(changes.map(([, entity, id]) => `${entity} ${id}`))
  if (rows.size < changes.length) throw new Error('Two changes of one commit name the same row')
}

const quote = JSON.stringify

function entryTexts({ actor, action, detail, entity, requestId }: Meta): [string, string, string] {
  const before = `{"action":${quote(action)},"actor":{"id":${quote(actor.id)},"kind":${quote(actor.kind)},"name":${quote(actor.name)}},"changes":[`
  const about = entity === null ? 'null' : `{"id":${quote(entity.id)},"type":${quote(entity.type)}}`
  return [
    before,
    `]${detail === undefined ? '' : `,"detail":${canonical(detail)}`},"entity":${about},"previousHash":"`,
    `","requestId":${quote(requestId)}`,
  ]
}

export type Encoder = ReturnType<typeof encoder>
