import type { Change } from '../../kernel/change.ts'
import type { AnyEntity, Entity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Page } from '../../kernel/page.ts'
import { type Meta, type PlatformStore, platformTenant, type Query, type Receipt, type TenantStore, type Value } from '../port.ts'
import type { EncodedWith } from './encode.ts'
import type { DirectoryQuery, Lister } from './list.ts'
import type { HeadReader, LogReader } from './log.ts'
import type { Numberer } from './numbers.ts'
import type { Reader } from './read.ts'
import { limitOf } from './select.ts'

/** What an open engine reads and writes with. */
export type Running = {
  read: Reader
  list: Lister
  log: LogReader
  heads: HeadReader
  next: Numberer
  commit(commit: EncodedWith): Promise<Receipt>
  encode(tenant: string, changes: readonly Change[], meta: Meta): EncodedWith
  isSigned(): boolean
}

const most = { log: 1_000, lookup: 100 } as const

const notReady = () =>
  new AppError('unavailable', 'storage_not_ready', 'The server is not ready to store anything yet. Try again in a moment.', {
    retryAfterSeconds: 1,
  })

type Now = () => Running

/** A tenant's store: every method passes `tenantId` on, and none takes it. `current` throws when the engine is not open. */
export function tenantStore(current: Now, tenantId: string): TenantStore {
  return {
    tenantId,
    get: async <E extends AnyEntity>(type: E, id: string) => (await current().read.get(tenantId, type, id)) as Entity<E> | null,
    find: async <E extends AnyEntity>(type: E, key: string, values: readonly Value[]) =>
      (await current().read.find(tenantId, type, key, values)) as Entity<E> | null,
    read: async (references) => current().read.read(tenantId, references),
    list: async <E extends AnyEntity>(type: E, query: Query) => (await current().list.list(tenantId, type, query)) as Page<Entity<E>>,
    count: async (type, selection) => current().list.count(tenantId, type, selection),
    tally: async (type, selection, by) => current().list.tally(tenantId, type, selection, by),
    async log(stream, after, limit) {
      if (Number.isInteger(limit) && limit >= 1 && limit <= most.log) return current().log(tenantId, stream ?? tenantId, after, limit)
      throw new Error(`The log is read 1 to ${most.log} entries at a time, not ${limit}`)
    },
    head: async (stream = null) => current().heads.head(tenantId, stream ?? tenantId),
    async next(sequence, n = 1) {
      if (Number.isInteger(n) && n >= 1) return current().next(tenantId, sequence, n)
      throw new Error(`next gives at least one number, not ${n}`)
    },
    async commit(changes, meta) {
      const { commit, encode, isSigned } = current()
      if (!isSigned()) throw notReady()
      return commit(encode(tenantId, changes, meta))
    },
  }
}

type Owned<E extends AnyEntity> = { tenantId: string; row: Entity<E> }

export function platformStore(current: Now): PlatformStore {
  return {
    ...tenantStore(current, platformTenant),
    lookup: async <E extends AnyEntity>(type: E, directory: string, values: readonly Value[], limit: number = most.lookup) =>
      (await current().read.lookup(type, directory, values, limit)) as Owned<E>[],
    listAll: async <E extends AnyEntity>(type: E, directory: string, query: DirectoryQuery) =>
      (await current().list.listAll(type, directory, query)) as Page<Owned<E>>,
    heads: async ({ cursor = null, limit }) => current().heads.heads(cursor, limitOf(limit)),
  }
}
