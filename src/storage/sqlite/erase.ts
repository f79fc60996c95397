import type { Database } from 'better-sqlite3'
import type { Replacement } from './wire.ts'

/**
 * Replaces entries where their hash is the stored one; resolves to what is wrong, or null. What stood there is overwritten in the file too (`secure_delete`), and the write-ahead log, which may still hold it, is
 * emptied as soon as no reader needs it.
 */
export function eraser(db: Database): (tenant: string, entries: readonly Replacement[]) => string | null {
  const replace = db.prepare('UPDATE log SET entry = ?, secrets = ? WHERE stream = ? AND sequence = ? AND tenant_id = ? AND hash = ?')
  return (tenant, entries) => {
    const patienceMs = Number(db.pragma('busy_timeout', { simple: true }))
    db.pragma('secure_delete = ON')
    try {
      db.transaction(() => {
        for (const { stream, sequence, hash, text, secrets } of entries)
          if (replace.run(text, secrets, stream, sequence, tenant, hash).changes !== 1)
            throw new Error(`The entry ${stream}/${sequence} with that hash is not there`)
      }).immediate()
      db.pragma('busy_timeout = 0')
      db.pragma('wal_checkpoint(TRUNCATE)')
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    } finally {
      db.pragma(`busy_timeout = ${patienceMs}`)
      db.pragma('secure_delete = OFF')
    }
  }
}
