import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database, { SqliteError } from 'better-sqlite3'
import { AppError } from '../../kernel/errors.ts'

export const lockFile = 'holdfast.lock'
const holderFile = 'holdfast.pid'

/** How long a process that is just ending may take to let go. */
const patienceMs = 500

/**
 * Holds the folder for this process, or refuses. The lock is SQLite's exclusive one on a file of its own: the operating system drops it with the process, however that ends, so it is
 * never stale. The holder's number stands in another file, which tells and decides nothing.
 */
export function lockFolder(folder: string): { release(): void } {
  const db = new Database(join(folder, lockFile), { timeout: patienceMs })
  try {
    db.pragma('journal_mode = MEMORY')
    db.pragma('locking_mode = EXCLUSIVE')
    db.exec('BEGIN EXCLUSIVE')
    writeFileSync(join(folder, holderFile), `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    db.close()
    if (!(error instanceof SqliteError && error.code.startsWith('SQLITE_BUSY'))) throw error
    throw new AppError(
      'conflict',
      'folder_in_use',
      `The data folder ${folder} is in use by ${holderOf(folder)}. Stop that one first, or choose another folder with HOLDFAST_DATA.`,
    )
  }
  return {
    release() {
      db.exec('ROLLBACK')
      db.close()
    },
  }
}

function holderOf(folder: string): string {
  try {
    return `process ${Number(readFileSync(join(folder, holderFile), 'utf8'))}`
  } catch {
    return 'another process'
  }
}
