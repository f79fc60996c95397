import { createRecentMap } from '../kernel/recent-map.ts'
import type { LoggedEntry } from '../storage/port.ts'

/** What a search asks for, and which entries have it: `keys` must all be in an entry's chunk, the times be within its bounds. */
export type Criteria = { keys: readonly string[]; fromMs: number | null; toMs: number | null }

/** Entries of a chunk; as many as one read of the log gives. */
const usualSize = 1_000
/** 16 MiB at most: four million entries. */
const chunksKept = 4_000
/** Bits and hashes of a chunk's filter: about a hundredth of chunks are read in vain when each entry has three keys of its own. */
const bits = 32_768
const hashes = 4

type Summary = { filter: Uint32Array; fromMs: number; toMs: number }

/** What of an entry can be asked for by equality. */
export function keysOf({ entry }: LoggedEntry): string[] {
  const keys = [`request ${entry.requestId}`, `actor ${entry.actor.id}`, `action ${entry.action}`]
  if (entry.entity !== null) keys.push(`type ${entry.entity.type}`, `id ${entry.entity.id}`)
  for (const { type, id } of entry.changes) keys.push(`type ${type}`, `id ${id}`)
  return keys
}

/**
 * What is in chunks of the log that were read once: a Bloom filter (Bloom 1970) and the bounds of their times, in memory. Entries never change, so that a chunk which cannot have what is looked for need not be read
 * again. It costs commits nothing, and a process that was just started reads everything once.
 */
export function createSummaries(size = usualSize) {
  const known = createRecentMap<Summary>(chunksKept)
  const keyOf = (stream: string, chunk: number): string => `${chunk} ${stream}`

  return {
    size,
    /** False when the chunk was seen before, and has no such entry. */
    mayHave(stream: string, chunk: number, { keys, fromMs, toMs }: Criteria): boolean {
      const summary = known.get(keyOf(stream, chunk))
      if (summary === undefined) return true
      if ((fromMs !== null && summary.toMs < fromMs) || (toMs !== null && summary.fromMs > toMs)) return false
      return keys.every((key) => places(key).every((place) => ((summary.filter[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0))
    },
    /** Remembers a chunk, when all of it was read. */
    note(stream: string, chunk: number, entries: readonly LoggedEntry[]): void {
      if (entries.length !== size || entries.at(-1)?.entry.sequence !== (chunk + 1) * size || known.get(keyOf(stream, chunk)) !== undefined)
        return
      const summary: Summary = { filter: new Uint32Array(bits / 32), fromMs: Infinity, toMs: -Infinity }
      for (const logged of entries) {
        const ms = Date.parse(logged.entry.time)
        summary.fromMs = Math.min(summary.fromMs, ms)
        summary.toMs = Math.max(summary.toMs, ms)
        for (const key of keysOf(logged))
          for (const place of places(key)) summary.filter[place >>> 5] = (summary.filter[place >>> 5] ?? 0) | (1 << (place & 31))
      }
      known.set(keyOf(stream, chunk), summary)
    },
  }
}

export type Summaries = ReturnType<typeof createSummaries>

/** Bits of a key, from two hashes (FNV-1a with two offsets): h1 + n · h2. */
function places(key: string): number[] {
  let [one, two] = [0x811c9dc5, 0x1b873593]
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at)
    one = Math.imul(one ^ code, 0x01000193)
    two = Math.imul(two ^ code, 0x85ebca6b)
  }
  one ^= one >>> 15
  two = (two ^ (two >>> 13)) | 1
  return Array.from({ length: hashes }, (_, n) => ((one + Math.imul(n, two)) >>> 0) & (bits - 1))
}
