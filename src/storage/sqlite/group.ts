import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, SqliteError, type Statement } from 'better-sqlite3'
import type { EncodedCommit as WireCommit } from '../encoded.ts'
import { type StreamHead, startOf } from '../entry.ts'
import type { Signing } from '../signing.ts'
import { applier, type Refusal } from './commit.ts'
import { appender } from './entry.ts'
import { headWriter } from './heads.ts'
import type { Shape } from './schema.ts'
import type { GroupOutcome, Outcome } from './wire.ts'

/** Streams whose head is kept in memory; beyond it they are read again. */
const headsKept = 20_000

/** A refusal in the middle of a commit of several changes, in a group that runs without savepoints. */
class Repeat extends Error {}

type Work = { heads: Map<string, StreamHead>; numbers: Map<string, Map<string, number>>; time: string; savepoints: boolean }

/**
 * Commits a group in one transaction, one fsync and one signature; each member still succeeds or fails alone. Savepoints cost a sixth of the throughput and are hardly ever needed,
 * because a change that is refused has changed nothing: a group runs without them, and once more with them when a commit is refused half-way.
 */
export function groupCommitter(db: Database, shapes: readonly Shape[]): (commits: readonly WireCommit[], signing: Signing) => GroupOutcome {
  const apply = applier(db, shapes)
  const append = appender(db)
  const writeHeads = headWriter(db)
  const known = new Map<string, StreamHead>()
  const headOf = db.prepare<unknown[], StreamHead>('SELECT tenant_id AS tenant, sequence, hash FROM heads WHERE stream = ?')
  const raise = db.prepare(`INSERT INTO sequences (tenant_id, name, value) VALUES (?, ?, ?)
    ON CONFLICT (tenant_id, name) DO UPDATE SET value = max(value, excluded.value)`)
  const [begin, commit, rollback] = ['BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK'].map((sql) => db.prepare(sql)) as [
    Statement,
    Statement,
    Statement,
  ]
  const [save, release, undo] = ['SAVEPOINT one', 'RELEASE one', 'ROLLBACK TO one'].map((sql) => db.prepare(sql)) as [
    Statement,
    Statement,
    Statement,
  ]

  return (commits, signing) => {
    try {
      return run(commits, signing, false)
    } catch (error) {
      if (isStorageFailure(error)) return { outcomes: commits.map(() => failure(error, db)), commitSeconds: null }
    }
    try {
      return run(commits, signing, true)
    } catch (error) {
      return { outcomes: commits.map(() => failure(error, db)), commitSeconds: null }
    }
  }

  function run(commits: readonly WireCommit[], signing: Signing, savepoints: boolean): GroupOutcome {
    const work: Work = { heads: new Map(), numbers: new Map(), time: '', savepoints }
    begin.run()
    try {
      const outcomes = commits.map((one) => (savepoints ? guarded(one, work) : write(one, work)))
      if (work.heads.size === 0) {
        rollback.run()
        return { outcomes, commitSeconds: null }
      }
      for (const [tenant, numbers] of work.numbers) for (const [name, value] of numbers) raise.run(tenant, name, value)
      writeHeads(work.heads, work.time, signing)
      const startMs = performance.now()
      commit.run()
      const commitSeconds = (performance.now() - startMs) / 1000
      if (known.size > headsKept) known.clear()
      for (const [stream, head] of work.heads) known.set(stream, head)
      return { outcomes, commitSeconds }
    } catch (error) {
      if (db.inTransaction) rollback.run()
      throw error
    }
  }

  /** One commit between savepoints: whatever it throws takes it back and nothing else, unless the storage itself failed. */
  function guarded(one: WireCommit, work: Work): Outcome {
    save.run()
    let outcome: Outcome
    try {
      outcome = write(one, work)
    } catch (error) {
      if (isStorageFailure(error) || !db.inTransaction) throw error
      outcome = failure(error, db)
    }
    if (outcome[0] !== 'done') undo.run()
    release.run()
    return outcome
  }

  function write(one: WireCommit, work: Work): Outcome {
    const [tenant, stream, time, , changes] = one
    const head = work.heads.get(stream) ?? known.get(stream) ?? headOf.get(stream) ?? startOf(tenant)
    if (head.tenant !== tenant) return ['exists', 'stream', stream, null]
    const applied = apply(tenant, changes)
    if (applied.refusal !== null) return refused(applied, work)
    const next = append(head, one, applied.told)
    work.heads.set(stream, next)
    if (time > work.time) work.time = time
    countUp(one, work)
    return ['done', next.sequence, next.hash]
  }

  /** An insert that carries a number raises its sequence in the same transaction, so `next` never gives it out again. */
  function countUp([tenant, , , , changes]: WireCommit, { numbers }: Work): void {
    for (const change of changes) {
      if (change[0] !== 'insert') continue
      const shape = shapes[change[1]]
      const value = shape === undefined || shape.sequence === null ? null : change[3][shape.sequence]
      if (shape === undefined || typeof value !== 'number') continue
      const ours = numbers.get(tenant) ?? new Map<string, number>()
      numbers.set(tenant, ours.set(shape.name, Math.max(value, ours.get(shape.name) ?? value)))
    }
  }
}

function refused({ refusal, isClean }: { refusal: Refusal; isClean: boolean }, { savepoints }: Work): Outcome {
  if (!isClean && !savepoints) throw new Repeat()
  return refusal
}

/** The disk is full or fails: no member can be helped by trying it alone. */
const isStorageFailure = (error: unknown): boolean =>
  error instanceof SqliteError && /^SQLITE_(FULL|IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY|NOMEM|BUSY|PROTOCOL)/.test(error.code)

/** SQLite calls a full disk an I/O error where it grows the shared memory of its write-ahead log. */
function isFull(code: string, db: Database): boolean {
  if (code === 'SQLITE_FULL') return true
  return code.startsWith('SQLITE_IOERR') && statfsSync(dirname(db.name)).bavail === 0
}

function failure(error: unknown, db: Database): Outcome {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof SqliteError) || !isStorageFailure(error)) return ['bug', message]
  return [isFull(error.code, db) ? 'full' : 'failed', `${error.code}: ${message}`]
}
