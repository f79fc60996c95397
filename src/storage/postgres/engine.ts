import { Counter } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { erasable } from '../../kernel/erased-entry.ts'
import { AppError } from '../../kernel/errors.ts'
import { tellAll } from '../heard.ts'
import type { PlatformStore, Storage, TenantStore } from '../port.ts'
import { type Signing, signingOf } from '../signing.ts'
import { answerMs } from './broadcast.ts'
import { encoderOf } from './encode.ts'
import { eraseEntries } from './erase.ts'
import { readFailed } from './failures.ts'
import { committer } from './group.ts'
import { type Lanes, openLanes } from './lanes.ts'
import { leaser } from './lease.ts'
import { lister } from './list.ts'
import { headReader, logReader } from './log.ts'
import { numberer } from './numbers.ts'
import { findProblems, greetingOf, prepareDatabase } from './opening.ts'
import { followOutside, type Outside } from './outside.ts'
import { openPool, type Pool } from './pool.ts'
import { openReads, reader } from './read.ts'
import type { Roles } from './schema.ts'
import { shapeOf } from './shape.ts'
import { platformStore, type Running, tenantStore } from './store.ts'
import { postgresTransfer } from './transfer.ts'
import { type Committed, openWatch, type Watch } from './watch.ts'

export type PostgresOptions = {
  /** `postgres://user:password@host/database`: of the database's owner, or of the role that serves. */
  url: string
  entities: readonly AnyEntity[]
  /** Told when the engine fails on its own, or a statement of its own is refused. */
  onProblem?: (error: Error) => void
  /** Connections at the same time. */
  connections?: number
}

/** Enough to keep two cores of a database busy; every process has its own. */
const connectionsByDefault = 10

/** Stores that stay made: each is a handful of closures, and every request asks for one or two. */
const storesKept = 10_000

type Open = Running & { pool: Pool; lanes: Lanes; outside: Outside; watch: Watch; roles: Roles }

/** The engine for PostgreSQL 15 and later: any number of processes on one database (docs/decisions/0006-postgres-engine.md). */
export function postgres({ url, entities: declared, onProblem = () => {}, connections = connectionsByDefault }: PostgresOptions): Storage {
  const entities = declared.includes(Counter) ? declared : [...declared, Counter]
  const shapes = entities.map(shapeOf)
  const encode = encoderOf(entities, shapes)
  const listeners = new Set<(commit: Committed) => void>()
  const stores = new Map<string, TenantStore>()
  const platform = platformStore(current)
  const transfer = postgresTransfer({ pool: () => current().pool, roles: () => current().roles, entities, shapes })
  const lease = leaser(() => current().pool)
  let signing: Signing | null = null
  let running: Open | null = null
  let opening: Promise<Open> | null = null
  let closing: Promise<void> | null = null

  const tell = (commit: Committed): void => tellAll(listeners, commit, onProblem)

  async function start(): Promise<Open> {
    const { roles, isReplicated } = await prepareDatabase(url, entities)
    const pool = openPool({ url, max: connections, greeting: greetingOf(roles), onProblem })
    try {
      const reads = openReads(pool, { entities, roles, onProblem })
      const heads = headReader(reads)
      const watch = await openWatch({ url, pool, tell, heads: heads.heads, onProblem })
      const writer = committer({ pool, shapes, roles, signing: () => signing as Signing })
      const outside = followOutside({
        pool,
        roles,
        committer: writer,
        isSigned: () => signing !== null,
        tell(commits) {
          for (const commit of commits) tell(commit)
          watch.announce(commits)
        },
        onProblem,
      })
      const readLog = logReader(reads)
      const lanes = openLanes({
        committer: writer,
        durability: isReplicated ? ['fsync', 'replicated'] : ['fsync'],
        onCommit(commits) {
          for (const commit of commits) tell(commit)
          watch.announce(commits)
        },
        onProblem,
      })
      return {
        pool,
        lanes,
        outside,
        watch,
        roles,
        encode,
        read: reader(reads),
        list: lister(reads),
        log: async (tenant, stream, after, limit) => {
          if (stream === tenant) await outside.settle(tenant).catch((error: unknown) => Promise.reject(readFailed(error)))
          return readLog(tenant, stream, after, limit)
        },
        heads,
        next: numberer(pool, onProblem),
        commit: lanes.commit,
        isSigned: () => signing !== null,
      }
    } catch (error) {
      await pool.end()
      throw error
    }
  }

  function current(): Open {
    if (running !== null) return running
    throw new AppError('unavailable', 'storage_closed', 'The server is stopping or not ready yet. Try again in a moment.', {
      retryAfterSeconds: 5,
    })
  }

  return {
    engine: 'postgres',
    async open() {
      if (opening !== null) throw new Error('An engine is opened once')
      opening = start()
      running = await opening
    },
    close() {
      closing ??= stop(running)
      running = null
      return closing
    },
    async setSigner(signer) {
      current()
      signing = signingOf(signer)
    },
    tenant(id): TenantStore {
      const known = stores.get(id)
      if (known !== undefined) return known
      if (stores.size >= storesKept) stores.clear()
      const store = tenantStore(current, id)
      stores.set(id, store)
      return store
    },
    platform: (): PlatformStore => platform,
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async check() {
      const { roles } = current()
      return findProblems(url, entities, roles).catch((error: unknown) => Promise.reject(readFailed(error)))
    },
    async describe() {
      const { pool } = current()
      const names = [
        'server_version',
        'fsync',
        'full_page_writes',
        'synchronous_commit',
        'synchronous_standby_names',
        'wal_level',
        'data_checksums',
      ]
      const asked = names.map((name) => ({ text: `SELECT current_setting('${name}')` }))
      const results = await pool.run(asked).catch((error: unknown) => Promise.reject(readFailed(error)))
      const [version, ...settings] = results.map(({ rows }) => rows[0]?.[0] ?? null)
      return {
        name: 'PostgreSQL',
        version: String(version),
        settings: Object.fromEntries(names.slice(1).map((name, position) => [name, settings[position]])),
      }
    },
    transfer: () => transfer,
    async erase(tenantId, entries) {
      const { pool, roles } = current()
      await eraseEntries(pool, roles, { tenantId, entries: erasable(entries) })
    },
    lease,
    broadcast: {
      answerMs,
      send: (text) => running?.watch.broadcast.send(text),
      listen: (listener) => running?.watch.broadcast.listen(listener) ?? (() => undefined),
    },
    stats: () => ({ ...(running?.lanes.stats ?? idle) }),
  }
}

async function stop(running: Open | null): Promise<void> {
  if (running === null) return
  await running.outside.stop()
  await running.lanes.drain()
  await running.watch.close()
  await running.pool.end()
}

const idle = { commits: 0, groups: 0, fsyncs: 0, conflicts: 0, commitSeconds: 0, largestGroup: 0 }
