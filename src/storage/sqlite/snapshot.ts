import type { Database } from 'better-sqlite3'

export type Snapshot = { begin(): void; end(): void }

/**
 * One read transaction for all reads of one turn of the event loop: taking SQLite's read lock costs more than reading a row by its key. It ends with the turn, and before any
 * commit is acknowledged, so that whoever reads after an acknowledgement sees it.
 */
export function snapshot(db: Database): Snapshot {
  const [begin, commit] = [db.prepare('BEGIN'), db.prepare('COMMIT')]
  let isOpen = false
  function end(): void {
    if (!isOpen) return
    isOpen = false
    if (db.open && db.inTransaction) commit.run()
  }
  return {
    begin() {
      if (isOpen) return
      begin.run()
      isOpen = true
      setImmediate(end)
    },
    end,
  }
}
