import type { Database } from 'better-sqlite3'
import type { AnyEntity, Entity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { type PlatformStore, platformTenant, type TenantStore } from '../port.ts'
import type { HeadReader } from './heads.ts'
import type { LogReader } from './log.ts'
import type { Numberer } from './numbers.ts'
import type { Queue } from './queue.ts'
import type { Reader } from './read.ts'
import { limitOf } from './select.ts'
import type { Encoder } from './wire.ts'

/** What an open engine holds. */
export type Running = {
  db: Database
  queue: Queue
  encode: Encoder
  read: Reader
  log: LogReader
  heads: HeadReader
  numbers: Numberer
  isSigned: boolean
  release(): void
}

const most = { log: 1_000, lookup: 100 } as const

const notReady = () =>
  new AppError('unavailable', 'storage_not_ready', 'The server is not ready to store anything yet. Try again in a moment.', {
    retryAfterSeconds: 1,
  })

/** A tenant's store: every method passes `tenantId` on, and none takes it. `current` throws when the engine is not open. */
export function tenantStore(current: () => Running, tenantId: string): TenantStore {
  return {
    tenantId,
    async get<E extends AnyEntity>(type: E, id: string) {
      return current().read.get(tenantId, type, id) as Entity<E> | null
    },
    async find<E extends AnyEntity>(type: E, key: string, values: readonly (string | number | boolean | null)[]) {
      return current().read.find(tenantId, type, key, values) as Entity<E> | null
    },
    async read(references) {
      const { read } = current()
      return references.map(({ type, id }) => read.get(tenantId, type, id))
    },
    async list(type, query) {
      return current().read.list(tenantId, type, query) as never
    },
    async count(type, selection) {
      return current().read.count(tenantId, type, selection)
    },
    async tally(type, selection, by) {
      return current().read.tally(tenantId, type, selection, by)
    },
    async next(sequence, n = 1) {
      if (!Number.isInteger(n) || n < 1) throw new Error(`next gives at least one number, not ${n}`)
      return current().numbers.next(tenantId, sequence, n)
    },
    async commit(changes, meta) {
      const { encode, isSigned, numbers, queue } = current()
      if (!isSigned) throw notReady()
      const commit = encode(tenantId, changes, meta)
      numbers.note(commit)
      return queue.commit(commit)
    },
    async log(stream, after, limit) {
      if (!Number.isInteger(limit) || limit < 1 || limit > most.log)
        throw new Error(`The log is read 1 to ${most.log} entries at a time, not ${limit}`)
      return current().log(tenantId, stream ?? tenantId, after, limit)
    },
    async head(stream = null) {
      return current().heads.head(tenantId, stream ?? tenantId)
    },
  }
}

export function platformStore(current: () => Running): PlatformStore {
  return {
    ...tenantStore(current, platformTenant),
    async lookup(type, directory, values, limit = most.lookup) {
      return current().read.lookup(type, directory, values, limit) as never
    },
    async listAll(type, directory, query) {
      return current().read.listAll(type, directory, query) as never
    },
    async heads({ cursor = null, limit }) {
      return current().heads.heads(cursor, limitOf(limit))
    },
  }
}
