import { type Database, SqliteError } from 'better-sqlite3'
import type { AnyEntity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { toSql } from '../encoded.ts'
import { startOf } from '../entry.ts'
import type { Load, StoredRow } from '../port.ts'
import { checkpointer } from './checkpoint.ts'
import { connect } from './connection.ts'
import { noSpace, storageFailed } from './failures.ts'
import { headStorer } from './heads.ts'
import { indexesOf, quote } from './schema.ts'

/** A load touches every index at random; this much of them stays in memory. */
const cacheKib = 65_536

/** Whether a load into the database began and did not finish. */
export const isLoading = (db: Database): boolean => db.prepare("SELECT 1 FROM loads WHERE state = 'loading'").get() !== undefined

/** Indexes that would refuse what a load may write on its way (port.ts, `Load.rows`). */
export const uniqueIndexes = (type: AnyEntity) => indexesOf(type).filter(({ sql }) => sql.startsWith('CREATE UNIQUE'))

export type Loader = ReturnType<typeof openLoader>

/** The connection that loads. Nobody else writes while it is open, because commits are refused. */
export function openLoader(file: string, entities: readonly AnyEntity[]) {
  const db = connect(file, { cacheKib })
  const checkpoint = checkpointer(db)
  const writeRows = new Map(entities.map((type) => [type.name, rowWriter(db, type)]))
  const writeEntries = entryWriter(db)
  const storeHead = headStorer(db)
  const raise = db.prepare(`INSERT INTO sequences (tenant_id, name, value) VALUES (?, ?, ?)
    ON CONFLICT (tenant_id, name) DO UPDATE SET value = max(value, excluded.value)`)
  const setMark = db.prepare("UPDATE loads SET mark = ? WHERE state = 'loading'")

  function write({ type, rows = [], removed = [], entries = [], heads = [], sequences = [], mark }: Load): void {
    if (rows.length + removed.length > 0) {
      const to = writeRows.get(type?.name ?? '')
      if (to === undefined) throw new Error(`The engine was not told of the entity ${type?.name ?? 'of these rows'}`)
      for (const row of rows) to.put(row)
      for (const { tenantId, id } of removed) to.remove(tenantId, id)
    }
    writeEntries(entries)
    for (const { tenantId, ...head } of heads) storeHead(tenantId, head)
    for (const { tenantId, sequence, value } of sequences) raise.run(tenantId, sequence, value)
    if (mark !== undefined) setMark.run(mark)
  }

  return {
    /** The newest mark of the load that goes on, or null. */
    begin: (): string | null => durably(db, () => begin(db, entities)),
    load(batch: Load): void {
      durably(db, () => write(batch))
      checkpoint.step()
    },
    finish(): void {
      durably(db, () => {
        for (const type of entities) for (const { sql } of uniqueIndexes(type)) db.exec(sql)
        db.prepare("UPDATE loads SET state = 'finished', mark = NULL").run()
      })
    },
    close(): void {
      checkpoint.finish()
      db.close()
    },
  }
}

/** Without its unique indexes a table takes rows faster, too; they are built at the end. */
function begin(db: Database, entities: readonly AnyEntity[]): string | null {
  if (isLoading(db)) return db.prepare<unknown[], string | null>('SELECT mark FROM loads').pluck().get() ?? null
  for (const type of entities) for (const { name } of uniqueIndexes(type)) db.exec(`DROP INDEX IF EXISTS ${quote(name)}`)
  db.prepare("INSERT INTO loads (state, mark) VALUES ('loading', NULL)").run()
  return null
}

function rowWriter(db: Database, type: AnyEntity) {
  const names = ['tenant_id', ...type.columns.map((column) => column.name)]
  const put = db.prepare(
    `INSERT OR REPLACE INTO ${quote(type.table)} (${names.map(quote).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
  const remove = db.prepare(`DELETE FROM ${quote(type.table)} WHERE tenant_id = ? AND id = ?`)
  return {
    put: ({ tenantId, row }: StoredRow): void => void put.run(tenantId, ...type.columns.map((column) => toSql(column, row[column.field]))),
    remove: (tenantId: string, id: string): void => void remove.run(tenantId, id),
  }
}

function entryWriter(db: Database) {
  const last = db.prepare<unknown[], { tenant: string; sequence: number; hash: string }>(
    'SELECT tenant_id AS tenant, sequence, hash FROM log WHERE stream = ? ORDER BY sequence DESC LIMIT 1',
  )
  const hashOf = db.prepare<unknown[], string>('SELECT hash FROM log WHERE stream = ? AND sequence = ?').pluck()
  const insert = db.prepare('INSERT INTO log (stream, sequence, tenant_id, time, entry, hash, secrets) VALUES (?, ?, ?, ?, ?, ?, ?)')
  return (entries: NonNullable<Load['entries']>): void => {
    const ends = new Map<string, { tenant: string; sequence: number; hash: string }>()
    for (const { tenantId, entry, text, hash, secrets } of entries) {
      const { stream, sequence, previousHash, time } = entry
      const end = ends.get(stream) ?? last.get(stream) ?? startOf(tenantId)
      const isThere = sequence <= end.sequence
      const follows = isThere ? hashOf.get(stream, sequence) === hash : sequence === end.sequence + 1 && previousHash === end.hash
      if (end.tenant !== tenantId || !follows) throw gap(stream, sequence, end.sequence)
      if (!isThere) insert.run(stream, sequence, tenantId, time, text, hash, secrets)
      ends.set(stream, isThere ? end : { tenant: tenantId, sequence, hash })
    }
  }
}

const gap = (stream: string, sequence: number, last: number): AppError =>
  new AppError(
    'conflict',
    'load_gap',
    `Entry ${sequence} of the stream ${stream} does not follow entry ${last}, which was loaded before it.`,
  )

/** All or nothing, and on the disk when it returns. */
function durably<T>(db: Database, work: () => T): T {
  try {
    return db.transaction(work).immediate()
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error
    if (error.code === 'SQLITE_FULL') throw noSpace(error)
    if (error.code.startsWith('SQLITE_CONSTRAINT')) throw new Error(`The load does not fit: ${error.message}`, { cause: error })
    throw storageFailed(error)
  }
}
