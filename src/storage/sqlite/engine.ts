import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Database, SqliteError } from 'better-sqlite3'
import { Counter } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { erasable } from '../../kernel/erased-entry.ts'
import { AppError } from '../../kernel/errors.ts'
import { encoder, type EncodedCommit as WireCommit } from '../encoded.ts'
import { tellAll } from '../heard.ts'
import type { PlatformStore, Storage, TenantStore, Transfer } from '../port.ts'
import { connect } from './connection.ts'
import { noSpace } from './failures.ts'
import { databaseFile, folderUnusable, prepareFolder } from './folder.ts'
import { lister } from './list.ts'
import { isLoading, openLoader } from './load.ts'
import { lockFile, lockFolder } from './lock.ts'
import { headReader, logReader } from './log.ts'
import { migrate } from './migrate.ts'
import { numberer } from './numbers.ts'
import { pageCache } from './page-cache.ts'
import { openQueue, type Queue } from './queue.ts'
import { reader } from './read.ts'
import { rowCache } from './row-cache.ts'
import { scans } from './scans.ts'
import { shapeOf } from './schema.ts'
import { type Snapshot, snapshot } from './snapshot.ts'
import { platformStore, type Running, tenantStore } from './store.ts'
import { tables } from './tables.ts'
import { sqliteTransfer } from './transfer.ts'

export type SqliteOptions = {
  /** The data folder; the database is `holdfast.db` in it. */
  folder: string
  entities: readonly AnyEntity[]
  /** Told when the engine fails on its own: the writer's thread died, or a listener threw. */
  onProblem?: (error: Error) => void
}

/** A database up to this size is checked whole at start, within the two seconds that a start may take. */
const checkedAtStartBytes = 512 * 1024 * 1024

/** Stores that stay made: each is a handful of closures, and every request asks for one or two. */
const storesKept = 10_000

/** The embedded engine: one process, one folder (DESIGN.md section 6). */
export function sqlite({ folder, entities: declared, onProblem = () => {} }: SqliteOptions): Storage {
  const entities = declared.includes(Counter) ? declared : [...declared, Counter]
  const file = join(folder, databaseFile)
  const encode = encoder(entities)
  const shapes = entities.map(shapeOf)
  const listeners = new Set<Parameters<Storage['watch']>[0]>()
  const stores = new Map<string, TenantStore>()
  const platform = platformStore(current)
  const transfer = sqliteTransfer({ current, entities, openLoader: () => openLoader(file, entities) })
  let running: Running | null = null
  let opening: Promise<Running> | null = null
  let closing: Promise<void> | null = null

  const tell = (commit: Parameters<Parameters<Storage['watch']>[0]>[0]): void => tellAll(listeners, commit, onProblem)

  async function start(): Promise<Running> {
    prepareFolder(folder, [databaseFile, lockFile])
    const lock = lockFolder(folder)
    let queue: Queue | null = null
    let turn: Snapshot | null = null
    const cache = rowCache(entities)
    const pages = pageCache(entities)
    const onDurable = (group: readonly WireCommit[]): void => {
      turn?.end()
      for (const commit of group) {
        cache.drop(commit)
        pages.drop(commit)
      }
    }
    try {
      prepareDatabase(file, entities)
      queue = openQueue({ file, shapes, onDurable, onCommit: tell, onDeath: onProblem })
      await queue.ready
      const db = connect(file, { readonly: true, cacheKib: 32_768 })
      turn = snapshot(db)
      const from = tables(db, entities)
      const away = scans(from, file)
      const reads = {
        read: reader(from, { turn, cache }),
        list: lister(from, away, { turn, cache, pages }),
        log: logReader(db),
        heads: headReader(db),
      }
      return {
        db,
        turn,
        queue,
        encode,
        ...reads,
        scans: away,
        numbers: numberer(db, shapes),
        from,
        onDurable,
        isLoading: isLoading(db),
        loader: null,
        onProblem,
        isSigned: false,
        release: lock.release,
      }
    } catch (error) {
      await queue?.close()
      lock.release()
      throw openingFailed(folder, error)
    }
  }

  function current(): Running {
    if (running !== null) return running
    throw new AppError('unavailable', 'storage_closed', 'The server is stopping or not ready yet. Try again in a moment.', {
      retryAfterSeconds: 5,
    })
  }

  return {
    engine: 'sqlite',
    async open() {
      if (opening !== null) throw new Error('An engine is opened once')
      opening = start()
      running = await opening
      if (statSync(file).size > checkedAtStartBytes)
        void checkFile(file).then((problems) => problems.length > 0 && onProblem(damaged(file, problems)))
    },
    close() {
      closing ??= stop(running)
      running = null
      return closing
    },
    async setSigner(signer) {
      const { queue } = current()
      await queue.setSigner(signer)
      current().isSigned = true
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
      const { queue } = current()
      const problems = await checkFile(file)
      return queue.isDead() ? [...problems, 'The writer has ended; nothing can be stored until the server is started again.'] : problems
    },
    async describe() {
      const { db, turn } = current()
      turn.begin()
      const version = String(db.prepare('SELECT sqlite_version()').pluck().get())
      const names = ['journal_mode', 'synchronous', 'foreign_keys', 'user_version', 'page_size', 'page_count']
      return { name: 'SQLite', version, settings: Object.fromEntries(names.map((name) => [name, db.pragma(name, { simple: true })])) }
    },
    transfer: (): Transfer => transfer,
    async erase(tenantId, entries) {
      const { queue, turn } = current()
      await queue.erase(
        tenantId,
        erasable(entries).map(({ entry: { stream, sequence }, hash, text, secrets }) => ({ stream, sequence, hash, text, secrets })),
      )
      // what is read next must not come from a transaction that began before
      turn.end()
    },
    stats: () => ({ ...(running?.queue.stats ?? idle) }),
  }
}

async function stop(running: Running | null): Promise<void> {
  if (running === null) return
  // the last connection to close removes the write-ahead log, and that must be the one that can write
  await running.scans.close()
  running.turn.end()
  running.loader?.close()
  running.db.close()
  await running.queue.close()
  running.release()
}

const idle = { commits: 0, groups: 0, fsyncs: 0, conflicts: 0, commitSeconds: 0, largestGroup: 0 }

/** Checks and migrates before anyone reads or writes. */
function prepareDatabase(file: string, entities: readonly AnyEntity[]): void {
  let db: Database | null = null
  try {
    db = connect(file)
    // mapped, because a check from a cold disk is eight times as fast; this connection is closed before anyone else reads
    if (statSync(file).size <= checkedAtStartBytes) {
      db.pragma(`mmap_size = ${checkedAtStartBytes}`)
      const found = db.pragma('quick_check', { simple: true })
      if (found !== 'ok') throw damaged(file, found)
    }
    migrate(db, entities)
    db.pragma('wal_checkpoint(TRUNCATE)')
  } catch (error) {
    if (error instanceof SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) throw damaged(file, error)
    throw error
  } finally {
    db?.close()
  }
}

/** What keeps a folder from being opened, as an operator's error. */
function openingFailed(folder: string, error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error
  if (error.code === 'SQLITE_FULL') return noSpace(error)
  return folderUnusable(folder, error.code, error)
}

const damaged = (file: string, cause: unknown): AppError =>
  new AppError('unavailable', 'storage_damaged', `The database ${file} is damaged. Keep a copy of it, then run: bin/holdfast restore`, {
    cause,
  })

function checkFile(file: string): Promise<string[]> {
  const worker = new Worker(new URL('./check.ts', import.meta.url), { workerData: { file } })
  return new Promise((resolve) => {
    worker.once('message', resolve)
    worker.once('error', (error) => resolve([error.message]))
    worker.once('exit', () => resolve(['The integrity check ended without a result.']))
  })
}
