import { anyErasure, entryProblem, firstHash } from '../audit/chain.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { copyRows, copySequences } from '../move/rows.ts'
import { headsOf, type OwnedHead } from '../move/streams.ts'
import type { Load, Storage, View } from '../storage/port.ts'
import { createReplay } from './replay.ts'

type Parts = {
  source: Storage
  /** Empty, opened. It holds the copy as long as the view is open. */
  scratch: Storage
  entities: readonly AnyEntity[]
  /** Lets go of both. */
  release(): Promise<void>
}

/** A source that is written to without a pause is followed so often. */
const mostRounds = 10
const pageSize = 1_000

/**
 * A view of a storage that cannot hold an instant still: its rows are copied as they are met, then the log is followed from where it was before the first row was read. Writes that the copy already has are
 * made once more and change nothing, so that the rows of each stream are exactly those after its head. It ends when nothing was written from one look at all streams to the next, which is one instant for all of
 * them; after ten rounds each stream has an instant of its own, less than a round apart. Errors: `log_damaged`, those of the storages.
 */
export async function copiedView({ source, scratch, entities, release }: Parts): Promise<View> {
  try {
    const heads = await copy(source, scratch, entities)
    const transfer = scratch.transfer()
    return {
      rows: transfer.rows,
      sequences: transfer.sequences,
      async heads({ cursor = null, limit = 200 }) {
        const start = cursor === null ? 0 : Number(cursor)
        const end = start + limit
        return { items: heads.slice(start, end), nextCursor: end < heads.length ? String(end) : null }
      },
      close: release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

async function copy(source: Storage, scratch: Storage, entities: readonly AnyEntity[]): Promise<OwnedHead[]> {
  const transfer = scratch.transfer()
  await transfer.begin()
  const load = (batch: Load): Promise<void> => transfer.load(batch)
  let heads = await Array.fromAsync(headsOf(source))
  for (const type of entities) await copyRows({ source, load }, type, null, { markOf: () => '', copied() {} })
  for (let round = 1; ; round += 1) {
    const now = await Array.fromAsync(headsOf(source))
    const entries = await follow({ source, scratch, entities }, heads, now)
    heads = now
    if (entries === 0 || round === mostRounds) break
  }
  await copySequences(source, load)
  return heads
}

/** Brings the copied rows from where streams were to where they are. Resolves to the number of entries between. */
async function follow(
  { source, scratch, entities }: Pick<Parts, 'source' | 'scratch' | 'entities'>,
  from: readonly OwnedHead[],
  to: readonly OwnedHead[],
): Promise<number> {
  const replay = createReplay(scratch, entities)
  const known = new Map(from.map(({ stream, sequence, hash }) => [stream, { sequence, hash }]))
  let entries = 0
  for (const { tenantId, stream, sequence, hash } of to) {
    let before = known.get(stream) ?? { sequence: 0, hash: firstHash }
    while (before.sequence < sequence) {
      const page = await source.tenant(tenantId).log(stream, before.sequence, Math.min(pageSize, sequence - before.sequence))
      if (page.length === 0) throw damaged(stream, before.sequence + 1)
      for (const logged of page) {
        if (entryProblem(logged, stream, before, anyErasure) !== null) throw damaged(stream, before.sequence + 1)
        await replay.apply(tenantId, logged, () => 'all')
        before = { sequence: logged.entry.sequence, hash: logged.hash }
        entries += 1
      }
    }
    if (before.hash !== hash) throw damaged(stream, sequence)
  }
  await replay.flush()
  return entries
}

const damaged = (stream: string, sequence: number): AppError =>
  new AppError(
    'internal',
    'log_damaged',
    `Entry ${sequence} of the log's stream ${stream} is missing or was changed, so no snapshot is made of it. Run: bin/holdfast audit verify`,
  )
