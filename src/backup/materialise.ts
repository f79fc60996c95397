import type { AnyEntity } from '../kernel/entity.ts'
import type { Storage } from '../storage/port.ts'
import { listSegments } from './coverage.ts'
import type { Manifest } from './manifest.ts'
import { streamPieces } from './read-log.ts'
import { loadSnapshot } from './read-snapshot.ts'
import { createReplay } from './replay.ts'
import type { Target } from './target.ts'

/** A moment in one tenant's history: after the entry with that sequence, or after the last entry until that time; null is now. */
export type Moment = { sequence: number } | { time: string } | null

type Parts = {
  target: Target
  identities: readonly string[]
  entities: readonly AnyEntity[]
  /** What to begin with: a snapshot that is not after the moment; null when there is none. */
  manifest: Manifest | null
  /** Empty. */
  scratch: Storage
  progress?: (done: number) => void
}

/**
 * Brings a tenant's rows as they were at a moment into a storage that is being loaded. Rows that come and go with sign-ins, and fields that never go back, are brought to what the log ends with.
 * Resolves to the sequence of the last entry that counts, and of the last one that there is. Errors: `backup_incomplete`, `backup_damaged`.
 */
export async function materialise(
  { target, identities, entities, manifest, scratch, progress = () => {} }: Parts,
  tenantId: string,
  moment: Moment,
): Promise<{ sequence: number; end: number }> {
  const transfer = scratch.transfer()
  const saved = manifest?.heads.find(({ stream }) => stream === tenantId) ?? null
  let done = 0
  if (manifest !== null && saved !== null)
    done = await loadSnapshot({ target, manifest, identities }, transfer, { entities, tenantId, progress })
  const replay = createReplay(scratch, entities)
  const segments = (await listSegments(target, tenantId)).get(tenantId) ?? []
  const after = saved === null ? {} : { after: { sequence: saved.sequence, hash: saved.hash } }
  const until = moment !== null && 'sequence' in moment ? moment.sequence : null
  let last = saved?.sequence ?? 0
  let end = last
  let isOver = false
  for await (const piece of streamPieces({ target, identities, segments }, tenantId, { ...after, until }))
    for (const logged of piece.entries) {
      const { sequence, time } = logged.entry
      isOver ||= moment !== null && ('sequence' in moment ? sequence > moment.sequence : time > moment.time)
      if (!isOver) last = sequence
      end = sequence
      await replay.apply(tenantId, logged, (type) => (isOver && !type.transient ? type.onward : 'all'))
      done += 1
      progress(done)
    }
  await replay.flush()
  return { sequence: last, end }
}
