import { canonical, type Json } from '../../kernel/canonical.ts'
import { type EncodedCommit, encoder, type SqlValue } from '../encoded.ts'
import type { Told } from '../entry.ts'
import type { Result, Statement } from './batch.ts'
import type { StoredColumn } from './schema.ts'
import type { Shape } from './shape.ts'
import { arrayText } from './values.ts'

/** At most so many writes go into the log at once. */
export const writesAtOnce = 1_000

/** Writes of others than the server that the log does not have yet, oldest first. */
export const pendingWrites = (tenant: string): Statement => ({
  text: `SELECT number, transaction, database_user, op, table_name, row_id, was, now FROM sql_writes WHERE tenant_id = $1 ORDER BY number LIMIT ${writesAtOnce}`,
  values: [tenant],
})

/** Tables whose rows such writes change: a commit about them first puts what is pending into the log, so that the log tells one row's changes in their order. */
const written = new Set(['contacts', 'workloads', 'hand_out_clocks', 'onboarding_visitors'])
export const isWrittenOutside = ({ idType, type }: Shape): boolean => idType === 'uuid' || written.has(type.table)

export const forget = (numbers: readonly string[]): Statement => ({
  text: 'DELETE FROM sql_writes WHERE number = ANY($1::bigint[])',
  values: [arrayText(numbers)],
})

type Fields = { readonly [column: string]: Json } | null
type Write = { number: number; user: string; shape: Shape; id: string; was: Fields; now: Fields }

/** What is to be logged for one transaction of somebody else: an entry of the action `sql`. */
type OutsideEntry = { commit: EncodedCommit; told: Told[] }

const plain = encoder([])

/**
 * Pending writes as entries, one for each transaction. Of two that wrote one row, the second waited for the first, so the order of their last writes is an order of all they wrote.
 */
export function outsideEntries(tenant: string, { rows }: Result, shapes: readonly Shape[]): { entries: OutsideEntry[]; numbers: string[] } {
  const groups = new Map<string, Write[]>()
  for (const [number, transaction, user, , table, id, was, now] of rows) {
    const shape = shapes.find(({ type }) => type.table === table)
    if (shape === undefined) continue
    const group = groups.get(String(transaction)) ?? []
    group.push({ number: Number(number), user: String(user), shape, id: String(id), was: parsed(was), now: parsed(now) })
    groups.set(String(transaction), group)
  }
  const ordered = [...groups.values()].sort((a, b) => (a.at(-1)?.number ?? 0) - (b.at(-1)?.number ?? 0))
  const time = new Date().toISOString()
  const entries = ordered.map((group): OutsideEntry => {
    const user = group[0]?.user ?? ''
    const actor = { id: null, kind: 'system' as const, name: user }
    const meta = { actor, action: 'sql', entity: null, requestId: null, time, detail: { databaseUser: user } }
    return { commit: plain(tenant, [], meta), told: merged(group).flatMap(toldOf) }
  })
  return { entries, numbers: rows.map(([number]) => String(number)) }
}

const parsed = (text: string | null | undefined): Fields => (text == null ? null : (JSON.parse(text) as Fields))

/** One change a row: from what it was before the transaction to what it was after. */
function merged(group: readonly Write[]): Write[] {
  const byRow = new Map<string, Write>()
  for (const write of group) {
    const key = `${write.shape.name} ${write.id}`
    const before = byRow.get(key)
    byRow.set(key, before === undefined ? write : { ...write, was: before.was })
  }
  return [...byRow.values()]
}

function toldOf({ shape, id, was, now }: Write): Told[] {
  if (now === null) return was === null ? [] : [shape.tell.remove(id)]
  const values = valuesOf(shape, now)
  if (was === null) return [shape.tell.insert(id, values)]
  const old = valuesOf(shape, was)
  const changed = values.flatMap((value, position) => (position > 0 && value !== old[position] ? [position] : []))
  const after = changed.map((position) => values[position] as SqlValue)
  return [shape.tell.update(id, changed, after)]
}

const valuesOf = ({ columns }: Shape, row: NonNullable<Fields>): SqlValue[] =>
  columns.map((column) => columnValue(column, row[column.name] ?? null))

/** A column of a row as PostgreSQL's `to_jsonb` tells it, in a session in UTC. */
function columnValue({ kind, sql }: StoredColumn, value: Json): SqlValue {
  if (value === null) return null
  if (kind === 'json') return canonical(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (sql?.precision === undefined || typeof value !== 'string') return value as string | number
  const [seconds = '', fraction = ''] = value.replace(/\+00:00$/, '').split('.')
  const digits = sql.precision === 'ms' ? 3 : 6
  return `${seconds}.${fraction.padEnd(digits, '0').slice(0, digits)}Z`
}
