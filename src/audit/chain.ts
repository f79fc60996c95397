import { type KeyObject, verify } from 'node:crypto'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { isSignedErasure } from '../kernel/erased-entry.ts'
import type { Head, LogEntry, LoggedEntry, TenantStore } from '../storage/port.ts'

export type ProblemCode = 'changed' | 'missing' | 'order' | 'tail_missing' | 'head_invalid'
export type ChainProblem = { stream: string; sequence: number; code: ProblemCode; detail: string }

export const firstHash = '0'.repeat(64)
const pageSize = 500

/** A head's own leaf: what one signature over many heads says of this one. */
export const leafOf = ({ stream, sequence, hash }: { stream: string; sequence: number; hash: string }): string =>
  sha256(`${stream}\n${sequence}\n${hash}\n`)

/** Whether a head was signed by one of these keys. */
export function isSignedHead(head: Head, keys: ReadonlyMap<string, KeyObject>): boolean {
  const key = keys.get(head.kid)
  if (key === undefined || !head.leaves.includes(leafOf(head))) return false
  return verify(null, Buffer.from(canonical({ leaves: head.leaves, time: head.time })), key, Buffer.from(head.signature, 'base64url'))
}

/** Whether an entry was emptied by one of us: `isErasedBy` of the keys at hand, or `anyErasure` where the entries are one's own, or somebody else looks. */
export type IsErasure = (entry: LogEntry) => boolean

export const isErasedBy =
  (keys: ReadonlyMap<string, KeyObject>): IsErasure =>
  (entry) =>
    isSignedErasure(entry, keys)

export const anyErasure: IsErasure = () => true

/** What is wrong with one entry, given what came before it. */
export function entryProblem(
  { entry, text, hash, secrets }: LoggedEntry,
  stream: string,
  before: { sequence: number; hash: string },
  isErasure: IsErasure,
): ChainProblem | null {
  const expected = before.sequence + 1
  const problem = (code: ProblemCode, detail: string, sequence = expected): ChainProblem => ({ stream, sequence, code, detail })
  if (entry.sequence > expected) return problem('missing', `Entries ${expected} to ${entry.sequence - 1} are missing.`)
  if (entry.sequence < expected || entry.stream !== stream)
    return problem('order', `Entry ${expected} says that it is ${entry.stream}/${entry.sequence}.`)
  if (text !== canonical(entry as unknown as Json)) return problem('changed', 'The entry is not in canonical form.')
  if (entry.erased === undefined) {
    if (sha256(before.hash + text) !== hash) return problem('changed', 'The entry does not have the hash that the chain says.')
  } else if (entry.erased.hash !== hash) return problem('changed', 'The erased entry does not have the hash that the chain says.')
  else if (!isErasure(entry)) return problem('changed', 'The entry was emptied, and not by one of our keys.')
  if (entry.previousHash !== before.hash) return problem('changed', 'The entry does not follow the entry before it.')
  if ((entry.secrets ?? null) !== (secrets === null ? null : sha256(secrets)))
    return problem('changed', 'The secret fields are not those that the entry was made with.')
  return null
}

/** `last` is the sequence of the last entry that is there. */
export type Walk = { entries: number; last: number; problems: ChainProblem[] }

/**
 * Walks a stream from its first entry to its signed head. `each` sees every entry. After a bad entry it goes on from what that entry says of itself, so that every place is named.
 */
export async function walkChain(
  store: TenantStore,
  stream: string,
  keys: ReadonlyMap<string, KeyObject>,
  each: (entry: LoggedEntry) => void = () => {},
): Promise<Walk> {
  const head = await store.head(stream)
  const problems: ChainProblem[] = []
  let before = { sequence: 0, hash: firstHash }
  let entries = 0
  for (;;) {
    const page = await store.log(stream, before.sequence, pageSize)
    for (const logged of page) {
      const problem = entryProblem(logged, stream, before, isErasedBy(keys))
      if (problem !== null) problems.push(problem)
      before = { sequence: logged.entry.sequence > before.sequence ? logged.entry.sequence : before.sequence + 1, hash: logged.hash }
      entries += 1
      each(logged)
    }
    if (page.length < pageSize) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  const told = (code: ProblemCode, sequence: number, detail: string) => problems.push({ stream, sequence, code, detail })
  if (head === null) {
    if (entries > 0) told('head_invalid', before.sequence, 'The stream has entries but no signed head.')
  } else if (!isSignedHead(head, keys)) told('head_invalid', head.sequence, 'The head is not signed by one of our keys.')
  else if (head.sequence > before.sequence)
    told('tail_missing', before.sequence + 1, `The head says ${head.sequence} entries, but ${before.sequence} are there.`)
  else if (head.sequence === before.sequence && head.hash !== before.hash)
    told('head_invalid', head.sequence, 'The head has another hash than the last entry.')
  return { entries, last: before.sequence, problems }
}
