import type { AnyEntity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import type { Load, SequenceValue, StoredRow, Transfer } from '../port.ts'
import type { Item } from './item.ts'
import { sequencePartitions, streamsPartition, tenantsPartition } from './keys.ts'
import { loaderOf, loadState, writeState } from './load.ts'
import { compare, listName } from './select.ts'
import type { Running } from './store.ts'

const most = { items: 1_000, page: 1_000, mark: 10_000 } as const
const usual = 200
/** Tenants that are read at once: most have fewer rows than a page. */
const tenantsAtOnce = 16

/** The port's transfer. Tenants are known from the list that a tenant's first commit, or its first loaded row, adds it to: no table is scanned. */
export function transferOf(current: () => Running, entities: readonly AnyEntity[]): Transfer {
  let loader: ReturnType<typeof loaderOf> | null = null

  async function itemsAfter(pk: string, after: string, limit: number): Promise<Item[]> {
    const { items } = await current().db.query(
      {
        KeyConditionExpression: '#p = :p AND #s > :s',
        ExpressionAttributeNames: { '#p': 'pk', '#s': 'sk' },
        ExpressionAttributeValues: { ':p': { S: pk }, ':s': { S: after } },
        Limit: limit,
      },
      current().db.keys,
    )
    return items
  }

  async function* tenantIds(from: string): AsyncGenerator<readonly string[]> {
    // `>` leaves out what it names: the tenant in the middle of which a page ended is gone on with
    if (from !== '') yield [from]
    for (let after = from || '\u0000'; ; ) {
      const ids = (await itemsAfter(tenantsPartition, after, tenantsAtOnce)).map((item) => item.sk?.S ?? '')
      if (ids.length > 0) yield ids
      if (ids.length < tenantsAtOnce) return
      after = ids.at(-1) as string
    }
  }

  async function some(tenantId: string, type: AnyEntity, after: string | null, limit: number): Promise<StoredRow[]> {
    const rows: StoredRow[] = []
    for await (const page of current().list.rowsOf(tenantId, type, { after, limit })) {
      rows.push(...page.map((row) => ({ tenantId, row })))
      if (rows.length >= limit) break
    }
    return rows
  }

  async function state(): Promise<'empty' | 'loading' | 'ready'> {
    const { db } = current()
    const known = await loadState(db)
    if (known !== null) return known.state
    return (await itemsAfter(streamsPartition, '\u0000', 1)).length === 0 ? 'empty' : 'ready'
  }

  function loading(): ReturnType<typeof loaderOf> {
    if (loader === null) throw new Error('There is no load: begin one')
    return loader
  }

  return {
    state,

    async rows(type, { cursor = null, limit = usual, tenantId }): Promise<Page<StoredRow>> {
      const size = sizeOf(limit)
      const list = listName('rows', type.name, tenantId ?? null)
      current().db.tableOf(type)
      const [tenant = '', id = null] = cursor === null ? [tenantId ?? ''] : (decodeCursor(list, cursor, 2) as [string, string])
      const found: StoredRow[] = []
      if (tenantId !== undefined) found.push(...(await some(tenantId, type, id, size + 1)))
      else
        for await (const ids of tenantIds(tenant)) {
          const pages = await Promise.all(ids.map((one) => some(one, type, one === tenant ? id : null, size + 1 - found.length)))
          found.push(...pages.flat())
          if (found.length > size) break
        }
      return pageOf(found, size, list, ({ tenantId: of, row }) => [of, row.id])
    },

    async sequences({ cursor = null, limit = usual }): Promise<Page<SequenceValue>> {
      const size = sizeOf(limit)
      const after = cursor === null ? '\u0000' : String(decodeCursor('sequences', cursor, 1)[0])
      const items = (await Promise.all(sequencePartitions.map((pk) => itemsAfter(pk, after, size + 1)))).flat()
      const found = items
        .filter((item) => item.value !== undefined)
        .map((item) => {
          const [tenantId = '', sequence = ''] = (item.sk?.S ?? '').split('\u0000')
          return { tenantId, sequence, value: Number(item.value?.N) }
        })
      const keyed = ({ tenantId, sequence }: SequenceValue): string => `${tenantId}\u0000${sequence}`
      found.sort((a, b) => compare(keyed(a), keyed(b)))
      return pageOf(found, size, 'sequences', (one) => [keyed(one)])
    },

    async begin() {
      const running = current()
      const before = await state()
      if (before === 'ready') throw notEmpty()
      const known = await loadState(running.db)
      await writeState(running.db, { state: 'loading', mark: known?.mark ?? null })
      running.isLoading = true
      loader = loaderOf(running, before === 'empty')
      return known?.mark ?? null
    },

    async load(batch) {
      const to = loading()
      assertSize(batch)
      await to.load(batch)
    },

    async finish() {
      const running = current()
      const to = loading()
      await to.complete(entities, () => tenantIds(''))
      await writeState(running.db, { state: 'ready', mark: null })
      running.isLoading = false
      loader = null
    },
  }
}

function sizeOf(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most.page) return limit
  throw new Error(`A page has 1 to ${most.page} items, not ${limit}`)
}

function pageOf<T>(found: T[], size: number, list: string, keyed: (item: T) => readonly string[]): Page<T> {
  const last = found[size - 1]
  return { items: found.slice(0, size), nextCursor: found.length > size && last !== undefined ? encodeCursor(list, keyed(last)) : null }
}

function assertSize({ rows = [], removed = [], entries = [], heads = [], sequences = [], mark = '' }: Load): void {
  const items = rows.length + removed.length + entries.length + heads.length + sequences.length
  if (items > most.items) throw new Error(`A load takes at most 1,000 items at once, not ${items}`)
  if (mark.length > most.mark) throw new Error(`A mark has at most ${most.mark} characters, not ${mark.length}`)
}

const notEmpty = (): AppError =>
  new AppError(
    'conflict',
    'storage_not_empty',
    'The storage holds data already, and nothing is written over it. Name an empty one: a new database, another prefix or a new folder.',
  )
