import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type ChainProblem, firstHash, isErasedBy, isSignedHead } from '../audit/chain.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { Head, LogEntry } from '../storage/port.ts'

export type Verified = { ok: boolean; streams: number; entries: number; problems: ChainProblem[] }
export type PublicKeys = { items: readonly { kid: string; purpose: string; publicJwk: JsonWebKey }[] }

type Entry = LogEntry & { hash: string }
type Last = { stream: string; sequence: number; hash: string }

const headFields = ['hash', 'kid', 'leaves', 'sequence', 'signature', 'stream', 'time']

/**
 * Checks an export of `audit export` with nothing but the file and the public keys. Every byte counts: each line must be the canonical text of what it says, each entry must have its hash and
 * follow the one before it, and the last line must be their head, signed by one of the keys.
 */
export async function verifyExport(path: string, keys: PublicKeys): Promise<Verified> {
  const publicKeys = new Map<string, KeyObject>(
    keys.items
      .filter(({ purpose }) => purpose === 'log')
      .map(({ kid, publicJwk }) => [kid, createPublicKey({ key: publicJwk, format: 'jwk' })]),
  )
  const problems: ChainProblem[] = []
  let last: Last | null = null
  let entries = 0
  let isSealed = false
  const told = (code: ChainProblem['code'], sequence: number, detail: string) =>
    problems.push({ stream: last?.stream ?? '', sequence, code, detail })
  for await (const line of linesOf(path)) {
    const expected: number = (last?.sequence ?? 0) + 1
    const value = line === null ? null : exactJson(line)
    if (isSealed) told('changed', expected, 'There is something after the signed head.')
    else if (value === null) told('changed', expected, 'A line is not the exact text of an entry.')
    else if ('head' in value) {
      isSealed = true
      const problem = headProblem(value, last, publicKeys)
      if (problem !== null) told('head_invalid', last?.sequence ?? 0, problem)
    } else {
      const entry = value as unknown as Entry
      entries += 1
      const problem = entryProblem(entry, last, publicKeys)
      if (problem !== null) problems.push({ stream: String(entry.stream), sequence: expected, ...problem })
      last = { stream: entry.stream, sequence: entry.sequence, hash: entry.hash }
    }
  }
  if (!isSealed) told('tail_missing', (last?.sequence ?? 0) + 1, 'The signed head is missing: the file was cut.')
  return { ok: problems.length === 0, streams: last === null ? 0 : 1, entries, problems }
}

function entryProblem(
  { hash, ...entry }: Entry,
  last: Last | null,
  keys: ReadonlyMap<string, KeyObject>,
): Pick<ChainProblem, 'code' | 'detail'> | null {
  const before = last ?? (entry.sequence === 1 ? { stream: entry.stream, sequence: 0, hash: firstHash } : null)
  if (before !== null && entry.stream !== before.stream)
    return { code: 'order', detail: `The entry is of another stream, ${entry.stream}.` }
  if (before !== null && entry.sequence > before.sequence + 1)
    return { code: 'missing', detail: `Entries ${before.sequence + 1} to ${entry.sequence - 1} are missing.` }
  if (before !== null && entry.sequence !== before.sequence + 1)
    return { code: 'order', detail: `The entry says that it is ${entry.sequence}.` }
  if (entry.erased !== undefined) {
    if (entry.erased.hash !== hash || !isErasedBy(keys)(entry))
      return { code: 'changed', detail: 'The entry was emptied, and not by one of the keys.' }
  } else if (sha256(entry.previousHash + canonical(entry as unknown as Json)) !== hash)
    return { code: 'changed', detail: 'The entry does not have the hash that it says.' }
  if (before !== null && entry.previousHash !== before.hash)
    return { code: 'changed', detail: 'The entry does not follow the entry before it.' }
  return null
}

function headProblem(value: { [key: string]: Json }, last: Last | null, keys: ReadonlyMap<string, KeyObject>): string | null {
  const head = value.head as unknown as Head
  // what the signature does not cover must not be there
  const fields = Object.keys(head ?? {})
    .sort()
    .join()
  if (Object.keys(value).length !== 1 || fields !== headFields.join()) return 'The head has other fields than a head has.'
  if (last === null) return 'There is a head, but no entry.'
  if (head.stream !== last.stream || head.sequence !== last.sequence || head.hash !== last.hash)
    return 'The head is not that of the last entry.'
  const isExact = Buffer.from(head.signature, 'base64url').toString('base64url') === head.signature
  return isExact && isSignedHead(head, keys) ? null : 'The head is not signed by one of the keys.'
}

/** The value of a line that is the canonical JSON of an object, byte for byte. */
function exactJson(line: string): { [key: string]: Json } | null {
  try {
    const value = JSON.parse(line) as Json
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject && canonical(value) === line ? (value as { [key: string]: Json }) : null
  } catch {
    return null
  }
}

/** Lines with their ends taken off; null for one that is not UTF-8 or has no end. */
async function* linesOf(path: string): AsyncGenerator<string | null> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decode = (bytes: Buffer): string | null => {
    try {
      return decoder.decode(bytes)
    } catch {
      return null
    }
  }
  let rest: Buffer[] = []
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield decode(Buffer.concat([...rest, chunk.subarray(start, end)]))
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
  if (rest.length > 0) yield null
}
