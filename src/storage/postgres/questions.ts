import type { EncodedChange, EncodedCommit, SqlValue } from '../encoded.ts'
import type { Result, Statement } from './batch.ts'
import { arrayOf, quote, type Roles } from './schema.ts'
import type { Key, Shape } from './shape.ts'
import { isWrittenOutside, pendingWrites } from './sql-writes.ts'
import { arrayText, bound } from './values.ts'

/** What the database holds of the rows and keys that a group of commits is about, as it is while the group's locks are held. */
export type Answers = {
  stream: { sequence: number; hash: string; tenant: string } | null
  isLoading: boolean
  /** Version and, of a counter, value and time of creation: by entity and id. */
  rows: ReadonlyMap<string, { version: number; value: number }>
  /** Who holds a wanted key: a row's id, or null for a row of another tenant. By entity, key and values. */
  holders: ReadonlyMap<string, string | null>
  sequences: ReadonlyMap<string, number>
  /** Writes of others than the server that the log does not have yet; null where the commits are about nothing that others write. */
  pending: Result | null
}

export const rowKey = (entity: number, id: string): string => `${entity} ${id}`

export const holderKey = (entity: number, key: Key, values: readonly (string | null)[]): string =>
  `${entity} ${key.index} ${JSON.stringify(values)}`

/** A unique key's values in a row that an insert or update writes, as they are bound; null when the row takes no part in it or the change does not touch it. */
export function keyValues(shape: Shape, key: Key, change: EncodedChange, whole: readonly SqlValue[] | null): (string | null)[] | null {
  if (change[0] !== 'insert' && change[0] !== 'update') return null
  if (change[0] === 'update' && !key.positions.some((position) => change[4].includes(position))) return null
  const row = change[0] === 'insert' ? change[3] : whole
  if (row === null) throw new Error(`${shape.name}: the whole row is needed to know its keys`)
  const values = key.positions.map((position, n) => bound(key.columns[n] as Key['columns'][number], row[position] ?? null))
  return values.includes(null) ? null : values
}

/** The whole next row of an update that touches a key, by change. */
export type Wholes = ReadonlyMap<EncodedChange, readonly SqlValue[]>

type Asked = { statement: Statement; read(result: Result): void }

export const setTenant = (tenant: string): Statement => ({ text: "SELECT set_config('app.tenant', $1, true)", values: [tenant] })

/** Before rows are written: triggers leave to the server what it does itself (`outside` in sql-functions.ts). */
const setCommit = (tenant: string): Statement => ({
  text: "SELECT set_config('app.tenant', $1, true), set_config('app.commit', 'on', true)",
  values: [tenant],
})

/** Until the transaction ends. What reaches over all tenants needs the role and the setting (`policiesOf`). */
export const setRole = (roles: Roles, role: keyof Roles): Statement => ({
  text: "SELECT set_config('role', $1, true), set_config('app.scope', $2, true)",
  values: [roles[role], role],
})

/**
 * The first half of a group's transaction: locks the stream and the rows, then reads what the guards go by. The order is the same for all groups, so that they wait for each other and do
 * not lock each other out; where they still do, PostgreSQL ends one of them and it is tried again.
 */
export function questions(
  { commits, wholes }: { commits: readonly EncodedCommit[]; wholes: Wholes },
  { shapes, roles, isKnown }: { shapes: readonly Shape[]; roles: Roles; isKnown: boolean },
): { statements: Statement[]; read(results: readonly Result[]): Answers } {
  const [tenant, stream] = commits[0] as EncodedCommit
  const rows = new Map<string, { version: number; value: number }>()
  const holders = new Map<string, string | null>()
  const sequences = new Map<string, number>()
  const asked: Asked[] = []
  let found: Answers['stream'] = null
  let isLoading = false
  let pending: Result | null = null
  const ask = (text: string, values: (string | null)[], read: Asked['read'] = () => {}) => asked.push({ statement: { text, values }, read })

  const wanted = collect(commits, shapes, wholes)
  asked.push({ statement: { text: 'BEGIN' }, read() {} }, { statement: setCommit(tenant), read() {} })
  if ([...wanted.rows.keys()].some((entity) => shapes[entity]?.idType === 'uuid'))
    asked.push({ statement: { text: 'SET CONSTRAINTS ALL DEFERRED' }, read() {} })
  if (!isKnown) ask(placeHead, [stream, tenant])
  ask(lockHead, [stream, tenant], ({ rows: [head] }) => {
    if (head === undefined) return
    found = { sequence: Number(head[0]), hash: head[1] ?? '', tenant }
    isLoading = head[2] === 'loading'
  })
  // a row that must not exist cannot be locked: who relies on that and who makes rows keep out of each other's way
  if (wanted.makesRows || wanted.needsAbsence) ask(wanted.needsAbsence ? lockAbsence : lockBirths, [`${tenant} births`])
  for (const [entity, ids] of wanted.rows) {
    const shape = shapes[entity] as Shape
    const value = shape.counter === null ? '0' : 'value'
    for (const isShared of [false, true]) {
      const some = [...ids].filter(([, shared]) => shared === isShared).map(([id]) => id)
      if (some.length === 0) continue
      const lock = isShared ? 'SHARE' : 'UPDATE'
      const one = `SELECT id, version, ${value} FROM ${shape.table} WHERE tenant_id = $1 AND id = $2 FOR ${lock}`
      const many = `SELECT id, version, ${value} FROM ${shape.table} WHERE tenant_id = $1 AND id = ANY($2::${shape.idType}[]) ORDER BY id FOR ${lock}`
      ask(some.length === 1 ? one : many, [tenant, some.length === 1 ? (some[0] as string) : arrayText(some)], (result) => {
        for (const [id, version, count] of result.rows)
          rows.set(rowKey(entity, id as string), { version: Number(version), value: Number(count) })
      })
    }
  }
  // after the rows are locked: whoever wrote them is done by then
  if (stream === tenant && [...wanted.rows.keys()].some((entity) => isWrittenOutside(shapes[entity] as Shape)))
    asked.push({
      statement: pendingWrites(tenant),
      read(result) {
        pending = result
      },
    })
  const ours = wanted.keys.filter(({ key }) => !key.isDirectory)
  const everybodys = wanted.keys.filter(({ key }) => key.isDirectory)
  const askKey = ({ entity, key, tuples }: WantedKey): void => {
    const { text, values } = keyQuery(shapes[entity] as Shape, key, tuples, tenant)
    ask(text, values, (result) => {
      for (const [holder, id, ...read] of result.rows) {
        const normal = read.map((value, n) => (['integer', 'real'].includes(key.columns[n]?.kind ?? '') ? String(Number(value)) : value))
        holders.set(holderKey(entity, key, normal), holder === tenant ? (id as string) : null)
      }
    })
  }
  for (const one of ours) askKey(one)
  if (everybodys.length > 0) {
    asked.push({ statement: setRole(roles, 'directory'), read() {} })
    for (const one of everybodys) askKey(one)
    asked.push({ statement: setRole(roles, 'app'), read() {} })
  }
  if (wanted.sequences.size > 0)
    ask(
      'SELECT name, value FROM sequences WHERE tenant_id = $1 AND name = ANY($2::text[])',
      [tenant, arrayText([...wanted.sequences])],
      (result) => {
        for (const [name, value] of result.rows) sequences.set(name as string, Number(value))
      },
    )
  return {
    statements: asked.map(({ statement }) => statement),
    read(results) {
      for (const [position, { read }] of asked.entries()) read(results[position] as Result)
      return { stream: found, isLoading, rows, holders, sequences, pending }
    },
  }
}

/** A stream's row is there before its first entry, so that there is something to lock; at sequence 0 it is no head yet. */
export const placeHead = `INSERT INTO heads (stream, tenant_id, sequence, hash, time, leaves, kid, signature)
  VALUES ($1, $2, 0, repeat('0', 64), '', '[]', '', '') ON CONFLICT DO NOTHING`
export const lockHead = `SELECT sequence, hash, (SELECT state FROM loads WHERE id = 1) FROM heads WHERE stream = $1 AND tenant_id = $2 FOR UPDATE`
const lockAbsence = 'SELECT pg_advisory_xact_lock(hashtextextended($1, 1))'
const lockBirths = 'SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 1))'

type WantedKey = { entity: number; key: Key; tuples: (string | null)[][] }

type Wanted = {
  /** By entity: id, and whether a shared lock does. */
  rows: Map<number, Map<string, boolean>>
  keys: WantedKey[]
  sequences: Set<string>
  makesRows: boolean
  needsAbsence: boolean
}

function collect(commits: readonly EncodedCommit[], shapes: readonly Shape[], wholes: Wholes): Wanted {
  const rows: Wanted['rows'] = new Map()
  const keys = new Map<string, WantedKey>()
  const sequences = new Set<string>()
  let makesRows = false
  let needsAbsence = false
  for (const change of commits.flatMap(([, , , , changes]) => changes)) {
    const [op, entity, id] = change
    const shape = shapes[entity] as Shape
    const ids = rows.get(entity) ?? new Map<string, boolean>()
    rows.set(entity, ids.set(id, op === 'check' && ids.get(id) !== false))
    if (op === 'insert' || op === 'add') makesRows = true
    if (op === 'check' && change[3] === null) needsAbsence = true
    if (op !== 'insert' && op !== 'update') continue
    if (op === 'insert' && shape.sequence !== null && typeof change[3][shape.sequence] === 'number') sequences.add(shape.name)
    for (const key of shape.keys) {
      const values = keyValues(shape, key, change, wholes.get(change) ?? null)
      if (values === null) continue
      const known = keys.get(key.index) ?? { entity, key, tuples: [] }
      known.tuples.push(values)
      keys.set(key.index, known)
    }
  }
  // in one order for all groups: entities as they are declared, ids as they sort
  const sorted = [...rows].sort(([a], [b]) => placeOf(a, shapes) - placeOf(b, shapes))
  return { rows: new Map(sorted), keys: [...keys.values()], sequences, makesRows, needsAbsence }
}

/** Hand-outs lock their clock before anything else, as SQL clients do (docs/decisions/0016-sql-clients.md). */
const placeOf = (entity: number, shapes: readonly Shape[]): number => (shapes[entity]?.name === 'hand_out_clock' ? -1 : entity)

function keyQuery(
  { table }: Shape,
  key: Key,
  tuples: readonly (string | null)[][],
  tenant: string,
): { text: string; values: (string | null)[] } {
  const names = key.columns.map(({ name }) => quote(name))
  const first = key.isDirectory ? 1 : 2
  const scope = key.isDirectory ? '' : 'tenant_id = $1 AND '
  const select = `SELECT tenant_id, id, ${names.join(', ')} FROM ${table} WHERE ${scope}`
  const given = key.isDirectory ? [] : [tenant]
  const [only] = tuples
  if (tuples.length === 1 && only !== undefined) {
    return { text: select + names.map((name, n) => `${name} = $${first + n}`).join(' AND '), values: [...given, ...only] }
  }
  const arrays = key.columns.map((column, n) => `$${first + n}::${arrayOf(column)}`)
  return {
    text: `${select}(${names.join(', ')}) IN (SELECT * FROM unnest(${arrays.join(', ')}))`,
    values: [...given, ...key.columns.map((_, n) => arrayText(tuples.map((tuple) => tuple[n] ?? null)))],
  }
}
