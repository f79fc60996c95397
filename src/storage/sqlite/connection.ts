import Database from 'better-sqlite3'
import { AppError } from '../../kernel/errors.ts'

/** Bugs that could corrupt a WAL database were fixed up to here (sqlite.org/wal.html, the WAL-reset bug). */
const oldest = [3, 51, 3] as const

const settings = {
  /** better-sqlite3's own default in WAL mode is NORMAL, which loses acknowledged rows in a power cut. */
  synchronous: 2,
  foreign_keys: 1,
  trusted_schema: 0,
  cell_size_check: 1,
  /** The writer checkpoints between groups (checkpoint.ts), so that no commit waits for an automatic one. */
  wal_autocheckpoint: 0,
  busy_timeout: 5000,
} as const

/** Opens the database with every setting that durability rests on, set and then read back. `cacheKib` bounds this connection's page cache. */
export function connect(
  file: string,
  { readonly = false, cacheKib = 8192 }: { readonly?: boolean; cacheKib?: number } = {},
): Database.Database {
  const db = new Database(file, { readonly, fileMustExist: readonly, timeout: settings.busy_timeout })
  try {
    assertVersion(db)
    for (const [name, value] of Object.entries(settings)) db.pragma(`${name} = ${value}`)
    db.pragma(`cache_size = -${cacheKib}`)
    db.pragma('temp_store = MEMORY')
    if (readonly) db.pragma('query_only = 1')
    else db.pragma('journal_mode = WAL')
    assertSettings(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Throws unless every setting is as it must be. */
export function assertSettings(db: Database.Database): void {
  for (const [name, value] of Object.entries({ journal_mode: 'wal', ...settings })) {
    const found = db.pragma(name, { simple: true })
    if (found !== value) {
      throw new AppError(
        'unavailable',
        'storage_settings',
        `The database did not accept ${name} = ${value} (it says ${found}). Move the data folder to a local disk.`,
      )
    }
  }
}

function assertVersion(db: Database.Database): void {
  const version = String(db.prepare('SELECT sqlite_version()').pluck().get())
  if (!isRecent(version)) {
    throw new AppError(
      'unavailable',
      'storage_version',
      `SQLite ${version} is too old: ${oldest.join('.')} or newer is needed. Run npm ci again.`,
    )
  }
}

export function isRecent(version: string): boolean {
  const parts = version.split('.').map(Number)
  for (const [position, least] of oldest.entries()) {
    const part = parts[position] ?? 0
    if (part !== least) return part > least
  }
  return true
}
