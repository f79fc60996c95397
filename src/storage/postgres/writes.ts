import type { SqlValue } from '../encoded.ts'
import type { NextEntry, StreamHead } from '../entry.ts'
import { leafOf, type Signing, signLeaves } from '../signing.ts'
import type { Statement } from './batch.ts'
import type { Guards, RowState } from './guards.ts'
import { arrayOf, quote, type StoredColumn } from './schema.ts'
import type { Shape } from './shape.ts'
import { arrayText, bound } from './values.ts'

/**
 * The rows that a group leaves behind as statements: several of one kind are one. `isOrdered`: row after row as the changes were given, for when a unique key passes from one row to another
 * and the order matters.
 */
export function rowWrites(
  tenant: string,
  guarded: Guards,
  { shapes, isOrdered }: { shapes: readonly Shape[]; isOrdered: boolean },
): Statement[] {
  const statements: Statement[] = []
  const kinds = new Map<string, { shape: Shape; positions: number[]; op: 'insert' | 'update' | 'remove'; rows: RowState[] }>()
  for (const state of guarded.touched()) {
    const shape = shapes[state.entity] as Shape
    const op = state.isThere ? (state.wasThere ? 'update' : 'insert') : 'remove'
    if (op === 'remove' && !state.wasThere) continue
    const positions =
      op === 'remove' ? [] : shape.columns.flatMap((_, position) => (position > 0 && state.slots[position] !== undefined ? [position] : []))
    const kind = { shape, positions, op, rows: [state] } as const
    if (isOrdered) {
      statements.push(write(tenant, { ...kind, rows: [state] }))
      continue
    }
    const name = `${{ remove: 0, update: 1, insert: 2 }[op]} ${state.entity} ${positions.join()}`
    const known = kinds.get(name)
    if (known === undefined) kinds.set(name, { ...kind, rows: [state] })
    else known.rows.push(state)
  }
  // what goes makes room for what comes
  const sorted = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1))
  return [...statements, ...sorted.map(([, kind]) => write(tenant, kind))]
}

type Kind = { shape: Shape; positions: readonly number[]; op: 'insert' | 'update' | 'remove'; rows: readonly RowState[] }

function write(tenant: string, { shape: { table, columns, names, idType }, positions, op, rows }: Kind): Statement {
  const [only] = rows
  const isOne = rows.length === 1 && only !== undefined
  const written = positions.map((position) => columns[position] as StoredColumn)
  const ids = isOne ? only.id : arrayText(rows.map(({ id }) => id))
  const values = written.map((column, n) => {
    const value = (state: RowState) => bound(column, state.slots[positions[n] as number] as SqlValue)
    return isOne ? value(only) : arrayText(rows.map(value))
  })
  const given = [tenant, ids, ...values]
  if (op === 'remove')
    return { text: `DELETE FROM ${table} WHERE tenant_id = $1 AND id ${isOne ? '= $2' : `= ANY($2::${idType}[])`}`, values: given }
  if (op === 'insert') {
    const places = [1, 2, ...written.map((_, n) => n + 3)].map((n) => `$${n}`)
    const arrays = [`$2::${idType}[]`, ...written.map((column, n) => `$${n + 3}::${arrayOf(column)}`)]
    const from = isOne ? `VALUES (${places.join(', ')})` : `SELECT $1::${idType}, * FROM unnest(${arrays.join(', ')})`
    return { text: `INSERT INTO ${table} (tenant_id, ${names}) ${from}`, values: given }
  }
  if (isOne) {
    const set = written.map(({ name }, n) => `${quote(name)} = $${n + 3}`).join(', ')
    return { text: `UPDATE ${table} SET ${set} WHERE tenant_id = $1 AND id = $2`, values: given }
  }
  const set = written.map(({ name }, n) => `${quote(name)} = given.c${n}`).join(', ')
  const arrays = [`$2::${idType}[]`, ...written.map((column, n) => `$${n + 3}::${arrayOf(column)}`)]
  const alias = ['id', ...written.map((_, n) => `c${n}`)].join(', ')
  return {
    text: `UPDATE ${table} AS t SET ${set} FROM unnest(${arrays.join(', ')}) AS given (${alias}) WHERE t.tenant_id = $1 AND t.id = given.id`,
    values: given,
  }
}

/** A number that an insert carried is never given out again. */
export const raise = (tenant: string, [name, value]: readonly [string, number]): Statement => ({
  text: `INSERT INTO sequences (tenant_id, name, value) VALUES ($1, $2, $3)
    ON CONFLICT (tenant_id, name) DO UPDATE SET value = greatest(sequences.value, excluded.value)`,
  values: [tenant, name, String(value)],
})

type Logged = { stream: string; time: string; entry: NextEntry }

const logColumns = 'INSERT INTO log (stream, tenant_id, sequence, time, entry, hash, secrets)'

export function logWrite(tenant: string, entries: readonly Logged[]): Statement {
  const [only] = entries
  if (entries.length === 1 && only !== undefined) {
    const { head, text, secrets } = only.entry
    return {
      text: `${logColumns} VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      values: [only.stream, tenant, String(head.sequence), only.time, text, head.hash, secrets],
    }
  }
  const column = (value: (one: Logged) => string | null): string => arrayText(entries.map(value))
  return {
    text: `${logColumns} SELECT $1::text, $2::text, * FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])`,
    values: [
      only?.stream ?? '',
      tenant,
      column(({ entry }) => String(entry.head.sequence)),
      column(({ time }) => time),
      column(({ entry }) => entry.text),
      column(({ entry }) => entry.head.hash),
      column(({ entry }) => entry.secrets),
    ],
  }
}

/** The stream's head after a group, signed once for all of it. */
export function headWrite(stream: string, { tenant, sequence, hash }: StreamHead, time: string, signing: Signing): Statement {
  const leaves = [leafOf(stream, { sequence, hash })]
  return {
    text: 'UPDATE heads SET sequence = $3, hash = $4, time = $5, leaves = $6, kid = $7, signature = $8 WHERE stream = $1 AND tenant_id = $2',
    values: [stream, tenant, String(sequence), hash, time, JSON.stringify(leaves), signing.kid, signLeaves(leaves, time, signing)],
  }
}
