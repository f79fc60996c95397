import type { AnyEntity } from '../kernel/entity.ts'
import type { Storage } from '../storage/port.ts'
import { listSegments } from './coverage.ts'
import type { Manifest } from './manifest.ts'
import { streamPieces } from './read-log.ts'
import { loadSnapshot } from './read-snapshot.ts'
import { createReplay } from './replay.ts'
import type { Target } from './target.ts'

export type RebuildParts = {
  target: Target
  manifest: Manifest
  identity: string
  entities: readonly AnyEntity[]
  /** Empty, or left half rebuilt by an earlier run. */
  into: Storage
  progress?: (done: number) => void
}

export type Rebuilt = { rows: number; streams: number; entries: number }

const entriesPerLoad = 500

/**
 * Makes an empty storage what the instance was when the target's log ends: a snapshot's rows, the whole log with its hashes and signatures, and what the log says happened after the snapshot. A run that is
 * interrupted leaves a storage that says so (`loading`) and can be rebuilt again. Errors: `storage_not_empty`, and those of the backup.
 */
export async function rebuild({ target, manifest, identity, entities, into, progress = () => {} }: RebuildParts): Promise<Rebuilt> {
  const transfer = into.transfer()
  await transfer.begin()
  const rows = await loadSnapshot({ target, manifest, identity }, transfer, { entities, progress })
  const replay = createReplay(into, entities)
  const saved = new Map(manifest.heads.map((head) => [head.stream, head.sequence]))
  const streams = await listSegments(target)
  let entries = 0
  for (const [stream, segments] of streams) {
    const until = saved.get(stream) ?? null
    for await (const piece of streamPieces({ target, identity, segments }, stream, { until })) {
      const { tenantId, head } = piece
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
  return { rows, streams: streams.size, entries }
}
