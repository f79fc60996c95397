import type { IsErasure } from '../audit/chain.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Head, Storage } from '../storage/port.ts'
import { covering, listSegments } from './coverage.ts'
import type { Manifest } from './manifest.ts'
import type { SegmentName } from './names.ts'
import { streamPieces } from './read-log.ts'
import { loadSnapshot } from './read-snapshot.ts'
import { createReplay } from './replay.ts'
import type { Target } from './target.ts'

export type RebuildParts = {
  target: Target
  /** What to begin with, checked to be whole; null = the log from its first entry. */
  manifest: Manifest | null
  identities: readonly string[]
  entities: readonly AnyEntity[]
  /** Empty, or left half rebuilt by an earlier run. */
  into: Storage
  /** Whether a head was signed by this instance: nothing that is not goes in. */
  isOurs(head: Head): boolean
  /** Whether an entry was emptied by this instance. */
  isErasure: IsErasure
  progress?: (done: number) => void
}

/** `rows` is how many there are now. */
export type Rebuilt = { rows: number; streams: number; entries: number }

const entriesPerLoad = 500

/** What a load that is a rebuild says of itself, so that nobody goes on with somebody else's. */
const rebuildMark = 'rebuild from a backup'

/**
 * Makes an empty storage what the instance was when the target's log ends: a snapshot's rows, the whole log with its hashes and signatures, and what the log says happened after the snapshot. A run that is
 * interrupted leaves a storage that says so (`loading`) and can be rebuilt again. Errors: `storage_not_empty`, `storage_loading`, and those of the backup.
 */
export async function rebuild(parts: RebuildParts): Promise<Rebuilt> {
  const { target, manifest, identities, entities, into, progress = () => {} } = parts
  const streams = await listSegments(target)
  refuseHoles(streams, manifest)
  const transfer = into.transfer()
  const mark = await transfer.begin()
  if (mark !== null && mark !== rebuildMark) throw anotherLoad()
  await transfer.load({ mark: rebuildMark })
  const rows = manifest === null ? 0 : await loadSnapshot({ target, manifest, identities }, transfer, { entities, progress })
  const replay = createReplay(into, entities)
  const saved = new Map(manifest?.heads.map((head) => [head.stream, head.sequence]) ?? [])
  let entries = 0
  for (const [stream, segments] of streams) {
    const until = saved.get(stream) ?? null
    for await (const piece of streamPieces({ target, identities, segments, isErasure: parts.isErasure }, stream, { until })) {
      const { tenantId, head } = piece
      if (!isHeadOf(piece) || !parts.isOurs(head)) throw forged(stream, head.sequence)
      for (let start = 0; start < piece.entries.length; start += entriesPerLoad) {
        const some = piece.entries.slice(start, start + entriesPerLoad)
        await transfer.load({ entries: some.map((logged) => ({ tenantId, ...logged })) })
        for (const logged of some) if (logged.entry.sequence > (until ?? 0)) await replay.apply(tenantId, logged, () => 'all')
        entries += some.length
        progress(rows + entries)
      }
      await transfer.load({ heads: [{ tenantId, ...head }] })
    }
  }
  await replay.flush()
  await transfer.finish()
  return { rows: rows + replay.added(), streams: streams.size, entries }
}

/** Before anything is written: every stream reaches the snapshot, and what lies in the target behind its end too. */
function refuseHoles(streams: ReadonlyMap<string, readonly SegmentName[]>, manifest: Manifest | null): void {
  for (const { stream, sequence } of manifest?.heads ?? [])
    if (endOf(streams.get(stream) ?? []) < sequence) throw hole(stream, streams, sequence)
  for (const [stream, segments] of streams) {
    const last = Math.max(...segments.map((segment) => segment.last))
    if (endOf(segments) < last) throw hole(stream, streams, last)
  }
}

const endOf = (segments: readonly SegmentName[]): number => covering(segments).end

const isHeadOf = ({
  entries,
  head,
}: {
  entries: readonly { entry: { stream: string; sequence: number }; hash: string }[]
  head: Head
}): boolean => {
  const last = entries.at(-1)
  return last !== undefined && head.stream === last.entry.stream && head.sequence === last.entry.sequence && head.hash === last.hash
}

const hole = (stream: string, streams: ReadonlyMap<string, readonly SegmentName[]>, wanted: number): AppError => {
  const end = endOf(streams.get(stream) ?? [])
  return new AppError(
    'unprocessable',
    'backup_incomplete',
    `The log of stream ${stream} has a hole in this target: entries ${end + 1} and on are missing, and it went to ${wanted} at least. Put the missing file of log/${stream}/ back, or take another target.`,
  )
}

const forged = (stream: string, sequence: number): AppError =>
  new AppError(
    'unprocessable',
    'backup_foreign',
    `The log of stream ${stream} up to entry ${sequence} is not signed by this instance. Nothing of that file is used. Take another target.`,
  )

const anotherLoad = (): AppError =>
  new AppError(
    'unavailable',
    'storage_loading',
    'A move into this storage has not finished. Run it again, or name an empty storage to restore into.',
  )
