import { sha256 } from '../../kernel/canonical.ts'
import { AppError } from '../../kernel/errors.ts'
import { toSql } from '../encoded.ts'
import type { Load, LoggedEntry, StoredRow } from '../port.ts'
import type { Result, Statement } from './batch.ts'
import type { Link } from './pool.ts'
import { arrayOf, literal, quote } from './schema.ts'
import type { Key, Shape } from './shape.ts'
import { arrayText, bound, type Row } from './values.ts'

type Entry = { tenantId: string } & LoggedEntry
type Ready = (link: Link) => Promise<void>

/** A row as it is bound, column by column, and whose it is. */
type Bound = { tenant: string; id: string; row: Row; values: (string | null)[] }

/**
 * Writes what was read elsewhere, as it stood there. While it goes on, two rows may hold one unique key, because they were read at different times: then the one that came first lends the key
 * out. It waits with something else in that column, what it holds stands in `parked`, and it has it back when its own next version comes, or at the end.
 */
export function loader(shapes: readonly Shape[]) {
  return {
    /** Throws for what cannot be stored, before anything is sent. */
    encode(batch: Load): Ready {
      const { rows = [], removed = [], entries = [], heads = [], sequences = [] } = batch
      const shape = batch.type === undefined ? null : shapes.find(({ name }) => name === batch.type?.name)
      if (shape === undefined) throw new Error(`The engine was not told of the entity ${batch.type?.name}`)
      if (shape === null && rows.length + removed.length > 0) throw new Error('Rows are loaded by their entity')
      const ready = shape === null ? [] : rows.map((one) => boundRow(shape, one))
      return async (link) => {
        if (shape !== null && removed.length > 0) await link.run(removals(shape, removed))
        if (shape !== null && ready.length > 0) await loadRows(link, shape, ready)
        if (entries.length > 0) await loadEntries(link, entries)
        const rest: Statement[] = []
        if (heads.length > 0) rest.push(headsOf(heads))
        if (sequences.length > 0) rest.push(sequencesOf(sequences))
        if (rest.length > 0) await link.run(rest)
      }
    },
    /** Gives lent keys back, and lets commits follow the newest entry of each stream, whichever head was loaded. */
    async finish(link: Link): Promise<void> {
      for (const shape of shapes) {
        const [found] = await link.run([{ text: 'SELECT tenant_id, id, was FROM parked WHERE table_name = $1', values: [tableOf(shape)] }])
        for (const [tenant, id, was] of found?.rows ?? []) {
          const fields = Object.entries(JSON.parse(was as string) as Row)
          const columns = fields.map(([field]) => shape.columns.find((column) => column.field === field) as Shape['columns'][number])
          const set = columns.map(({ name }, n) => `${quote(name)} = $${n + 3}`).join(', ')
          const values = columns.map((column, n) => bound(column, toSql(column, fields[n]?.[1])))
          await link.run([
            {
              text: `UPDATE ${shape.table} SET ${set} WHERE tenant_id = $1 AND id = $2`,
              values: [tenant as string, id as string, ...values],
            },
          ])
        }
      }
      await link.run([{ text: 'DELETE FROM parked' }, { text: followNewest }])
    },
  }
}

const followNewest = `UPDATE heads SET sequence = newest.sequence, hash = newest.hash, kid = ''
  FROM (SELECT h.stream, l.sequence, l.hash FROM heads h
    CROSS JOIN LATERAL (SELECT sequence, hash FROM log WHERE log.stream = h.stream ORDER BY sequence DESC LIMIT 1) l
    WHERE l.sequence <> h.sequence) newest
  WHERE heads.stream = newest.stream`

const tableOf = ({ type }: Shape): string => type.table

function boundRow(shape: Shape, { tenantId, row }: StoredRow): Bound {
  const values = shape.columns.map((column) => bound(column, toSql(column, (row as Row)[column.field])))
  return { tenant: tenantId, id: row.id, row: row as Row, values }
}

const tenantsAndIds = (rows: readonly { tenant: string; id: string }[]): string[] => [
  arrayText(rows.map(({ tenant }) => tenant)),
  arrayText(rows.map(({ id }) => id)),
]

function removals(shape: Shape, removed: readonly { tenantId: string; id: string }[]): Statement[] {
  const values = tenantsAndIds(removed.map(({ tenantId, id }) => ({ tenant: tenantId, id })))
  const given = (type: string): string => `(tenant_id, id) IN (SELECT * FROM unnest($1::${type}[], $2::${type}[]))`
  return [
    { text: `DELETE FROM ${shape.table} WHERE ${given(shape.idType)}`, values },
    { text: `DELETE FROM parked WHERE table_name = ${literal(tableOf(shape))} AND ${given('text')}`, values },
  ]
}

async function loadRows(link: Link, shape: Shape, rows: readonly Bound[]): Promise<void> {
  const lent: { tenant: string; id: string; was: Row }[] = []
  for (const key of shape.keys) lent.push(...lendWithin(shape, key, rows))
  const keys = shape.keys.filter((key) => rows.some((row) => tupleOf(key, row) !== null))
  const results = await link.run(keys.map((key) => holdersOf(shape, key, rows)))
  const statements = keys.flatMap((key, n) => lendOut(shape, key, results[n] as Result))
  const columns = shape.columns.map(({ name }) => quote(name))
  const arrays = [`$1::${shape.idType}[]`, ...shape.columns.map((column, n) => `$${n + 2}::${arrayOf(column)}`)]
  const set = columns.map((name) => `${name} = excluded.${name}`).join(', ')
  await link.run([
    ...statements,
    {
      text: `DELETE FROM parked WHERE table_name = ${literal(tableOf(shape))} AND (tenant_id, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      values: tenantsAndIds(rows),
    },
    {
      text: `INSERT INTO ${shape.table} (tenant_id, ${columns.join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})
        ON CONFLICT (tenant_id, id) DO UPDATE SET ${set}`,
      values: [
        arrayText(rows.map(({ tenant }) => tenant)),
        ...shape.columns.map((_, n) => arrayText(rows.map(({ values }) => values[n] ?? null))),
      ],
    },
    ...lent.map(({ tenant, id, was }) => park(shape, { tenant, id, was: JSON.stringify(was) })),
  ])
}

/** The values of a key in a row to be loaded, with the tenant where the key is a tenant's own; null when the row takes no part in it. */
function tupleOf(key: Key, { tenant, values }: Bound): (string | null)[] | null {
  const tuple = key.positions.map((position) => values[position] ?? null)
  return tuple.includes(null) ? null : [...(key.isDirectory ? [] : [tenant]), ...tuple]
}

/** The column of a key that gives way, and what stands there meanwhile. A null where one may be: then the row takes no part in the key. */
function placeOf(key: Key): { position: number; column: Shape['columns'][number]; standIn: (tenant: string, id: string) => string | null } {
  const n = Math.max(
    0,
    key.columns.findIndex(({ nullable }) => nullable),
  )
  const column = key.columns[n] as Shape['columns'][number]
  const isText = column.sql === undefined && ['text', 'uuid', 'time'].includes(column.kind)
  if (!column.nullable && !isText && column.kind !== 'integer')
    throw new Error(`${column.field} cannot give way to another row while data is loaded`)
  return {
    position: key.positions[n] as number,
    column,
    standIn: (tenant, id) => (column.nullable ? null : isText ? `parked ${tenant} ${id}` : parkedNumber(tenant, id)),
  }
}

/** A number that no row has: below zero, and the row's own (48 bits of its digest). */
const parkedNumber = (tenant: string, id: string): string => String(-1 - Number.parseInt(sha256(`${tenant}\n${id}`).slice(0, 12), 16))

/** Two rows of one batch with one key: the later one waits. */
function lendWithin(shape: Shape, key: Key, rows: readonly Bound[]): { tenant: string; id: string; was: Row }[] {
  const seen = new Set<string>()
  const lent: { tenant: string; id: string; was: Row }[] = []
  for (const row of rows) {
    const tuple = tupleOf(key, row)
    if (tuple === null) continue
    const name = JSON.stringify(tuple)
    if (!seen.has(name)) {
      seen.add(name)
      continue
    }
    const { position, column, standIn } = placeOf(key)
    row.values[position] = standIn(row.tenant, row.id)
    lent.push({ tenant: row.tenant, id: row.id, was: { [column.field]: row.row[shape.columns[position]?.field ?? ''] } })
  }
  return lent
}

/** Rows that hold a key which another row of the batch wants. */
function holdersOf({ table, idType }: Shape, key: Key, rows: readonly Bound[]): Statement {
  const wanting = rows.flatMap((row) => {
    const tuple = tupleOf(key, row)
    return tuple === null ? [] : [{ row, tuple }]
  })
  const names = key.columns.map(({ name }) => quote(name))
  const { column } = placeOf(key)
  const arrays = [`$1::${idType}[]`, `$2::${idType}[]`, ...key.columns.map((one, n) => `$${n + 3}::${arrayOf(one)}`)]
  const scope = key.isDirectory ? '' : 'held.tenant_id = wanted.tenant AND '
  return {
    text: `SELECT held.tenant_id, held.id, held.${quote(column.name)} FROM unnest(${arrays.join(', ')}) AS wanted (tenant, id, ${names.map((_, n) => `k${n}`).join(', ')})
      JOIN ${table} held ON ${scope}${names.map((name, n) => `held.${name} = wanted.k${n}`).join(' AND ')}
      WHERE (held.tenant_id, held.id) <> (wanted.tenant, wanted.id)`,
    values: [
      ...tenantsAndIds(wanting.map(({ row }) => row)),
      ...key.columns.map((_, n) => arrayText(wanting.map(({ tuple }) => tuple[n + (key.isDirectory ? 0 : 1)] ?? null))),
    ],
  }
}

function lendOut(shape: Shape, key: Key, { rows }: Result): Statement[] {
  return rows.flatMap(([tenant, id, value]) => {
    const { column, standIn } = placeOf(key)
    const was = { [column.field]: column.kind === 'integer' || column.kind === 'real' ? Number(value) : value }
    return [
      park(shape, { tenant: tenant as string, id: id as string, was: JSON.stringify(was) }),
      {
        text: `UPDATE ${shape.table} SET ${quote(column.name)} = $3 WHERE tenant_id = $1 AND id = $2`,
        values: [tenant as string, id as string, standIn(tenant as string, id as string)],
      },
    ]
  })
}

/** What a row held before stays what it held when it gives way once more, for another key. */
const park = (shape: Shape, { tenant, id, was }: { tenant: string; id: string; was: string }): Statement => ({
  text: `INSERT INTO parked (table_name, tenant_id, id, was) VALUES ($1, $2, $3, $4)
    ON CONFLICT (table_name, tenant_id, id) DO UPDATE SET was = (excluded.was::jsonb || parked.was::jsonb)::json`,
  values: [tableOf(shape), tenant, id, was],
})

async function loadEntries(link: Link, entries: readonly Entry[]): Promise<void> {
  const owners = new Map<string, string>()
  for (const { tenantId, entry } of entries) if (!owners.has(entry.stream)) owners.set(entry.stream, tenantId)
  const streams = [...owners.keys()]
  const [, held, newest] = await link.run([
    {
      text: `INSERT INTO heads (stream, tenant_id, sequence, hash, time, leaves, kid, signature)
        SELECT stream, tenant, 0, repeat('0', 64), '', '[]', '', '' FROM unnest($1::text[], $2::text[]) AS given (stream, tenant) ORDER BY stream ON CONFLICT DO NOTHING`,
      values: [arrayText(streams), arrayText([...owners.values()])],
    },
    { text: 'SELECT stream, tenant_id FROM heads WHERE stream = ANY($1::text[]) ORDER BY stream FOR UPDATE', values: [arrayText(streams)] },
    {
      text: `SELECT given.stream, last.sequence, last.hash FROM unnest($1::text[]) AS given (stream)
        CROSS JOIN LATERAL (SELECT sequence, hash FROM log WHERE log.stream = given.stream ORDER BY sequence DESC LIMIT 1) last`,
      values: [arrayText(streams)],
    },
  ])
  const tenants = new Map(held?.rows.map(([stream, tenant]) => [stream, tenant]))
  const last = new Map<string, { sequence: number; hash: string }>()
  for (const [stream, sequence, hash] of newest?.rows ?? [])
    last.set(stream as string, { sequence: Number(sequence), hash: hash as string })
  const fresh: Entry[] = []
  for (const one of entries) {
    const { stream, sequence, previousHash } = one.entry
    const before = last.get(stream) ?? { sequence: 0, hash: '0'.repeat(64) }
    if (tenants.get(stream) !== one.tenantId) throw gap(stream, sequence)
    if (sequence <= before.sequence) continue
    if (sequence !== before.sequence + 1 || previousHash !== before.hash) throw gap(stream, sequence)
    last.set(stream, { sequence, hash: one.hash })
    fresh.push(one)
  }
  if (fresh.length === 0) return
  const grown = [...new Set(fresh.map(({ entry }) => entry.stream))]
  const column = (value: (one: Entry) => string | null): string => arrayText(fresh.map(value))
  await link.run([
    {
      text: `INSERT INTO log (stream, tenant_id, sequence, time, entry, hash, secrets)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])`,
      values: [
        column(({ entry }) => entry.stream),
        column(({ tenantId }) => tenantId),
        column(({ entry }) => String(entry.sequence)),
        column(({ entry }) => entry.time),
        column(({ text }) => text),
        column(({ hash }) => hash),
        column(({ secrets }) => secrets),
      ],
    },
    // a head without a signature is none yet: the loaded one replaces it, and if none comes, the next commit's
    {
      text: `UPDATE heads SET sequence = given.sequence, hash = given.hash, kid = ''
        FROM unnest($1::text[], $2::bigint[], $3::text[]) AS given (stream, sequence, hash) WHERE heads.stream = given.stream`,
      values: [
        arrayText(grown),
        arrayText(grown.map((stream) => String(last.get(stream)?.sequence))),
        arrayText(grown.map((stream) => last.get(stream)?.hash ?? '')),
      ],
    },
  ])
}

const gap = (stream: string, sequence: number): AppError =>
  new AppError(
    'conflict',
    'load_gap',
    `Entry ${sequence} of the stream ${stream} does not follow what was loaded before. Nothing of this batch was written.`,
  )

function headsOf(heads: NonNullable<Load['heads']>): Statement {
  const column = (value: (one: (typeof heads)[number]) => string): string => arrayText(heads.map(value))
  return {
    text: `INSERT INTO heads (stream, tenant_id, sequence, hash, time, leaves, kid, signature)
      SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
      ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, time = excluded.time,
        leaves = excluded.leaves, kid = excluded.kid, signature = excluded.signature WHERE heads.tenant_id = excluded.tenant_id`,
    values: [
      column(({ stream }) => stream),
      column(({ tenantId }) => tenantId),
      column(({ sequence }) => String(sequence)),
      column(({ hash }) => hash),
      column(({ time }) => time),
      column(({ leaves }) => JSON.stringify(leaves)),
      column(({ kid }) => kid),
      column(({ signature }) => signature),
    ],
  }
}

const sequencesOf = (sequences: NonNullable<Load['sequences']>): Statement => ({
  text: `INSERT INTO sequences (tenant_id, name, value)
    SELECT tenant, name, max(value) FROM unnest($1::text[], $2::text[], $3::bigint[]) AS given (tenant, name, value) GROUP BY tenant, name
    ON CONFLICT (tenant_id, name) DO UPDATE SET value = greatest(sequences.value, excluded.value)`,
  values: [
    arrayText(sequences.map(({ tenantId }) => tenantId)),
    arrayText(sequences.map(({ sequence }) => sequence)),
    arrayText(sequences.map(({ value }) => String(value))),
  ],
})
