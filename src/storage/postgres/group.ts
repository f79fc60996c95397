import { setTimeout } from 'node:timers/promises'
import { AppError } from '../../kernel/errors.ts'
import type { EncodedCommit } from '../encoded.ts'
import { nextEntry, type StreamHead } from '../entry.ts'
import { Conflict } from '../port.ts'
import type { Signing } from '../signing.ts'
import type { Result } from './batch.ts'
import { codeOf, isOutage, isRace, Severed, storageFailed, writeFailed } from './failures.ts'
import { guards, type Refusal } from './guards.ts'
import type { Link, Pool } from './pool.ts'
import { lockHead, placeHead, questions, setRole, setTenant, type Wholes } from './questions.ts'
import type { Roles } from './schema.ts'
import type { Shape } from './shape.ts'
import { forget, outsideEntries, pendingWrites, writesAtOnce } from './sql-writes.ts'
import { headWrite, logWrite, raise, rowWrites } from './writes.ts'

export type Outcome = { sequence: number; hash: string } | { error: Error }

export type Group = { commits: readonly EncodedCommit[]; wholes: Wholes }

export type Committer = {
  /** Commits of one stream in one transaction; each succeeds or fails alone. `written`: how many transactions that took. */
  commit(group: Group): Promise<{ outcomes: Outcome[]; written: number }>
  /** Puts what others than the server wrote for a tenant into the log. Resolves with the newest sequence, or null where nothing was pending. */
  drain(tenant: string): Promise<{ sequence: number; isMore: boolean } | null>
}

type Options = { pool: Pool; shapes: readonly Shape[]; roles: Roles; signing: () => Signing }

/** How often a commit that loses to other processes is tried again before it is given up as an outage. */
const attempts = 12

/** Streams that are known to have their row. */
const streamsKept = 50_000

/** The commit was sent and the answer is missing: it may be done. */
class Unknown extends Error {}

/**
 * Two round trips a group. The first locks the stream and the rows and reads what the guards go by; they are decided here, so that a refused commit is simply not written and no savepoint
 * is needed. The second writes the rest, the entries and the signed head, and commits. What another transaction did in between shows as a unique key that is taken after all: then the group
 * is taken apart, and each commit is tried alone until it is done or its refusal is plain.
 */
export function committer({ pool, shapes, roles, signing }: Options): Committer {
  const known = new Set<string>()

  async function once(link: Link, group: Group, isOrdered: boolean, sent: { isSent: boolean }): Promise<Outcome[]> {
    const { commits, wholes } = group
    const [tenant, stream] = commits[0] as EncodedCommit
    const asked = questions(group, { shapes, roles, isKnown: known.has(stream) })
    const answers = asked.read(await link.run(asked.statements))
    if (answers.isLoading) return commits.map(() => ({ error: loading() }))
    if (answers.stream === null) {
      // its row may have gone with a transaction that was taken back
      if (known.delete(stream)) return once(await rolledBack(link), group, isOrdered, sent)
      return commits.map(() => ({ error: new Conflict('exists', 'stream', stream) }))
    }
    const guarded = guards({ shapes, answers, wholes })
    let head: StreamHead = answers.stream
    let latest = ''
    const entries: Parameters<typeof logWrite>[1][number][] = []
    const outside = answers.pending === null ? null : outsideEntries(tenant, answers.pending, shapes)
    for (const { commit, told } of outside?.entries ?? []) {
      const entry = nextEntry(head, commit, told)
      head = entry.head
      entries.push({ stream, time: commit[2], entry })
    }
    const before = entries.length
    const outcomes = commits.map((commit): Outcome => {
      const result = guarded.run(commit)
      if (result.refusal !== null) return { error: conflictOf(result.refusal) }
      const entry = nextEntry(head, commit, result.told)
      const [, , time] = commit
      head = entry.head
      if (time > latest) latest = time
      entries.push({ stream, time, entry })
      return { sequence: head.sequence, hash: head.hash }
    })
    if (entries.length === before) return outcomes
    const statements = [
      ...rowWrites(tenant, guarded, { shapes, isOrdered }),
      ...guarded.raised().map((number) => raise(tenant, number)),
      logWrite(tenant, entries),
      headWrite(stream, head, latest, signing()),
      ...(before === 0 ? [] : [setRole(roles, 'transfer'), forget(outside?.numbers ?? [])]),
      { text: 'COMMIT' },
    ]
    sent.isSent = true
    await link.run(statements)
    if (known.size >= streamsKept) known.clear()
    known.add(stream)
    return outcomes
  }

  /** Runs a group until it is done, refused, or beyond help. Throws what the database failed with. */
  async function persist(group: Group, isOrdered: boolean, tries: number): Promise<Outcome[]> {
    for (let attempt = 1; ; attempt += 1) {
      const sent = { isSent: false }
      try {
        return await pool.use((link) => once(link, group, isOrdered, sent))
      } catch (error) {
        if (isRace(error) && attempt < tries) await setTimeout(Math.random() * 5 * attempt)
        else if (isRace(error)) throw error
        // nothing was written yet: connections that had died unnoticed, be it all of them, are no reason to bother anyone
        else if (!sent.isSent && isOutage(error) && codeOf(error) !== '53100' && attempt < (error instanceof Severed ? attempts : 2))
          continue
        else
          throw sent.isSent && isOutage(error)
            ? new Unknown('The connection was cut while the commit was on its way', { cause: error })
            : error
      }
    }
  }

  async function drained(link: Link, tenant: string): Promise<{ sequence: number; isMore: boolean } | null> {
    const [, , , found, pending] = await link.run([
      { text: 'BEGIN' },
      setTenant(tenant),
      { text: placeHead, values: [tenant, tenant] },
      { text: lockHead, values: [tenant, tenant] },
      pendingWrites(tenant),
    ])
    const stored = found?.rows[0]
    const { entries, numbers } = outsideEntries(tenant, pending as Result, shapes)
    if (stored === undefined || stored[2] === 'loading' || numbers.length === 0) return null
    let head: StreamHead = { sequence: Number(stored[0]), hash: stored[1] ?? '', tenant }
    const logged = entries.map(({ commit, told }) => {
      const entry = nextEntry(head, commit, told)
      head = entry.head
      return { stream: tenant, time: commit[2], entry }
    })
    const last = logged.at(-1)
    const written = last === undefined ? [] : [logWrite(tenant, logged), headWrite(tenant, head, last.time, signing())]
    await link.run([...written, setRole(roles, 'transfer'), forget(numbers), { text: 'COMMIT' }])
    return { sequence: head.sequence, isMore: numbers.length === writesAtOnce }
  }

  async function alone(commit: EncodedCommit, wholes: Wholes): Promise<Outcome> {
    try {
      return (await persist({ commits: [commit], wholes }, true, attempts))[0] as Outcome
    } catch (error) {
      return { error: failure(error, commit) }
    }
  }

  /** What is left of a race after every attempt: a key that someone took and that cannot be read, or an outage. */
  function failure(error: unknown, [, , , , changes]: EncodedCommit): Error {
    if (codeOf(error) !== '23505') return isRace(error) || isOutage(error) ? writeFailed(error) : asError(error)
    const constraint = error instanceof Error && 'constraint' in error ? error.constraint : null
    for (const [op, entity, id] of changes) {
      const shape = shapes[entity]
      const key = shape?.keys.find(({ index }) => index === constraint)
      if (shape !== undefined && key !== undefined && op !== 'check') return new Conflict('unique', shape.name, id, key.name)
    }
    return writeFailed(error)
  }

  return {
    drain: (tenant) => pool.use((link) => drained(link, tenant)),
    async commit(group) {
      const { commits, wholes } = group
      try {
        const outcomes = commits.length === 1 ? [await alone(commits[0] as EncodedCommit, wholes)] : await persist(group, false, 1)
        return { outcomes, written: outcomes.some((outcome) => 'hash' in outcome) ? 1 : 0 }
      } catch (error) {
        if (error instanceof Unknown || isOutage(error)) return { outcomes: commits.map(() => ({ error: writeFailed(error) })), written: 0 }
      }
      const outcomes: Outcome[] = []
      for (const commit of commits) outcomes.push(await alone(commit, wholes))
      return { outcomes, written: outcomes.filter((outcome) => 'hash' in outcome).length }
    },
  }
}

async function rolledBack(link: Link): Promise<Link> {
  await link.run([{ text: 'ROLLBACK' }])
  return link
}

const asError = (error: unknown): Error => {
  if (error instanceof Unknown) return storageFailed(error)
  return error instanceof Error ? error : new Error(String(error))
}

const conflictOf = ([reason, entity, id, key]: Refusal): Conflict => new Conflict(reason, entity, id, key)

export const loading = (): AppError =>
  new AppError('unavailable', 'storage_loading', 'The data is being moved here. Try again when that is done.', { retryAfterSeconds: 30 })
