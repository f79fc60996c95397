import type { AnyEntity, Entity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Page } from '../../kernel/page.ts'
import type { Encoder } from '../encoded.ts'
import { type PlatformStore, platformTenant, type Query, type TenantStore, type Value } from '../port.ts'
import type { Database } from './db.ts'
import type { DirectoryQuery, Lister } from './list.ts'
import { assertStream, type Log } from './log.ts'
import type { Numbers } from './numbers.ts'
import type { Queue } from './queue.ts'
import type { Reader } from './read.ts'
import { limitOf } from './select.ts'
import type { Watchers } from './watch.ts'

/** What an open engine holds. */
export type Running = {
  db: Database
  encode: Encoder
  read: Reader
  list: Lister
  log: Log
  numbers: Numbers
  queue: Queue
  watchers: Watchers
  isSigned: boolean
  isLoading: boolean
}

const most = { log: 1_000, lookup: 100 } as const

const notReady = () =>
  new AppError('unavailable', 'storage_not_ready', 'The server is not ready to store anything yet. Try again in a moment.', {
    retryAfterSeconds: 1,
  })

const loading = () =>
  new AppError('unavailable', 'storage_loading', 'The storage is being loaded. Try again when that is finished.', { retryAfterSeconds: 30 })

type Now = () => Running

/** A tenant's store: every method passes `tenantId` on, and none takes it. `current` throws when the engine is not open. */
export function tenantStore(current: Now, tenantId: string): TenantStore {
  return {
    tenantId,
    get: async <E extends AnyEntity>(type: E, id: string) => (await current().read.get(tenantId, type, id)) as Entity<E> | null,
    find: async <E extends AnyEntity>(type: E, key: string, values: readonly Value[]) =>
      (await current().read.find(tenantId, type, key, values)) as Entity<E> | null,
    read: async (references) => current().read.read(tenantId, references),
    list: async <E extends AnyEntity>(type: E, query: Query) =>
      (await current().list.list(tenantId, type, query)) as unknown as Page<Entity<E>>,
    count: async (type, selection) => current().list.count(tenantId, type, selection),
    tally: async (type, selection, by) => current().list.tally(tenantId, type, selection, by),
    async log(stream, after, limit) {
      if (!Number.isInteger(limit) || limit < 1 || limit > most.log)
        throw new Error(`The log is read 1 to ${most.log} entries at a time, not ${limit}`)
      const { log, watchers } = current()
      const entries = await log.read(tenantId, stream ?? tenantId, after, limit)
      watchers.follow(tenantId, stream ?? tenantId, entries.at(-1)?.entry.sequence ?? after)
      return entries
    },
    head: async (stream = null) => current().log.head(tenantId, stream ?? tenantId),
    async next(sequence, n = 1) {
      if (!Number.isInteger(n) || n < 1) throw new Error(`next gives at least one number, not ${n}`)
      const { isLoading, numbers } = current()
      if (isLoading) throw loading()
      return numbers.next(tenantId, sequence, n)
    },
    async commit(changes, meta) {
      const { encode, isLoading, isSigned, queue } = current()
      if (isLoading) throw loading()
      if (!isSigned) throw notReady()
      assertStream(meta.stream ?? tenantId)
      const encoded = encode(tenantId, changes, meta)
      return queue.commit({ tenantId, changes, encoded, stream: meta.stream ?? tenantId, time: meta.time })
    },
  }
}

type Owned<E extends AnyEntity> = { tenantId: string; row: Entity<E> }

export function platformStore(current: Now): PlatformStore {
  return {
    ...tenantStore(current, platformTenant),
    lookup: async <E extends AnyEntity>(type: E, directory: string, values: readonly Value[], limit: number = most.lookup) =>
      (await current().read.lookup(type, directory, values, limit)) as unknown as Owned<E>[],
    listAll: async <E extends AnyEntity>(type: E, directory: string, query: DirectoryQuery) =>
      (await current().list.listAll(type, directory, query)) as unknown as Page<Owned<E>>,
    heads: async ({ cursor = null, limit }) => current().log.heads(cursor, limitOf(limit)),
  }
}
