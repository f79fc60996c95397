import { type Database, SqliteError } from 'better-sqlite3'

/** Frames of 4 KiB after which the write-ahead log is copied into the database: `idle` when nobody waits, `busy` whoever waits. */
const frames = { idle: 1_000, busy: 16_000 }

/**
 * SQLite's automatic checkpoint runs inside a commit; this one runs between groups, when nobody waits if possible. A busy writer goes on to `frames.busy` (64 MiB), so that
 * fewer than one commit in a hundred meets a checkpoint.
 */
export function checkpointer(db: Database) {
  const count = db.prepare<unknown[], [busy: number, log: number, copied: number]>('PRAGMA wal_checkpoint(NOOP)').raw()
  const [passive, truncate] = ['PASSIVE', 'TRUNCATE'].map((mode) => db.prepare(`PRAGMA wal_checkpoint(${mode})`))
  let fsyncs = 0

  /** A checkpoint that fails has lost nothing: the write-ahead log still holds every page, and the next one starts again. */
  function run(statement: typeof passive): void {
    try {
      statement?.get()
      fsyncs += 2
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error
    }
  }

  return {
    /** `isIdle`: nobody waits for the writer now. */
    step(isIdle: boolean): void {
      const [, log, copied] = count.get() ?? [0, 0, 0]
      if (log - copied >= (isIdle ? frames.idle : frames.busy)) run(passive)
    },
    finish: () => run(truncate),
    /** Fsyncs since the last call. */
    takeFsyncs(): number {
      const taken = fsyncs
      fsyncs = 0
      return taken
    },
  }
}
