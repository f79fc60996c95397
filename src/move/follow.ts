import type { AnyEntity } from '../kernel/entity.ts'
import type { Load, Storage } from '../storage/port.ts'
import type { Sums } from './digest.ts'
import { refreshRows } from './rows.ts'
import { copyStreams, type OwnedEntry, type StreamCopy } from './streams.ts'
import { createTouched, type Touched } from './touched.ts'

type Parts = {
  source: Storage
  target: Storage
  entities: readonly AnyEntity[]
  /** The target has no stream yet. */
  isNew: boolean
  load(batch: Load): Promise<void>
  copied(entries: readonly OwnedEntry[]): void
}

/** What a round keeps up to date beside the target: the digests of its rows, and which rows were written. */
export type Watched = { sums: Sums; open: Touched }

/** Entries that a round may find new and a pause still be short. */
const fewEntries = 50
/** A source that is written to faster than it is followed is paused all the same. */
const mostRounds = 30

/** Brings a target to where the source's log is. */
export function createFollower({ source, target, entities, isNew, load, copied }: Parts) {
  const known: StreamCopy['known'] = new Map()

  const copy = (before: StreamCopy['before']): Promise<number> =>
    copyStreams({
      source,
      target,
      known,
      isNew,
      load,
      async before(entries) {
        copied(entries)
        await before(entries)
      },
    })

  /** One round: rows that new entries speak of become what they are in the source now, then the entries follow. Resolves to how many there were. */
  const follow = (watched: Watched | null = null): Promise<number> =>
    copy(async (entries) => {
      const touched = createTouched(entities)
      for (const entry of entries) touched.note(entry.tenantId, entry)
      await refreshRows({ source, target, load, sums: watched?.sums ?? null }, touched)
      for (const [type, places] of touched.rows()) for (const place of places) watched?.open.add(type, place)
    })

  return {
    /** The log alone, while the target has no rows: where it ends is where following begins. */
    copyLog: (): Promise<number> => copy(async () => {}),
    follow,
    /** Rounds until one finds little. */
    async catchUp(watched: Watched | null = null): Promise<void> {
      for (let round = 0; (await follow(watched)) > fewEntries && round < mostRounds; round += 1);
    },
  }
}

export type Follower = ReturnType<typeof createFollower>
