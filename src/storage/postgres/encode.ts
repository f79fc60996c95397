import type { Change } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { type EncodedChange, type EncodedCommit, encoder, type SqlValue, toSql } from '../encoded.ts'
import type { Meta } from '../port.ts'
import type { Wholes } from './questions.ts'
import type { Shape } from './shape.ts'
import { bound } from './values.ts'

/** A commit made ready, and the whole next rows of the updates that touch a unique key. */
export type EncodedWith = { commit: EncodedCommit; wholes: Wholes }

/** Throws for what PostgreSQL cannot store, before anything is sent: in a group it would be everybody's failure. */
export function encoderOf(entities: readonly AnyEntity[], shapes: readonly Shape[]) {
  const encode = encoder(entities)
  return (tenant: string, changes: readonly Change[], meta: Meta): EncodedWith => {
    const commit = encode(tenant, changes, meta)
    const wholes = new Map<EncodedChange, readonly SqlValue[]>()
    for (const [position, change] of commit[4].entries()) {
      const shape = shapes[change[1]] as Shape
      const values = change[0] === 'insert' ? change[3] : change[0] === 'update' ? change[5] : []
      for (const [order, value] of values.entries()) {
        const column = shape.columns[change[0] === 'update' ? (change[4][order] as number) : order]
        if (column !== undefined) bound(column, storable(column.kind, value))
      }
      if (change[2].includes('\0')) throw new Error(`${shape.name}: an id with a NUL character cannot be stored in PostgreSQL`)
      if (change[0] !== 'update' || !shape.keys.some((key) => key.positions.some((one) => change[4].includes(one)))) continue
      const row = (changes[position] as Extract<Change, { op: 'update' }>).row as Record<string, unknown>
      wholes.set(
        change,
        shape.columns.map((column) => toSql(column, row[column.field])),
      )
    }
    return { commit, wholes }
  }
}

/** A bigint column takes no fraction, and a safe integer is exact on both sides. */
function storable(kind: string, value: SqlValue): SqlValue {
  const isWrong = kind === 'integer' ? value !== null && !Number.isInteger(value) : kind === 'real' && typeof value === 'string'
  if (isWrong) throw new Error(`${String(value)} is not what a column of kind ${kind} stores`)
  return value
}
