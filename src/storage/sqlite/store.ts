import { type Database, SqliteError } from 'better-sqlite3'
import type { AnyEntity, Entity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Page } from '../../kernel/page.ts'
import type { Encoder, EncodedCommit as WireCommit } from '../encoded.ts'
import { type PlatformStore, platformTenant, type Query, type TenantStore, type Value } from '../port.ts'
import { readFailed } from './failures.ts'
import type { DirectoryQuery, Lister } from './list.ts'
import type { Loader } from './load.ts'
import type { HeadReader, LogReader } from './log.ts'
import type { Numberer } from './numbers.ts'
import type { Queue } from './queue.ts'
import type { Reader } from './read.ts'
import type { Scans } from './scans.ts'
import { limitOf } from './select.ts'
import type { Snapshot } from './snapshot.ts'
import type { Tables } from './tables.ts'

/** What an open engine holds. */
export type Running = {
  db: Database
  turn: Snapshot
  queue: Queue
  encode: Encoder
  read: Reader
  list: Lister
  scans: Scans
  onProblem: (error: Error) => void
  log: LogReader
  heads: HeadReader
  numbers: Numberer
  from: Tables
  /** Told of what changed, before anyone may read it. */
  onDurable(group: readonly WireCommit[]): void
  /** A load began and did not finish. */
  isLoading: boolean
  loader: Loader | null
  isSigned: boolean
  release(): void
}

const most = { log: 1_000, lookup: 100 } as const

const loadUnfinished = () =>
  new AppError(
    'unavailable',
    'storage_loading',
    'A move or restore into this storage has not finished, so nothing can be stored in it yet.',
    {
      retryAfterSeconds: 5,
    },
  )

const notReady = () =>
  new AppError('unavailable', 'storage_not_ready', 'The server is not ready to store anything yet. Try again in a moment.', {
    retryAfterSeconds: 1,
  })

export type Now = () => Running

/** Runs a read. What SQLite itself throws is the storage's failure, and the operator is told. */
async function asking<T>(current: Now, read: (running: Running) => T | Promise<T>): Promise<T> {
  const running = current()
  try {
    return await read(running)
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error
    running.onProblem(error)
    throw readFailed(error)
  }
}

/** A read that goes to the database in any case. */
export const reading = <T>(current: Now, read: (running: Running) => T | Promise<T>): Promise<T> =>
  asking(current, (running) => {
    running.turn.begin()
    return read(running)
  })

/** A tenant's store: every method passes `tenantId` on, and none takes it. `current` throws when the engine is not open. */
export function tenantStore(current: Now, tenantId: string): TenantStore {
  return {
    tenantId,
    get: <E extends AnyEntity>(type: E, id: string) => asking(current, ({ read }) => read.get(tenantId, type, id) as Entity<E> | null),
    find: <E extends AnyEntity>(type: E, key: string, values: readonly Value[]) =>
      reading(current, ({ read }) => read.find(tenantId, type, key, values) as Entity<E> | null),
    read: (references) => asking(current, ({ read }) => references.map(({ type, id }) => read.get(tenantId, type, id))),
    list: <E extends AnyEntity>(type: E, query: Query) =>
      asking(current, ({ list }) => list.list(tenantId, type, query) as Promise<Page<Entity<E>>>),
    count: (type, selection) => reading(current, ({ list }) => list.count(tenantId, type, selection)),
    tally: (type, selection, by) => reading(current, ({ list }) => list.tally(tenantId, type, selection, by)),
    log: (stream, after, limit) =>
      reading(current, ({ log }) => {
        if (Number.isInteger(limit) && limit >= 1 && limit <= most.log) return log(tenantId, stream ?? tenantId, after, limit)
        throw new Error(`The log is read 1 to ${most.log} entries at a time, not ${limit}`)
      }),
    head: (stream = null) => reading(current, ({ heads }) => heads.head(tenantId, stream ?? tenantId)),
    next: (sequence, n = 1) =>
      reading(current, ({ numbers, isLoading }) => {
        if (isLoading) throw loadUnfinished()
        if (Number.isInteger(n) && n >= 1) return numbers.next(tenantId, sequence, n)
        throw new Error(`next gives at least one number, not ${n}`)
      }),
    async commit(changes, meta) {
      const { encode, isLoading, isSigned, numbers, queue } = current()
      if (isLoading) throw loadUnfinished()
      if (!isSigned) throw notReady()
      const commit = encode(tenantId, changes, meta)
      numbers.note(commit)
      return queue.commit(commit)
    },
  }
}

type Owned<E extends AnyEntity> = { tenantId: string; row: Entity<E> }

export function platformStore(current: Now): PlatformStore {
  return {
    ...tenantStore(current, platformTenant),
    lookup: <E extends AnyEntity>(type: E, directory: string, values: readonly Value[], limit: number = most.lookup) =>
      reading(current, ({ read }) => read.lookup(type, directory, values, limit) as Owned<E>[]),
    listAll: <E extends AnyEntity>(type: E, directory: string, query: DirectoryQuery) =>
      reading(current, ({ list }) => list.listAll(type, directory, query) as Page<Owned<E>>),
    heads: ({ cursor = null, limit }) => reading(current, ({ heads }) => heads.heads(cursor, limitOf(limit))),
  }
}
