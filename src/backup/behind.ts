import { platformTenant, type Storage } from '../storage/port.ts'
import { covering } from './coverage.ts'
import type { Opening } from './manifest.ts'
import { logPrefix, parseSegmentName, type SegmentName } from './names.ts'
import { readSegment } from './segment.ts'
import type { Target } from './target.ts'

/** A start waits no longer for the list of a target's files; the shipper goes on to look without hurry. */
const patienceMs = 500

/**
 * Whether a database was set back: a target holds entries that it lacks, it holds none that the target lacks, and where it ends both have the same entry, so that it is an earlier state of the same
 * history. What has a history of its own is never taken for one. Errors: those of the target.
 */
export async function isBehind(storage: Storage, target: Target, { identities }: Opening): Promise<boolean> {
  const streams = await segmentsSoon(target)
  const found = { less: false, more: false }
  for (const head of await everyHead(storage)) {
    const segments = streams.get(head.stream)
    if (segments === undefined) continue
    const { end } = covering(segments)
    if (end < head.sequence) found.more = true
    if (end <= head.sequence) continue
    if (!(await isSameEntry({ target, identities }, segments, head))) return false
    found.less = true
  }
  return found.less && !found.more
}

async function everyHead(storage: Storage): Promise<{ stream: string; sequence: number; hash: string }[]> {
  const heads: { stream: string; sequence: number; hash: string }[] = []
  for (let cursor: string | null = null; ; ) {
    const page: { items: { stream: string; sequence: number; hash: string }[]; nextCursor: string | null } = await storage
      .platform()
      .heads({ cursor, limit: 200 })
    heads.push(...page.items)
    if (page.nextCursor === null) return heads
    cursor = page.nextCursor
  }
}

/** The platform's segments, and those of as many other streams as can be listed soon, each whole. */
async function segmentsSoon(target: Target): Promise<Map<string, SegmentName[]>> {
  const startedMs = performance.now()
  const streams = new Map<string, SegmentName[]>()
  const add = (name: string): void => {
    const segment = parseSegmentName(name)
    if (segment === null) return
    const known = streams.get(segment.stream)
    if (known === undefined) streams.set(segment.stream, [segment])
    else known.push(segment)
  }
  for await (const { name } of target.list(`${logPrefix}${platformTenant}/`)) add(name)
  let last = ''
  for await (const { name } of target.list(logPrefix)) {
    if (performance.now() - startedMs > patienceMs) {
      streams.delete(last) // half a stream says nothing
      break
    }
    last = parseSegmentName(name)?.stream ?? ''
    if (last !== platformTenant) add(name)
  }
  for (const segments of streams.values()) segments.sort((a, b) => a.first - b.first || b.last - a.last)
  return streams
}

type Place = { sequence: number; hash: string }

async function isSameEntry(
  { target, identities }: { target: Target; identities: readonly string[] },
  segments: readonly SegmentName[],
  { sequence, hash }: Place,
): Promise<boolean> {
  const segment = segments.find(({ first, last }) => first <= sequence && sequence <= last)
  const body = segment === undefined ? null : await target.read(segment.name)
  if (segment === undefined || body === null) return false
  const { entries } = await readSegment(body, identities, segment.name)
  return entries.some((logged) => logged.entry.sequence === sequence && logged.hash === hash)
}
