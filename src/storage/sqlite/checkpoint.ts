import { type Database, SqliteError } from 'better-sqlite3'

/** Frames of 4 KiB after which the write-ahead log is copied into the database: `quiet` when nobody has written for a moment, `busy` whoever writes. */
const frames = { quiet: 1_000, busy: 16_000 }

/** How long without a group counts as quiet. */
const quietMs = 50

/**
 * SQLite's automatic checkpoint runs inside a commit; this one runs between groups, when nobody writes if possible. A busy writer goes on to `frames.busy` (64 MiB), so that
 * fewer than one commit in a hundred meets a checkpoint.
 */
export function checkpointer(db: Database) {
  const count = db.prepare<unknown[], [busy: number, log: number, copied: number]>('PRAGMA wal_checkpoint(NOOP)').raw()
  const [passive, truncate] = ['PASSIVE', 'TRUNCATE'].map((mode) => db.prepare(`PRAGMA wal_checkpoint(${mode})`))
  let fsyncs = 0
  let groups = 0
  let timer: NodeJS.Timeout | null = null

  /** A checkpoint that fails has lost nothing: the write-ahead log still holds every page, and the next one starts again. */
  function run(statement: typeof passive): void {
    try {
      statement?.get()
      fsyncs += 2
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error
    }
  }

  function pending(): number {
    const [, log, copied] = count.get() ?? [0, 0, 0]
    return log - copied
  }

  /** Runs the checkpoint when no group came since it was asked for, else waits on. */
  function whenQuiet(): void {
    const before = groups
    timer = setTimeout(() => {
      timer = null
      if (groups !== before) whenQuiet()
      else if (pending() >= frames.quiet) run(passive)
    }, quietMs)
  }

  return {
    /** After each group. */
    step(): void {
      groups += 1
      const waiting = pending()
      if (waiting >= frames.busy) run(passive)
      else if (waiting >= frames.quiet && timer === null) whenQuiet()
    },
    /** Before the database is closed. */
    finish(): void {
      if (timer !== null) clearTimeout(timer)
      run(truncate)
    },
    /** Fsyncs since the last call. */
    takeFsyncs(): number {
      const taken = fsyncs
      fsyncs = 0
      return taken
    },
  }
}
