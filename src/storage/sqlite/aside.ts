import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { databaseFile } from './folder.ts'
import { lockFolder } from './lock.ts'

/**
 * Puts a database that cannot be used beside the place where the next one will be, under a name that says why and when; nothing of it is deleted. Its log of unwritten pages goes first, because it must
 * never be played into another database. Null when the database is sound after all: another process was faster. Errors: `folder_in_use`.
 */
export function setAside(folder: string, why: 'damaged' | 'incomplete', time: string): string | null {
  const lock = lockFolder(folder)
  try {
    const path = join(folder, databaseFile)
    if (why === 'damaged' && isSound(path)) return null
    const name = `${databaseFile}.${why}-${time.replace(/[-:.]/g, '')}`
    for (const ending of ['-wal', '-shm', '']) if (existsSync(path + ending)) renameSync(path + ending, join(folder, `${name}${ending}`))
    const directory = openSync(folder, 'r')
    fsyncSync(directory)
    closeSync(directory)
    return join(folder, name)
  } finally {
    lock.release()
  }
}

function isSound(path: string): boolean {
  try {
    const db = new Database(path, { fileMustExist: true })
    try {
      return db.pragma('quick_check', { simple: true }) === 'ok'
    } finally {
      db.close()
    }
  } catch {
    return false
  }
}
