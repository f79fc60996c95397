import type { AnyEntity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { decodeCursor, type Page } from '../../kernel/page.ts'
import type { Load, SequenceValue, StoredRow, Transfer } from '../port.ts'
import type { Result, Statement } from './batch.ts'
import { isOutage, readFailed, writeFailed } from './failures.ts'
import { pageOf } from './list.ts'
import { loader } from './load.ts'
import type { Link, Pool } from './pool.ts'
import { setRole } from './questions.ts'
import { columnOf, columnsOf, idType, quote, type Roles, tenantOf } from './schema.ts'
import { listName } from './select.ts'
import type { Shape } from './shape.ts'
import { named, type Row, reviver } from './values.ts'

type Options = { pool: () => Pool; roles: () => Roles; entities: readonly AnyEntity[]; shapes: readonly Shape[] }

const most = { page: 1_000, items: 1_000, mark: 10_000 }
const pageByDefault = 200

export type Ask = (statements: readonly Statement[]) => Promise<Result[]>

const readState = 'SELECT state, mark, EXISTS (SELECT FROM heads) FROM (SELECT 1) one LEFT JOIN loads ON id = 1'

export function postgresTransfer({ pool, roles, entities, shapes }: Options): Transfer {
  const asTransfer = (): Statement => setRole(roles(), 'transfer')
  const load = loader(shapes)

  const ask: Ask = async (statements) => {
    const [, ...results] = await pool()
      .run([asTransfer(), ...statements])
      .catch((error: unknown) => Promise.reject(isOutage(error) ? readFailed(error) : error))
    return results
  }

  /** One transaction as the role that moves. */
  function write<T>(work: (link: Link) => Promise<T>): Promise<T> {
    return pool()
      .use(async (link) => {
        await link.run([{ text: 'BEGIN' }, asTransfer(), { text: "SELECT set_config('app.commit', 'on', true)" }])
        const result = await work(link)
        await link.run([{ text: 'COMMIT' }])
        return result
      })
      .catch((error: unknown) => Promise.reject(isOutage(error) ? writeFailed(error) : error))
  }

  return {
    async state() {
      const [found] = await ask([{ text: readState }])
      const [state, , hasHeads] = found?.rows[0] ?? []
      if (state === 'loading') return 'loading'
      return state === 'finished' || hasHeads === 't' ? 'ready' : 'empty'
    },
    rows: (type, query) => storedRows(ask, entities, type, query),
    sequences: (query) => storedSequences(ask, query),
    begin: () =>
      write(async (link) => {
        // nobody commits from here to the end of this transaction, so that what is empty now is empty when the load begins
        const [, found] = await link.run([{ text: 'LOCK TABLE heads IN SHARE ROW EXCLUSIVE MODE' }, { text: readState }])
        const [state, mark, hasHeads] = found?.rows[0] ?? []
        if (state === 'loading') return mark ?? null
        if (state === 'finished' || hasHeads === 't') throw notEmpty()
        await link.run([{ text: "INSERT INTO loads (id, state) VALUES (1, 'loading')" }])
        return null
      }),
    async load(batch) {
      const items = ['rows', 'removed', 'entries', 'heads', 'sequences'] as const
      const size = items.reduce((sum, name) => sum + (batch[name]?.length ?? 0), 0)
      if (size > most.items) throw new Error('A batch has at most 1,000 items')
      if ((batch.mark?.length ?? 0) > most.mark) throw new Error('A mark has at most 10,000 characters')
      const ready = load.encode(batch)
      await write(async (link) => {
        await assertLoading(link, batch)
        await ready(link)
      })
    },
    finish: () =>
      write(async (link) => {
        const [found] = await link.run([{ text: 'SELECT state FROM loads WHERE id = 1 FOR UPDATE' }])
        const state = found?.rows[0]?.[0]
        if (state === 'finished') return
        if (state !== 'loading') throw new Error('No load has begun')
        await load.finish(link)
        await link.run([{ text: "UPDATE loads SET state = 'finished', mark = NULL WHERE id = 1" }])
      }),
  }
}

async function assertLoading(link: Link, { mark }: Load): Promise<void> {
  const lock = mark === undefined ? 'SHARE' : 'UPDATE'
  const [found] = await link.run([{ text: `SELECT state FROM loads WHERE id = 1 FOR ${lock}` }])
  if (found?.rows[0]?.[0] !== 'loading') throw new Error('No load has begun')
  if (mark !== undefined) await link.run([{ text: 'UPDATE loads SET mark = $1 WHERE id = 1', values: [mark] }])
}

const notEmpty = (): AppError =>
  new AppError('conflict', 'storage_not_empty', 'The storage holds data already. Choose an empty one; nothing was changed.')

export function limitOf(limit: number = pageByDefault): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most.page) return limit
  throw new Error(`A page has 1 to ${most.page} rows, not ${limit}`)
}

export async function storedRows(
  ask: Ask,
  entities: readonly AnyEntity[],
  type: AnyEntity,
  { cursor = null, limit: asked, tenantId }: Parameters<Transfer['rows']>[1],
): Promise<Page<StoredRow>> {
  if (!entities.some(({ name }) => name === type.name)) throw new Error(`The engine was not told of the entity ${type.name}`)
  const limit = limitOf(asked)
  const name = listName('rows', type.name, tenantId ?? null)
  const least = idType(type) === 'uuid' ? '00000000-0000-0000-0000-000000000000' : ''
  const after = cursor === null ? [least, least] : decodeCursor(name, cursor, 2).map(String)
  const only = tenantId === undefined ? '' : ' AND tenant_id = $4'
  const text = `SELECT tenant_id, ${named(type.columns)} FROM ${quote(type.table)} WHERE (tenant_id, id) > ($1, $2)${only} ORDER BY tenant_id, id LIMIT $3`
  const values = [...after, String(limit + 1), ...(tenantId === undefined ? [] : [tenantOf(type, tenantId)])]
  const parked = { text: 'SELECT tenant_id, id, was FROM parked WHERE table_name = $1', values: [type.table] }
  const [found, waiting] = await ask([{ text, values }, parked])
  const revive = reviver(columnsOf(type), 1)
  const rows = (found?.rows ?? []).map((row) => ({ tenantId: row[0] as string, row: revive(row) as StoredRow['row'] }))
  const was = new Map(waiting?.rows.map(([tenant, id, fields]) => [`${tenant} ${id}`, JSON.parse(fields as string) as Row]))
  const whole = rows.map((one) => ({ ...one, row: { ...one.row, ...was.get(`${one.tenantId} ${one.row.id}`) } }))
  return pageOf(whole, {
    limit,
    name,
    order: [tenantColumn, columnOf(type, 'id')],
    of: (one, field) => (field === 'id' ? one.row.id : one.tenantId),
  })
}

const tenantColumn = { field: 'tenantId', name: 'tenant_id', kind: 'text', nullable: false } as const
const nameColumn = { field: 'name', name: 'name', kind: 'text', nullable: false } as const

export async function storedSequences(
  ask: Ask,
  { cursor = null, limit: asked }: Parameters<Transfer['sequences']>[0],
): Promise<Page<SequenceValue>> {
  const limit = limitOf(asked)
  const after = cursor === null ? ['', ''] : decodeCursor('sequences', cursor, 2).map(String)
  const text = 'SELECT tenant_id, name, value FROM sequences WHERE (tenant_id, name) > ($1, $2) ORDER BY tenant_id, name LIMIT $3'
  const [found] = await ask([{ text, values: [...after, String(limit + 1)] }])
  const rows = (found?.rows ?? []).map(([tenantId, sequence, value]) => ({
    tenantId: tenantId as string,
    sequence: sequence as string,
    value: Number(value),
  }))
  const of = (one: SequenceValue, field: string) => (field === 'name' ? one.sequence : one.tenantId)
  return pageOf(rows, { limit, name: 'sequences', order: [tenantColumn, nameColumn], of })
}
