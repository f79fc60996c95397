import type { AnyEntity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Load, SequenceValue, Storage } from '../storage/port.ts'
import { checkLog, compareHeads, compareRows, compareSequences, settle } from './compare.ts'
import { likeness } from './confirm.ts'
import { createSums, type Sums } from './digest.ts'
import { createFollower, type Follower, type Watched } from './follow.ts'
import { type Mark, readMark, writeMark } from './mark.ts'
import { type Counter, createProgress, type Progress } from './progress.ts'
import { copyRows, copySequences, sequencesOf } from './rows.ts'
import { headsOf } from './streams.ts'
import { createTouched } from './touched.ts'

/** Writes to the source are held back until one of these is called. */
type Pause = { resume(): void; seal(): void }

export type Move = {
  source: Storage
  target: Storage
  entities: readonly AnyEntity[]
  /** Holds back every write to the source, and resolves when none is under way. */
  pause(): Promise<Pause>
  /** Looked at before the target becomes a storage of its own: whether this process can open what is sealed in it. */
  check(target: Storage): Promise<void>
  told(progress: Progress): void
}

export type Moved = {
  /** Rows by entity. */
  entities: Record<string, number>
  /** Digests of the rows by entity (digest.ts): the same on every engine. */
  digests: Record<string, string>
  log: { streams: number; entries: number }
  /** How long writes were held back. */
  pausedMs: number
  /** Whether an earlier run had done a part of it. */
  resumed: boolean
  equal: true
}

type Run = Move & { origin: string; load(batch: Load): Promise<void>; count: Counter; follower: Follower }

/**
 * Copies a storage while it is written to, follows its log, compares, holds writes back for the last round, and makes the target a storage of its own (docs/decisions/0010-moving.md has the
 * argument). Run again after a crash it goes on. After it the source is paused for good. Errors: `storage_not_empty`, `move_source_damaged`, `move_source_busy`, `move_differs`, and those of
 * the engines; then writes go on as before.
 */
export async function moveStorage(move: Move): Promise<Moved> {
  const { source, target } = move
  const origin = await originOf(source)
  const transfer = target.transfer()
  const state = await transfer.state()
  const count = createProgress((await logOf(source)).entries, move.told)
  const found = state === 'ready' ? await likeness(source, target) : null
  if (found === 'moved') throw done()
  if (found === 'equal') return confirm({ ...move, count })
  const told = await transfer.begin()
  const mark = told === null ? null : readMark(told)
  if (told !== null && mark?.source !== origin) throw foreign()
  const load = (batch: Load): Promise<void> => transfer.load(batch)
  const follower = createFollower({ ...move, isNew: state === 'empty', load, copied: count.entries })
  const run: Run = { ...move, origin, load, count, follower }
  const sequences = await copyAll(run, mark)
  const watched = await compareAll(run, sequences)
  await follower.catchUp(watched)
  const pausedMs = await switchOver(run, watched)
  return report(run, watched.sums, { pausedMs, resumed: state === 'loading' })
}

/** Log first, rows after it: every write that a row's copy may have missed is in an entry behind the copied log. */
async function copyAll({ entities, source, follower, load, origin, count }: Run, mark: Mark | null): Promise<SequenceValue[]> {
  const note = (phase: Mark['phase'], entity: AnyEntity | undefined, cursor: string | null): string =>
    writeMark({ source: origin, phase, entity: entity?.name ?? null, cursor })
  if (mark === null || mark.phase === 'log') {
    await load({ mark: note('log', undefined, null) })
    await follower.copyLog()
    await load({ mark: note('rows', entities[0], null) })
  }
  if (mark?.phase !== 'follow') {
    const isHalf = ({ name }: AnyEntity): boolean => mark?.phase === 'rows' && name === mark.entity
    const first = Math.max(0, entities.findIndex(isHalf))
    for (const type of entities.slice(first)) {
      const markOf = (cursor: string): string => note('rows', type, cursor)
      await copyRows({ source, load }, type, isHalf(type) ? (mark?.cursor ?? null) : null, { markOf, copied: count.done })
    }
    await load({ mark: note('follow', undefined, null) })
  }
  const sequences = await copySequences(source, load)
  await follower.catchUp()
  return sequences
}

/** Everything while the source is written to: what differs now, and what is written from now on, is left open for the pause. */
async function compareAll(
  { source, target, entities, count }: Move & { count: Counter },
  sequences: readonly SequenceValue[],
): Promise<Watched> {
  const watched: Watched = { sums: createSums(), open: createTouched(entities) }
  for (const type of entities) count.done(await compareRows({ source, target }, type, watched))
  await checkLog(target, count.done)
  await compareSequences(target, sequences)
  return watched
}

const mostLastRounds = 5

/** Resolves to how long writes were held back, in milliseconds. */
async function switchOver({ source, target, pause, check, follower }: Run, watched: Watched): Promise<number> {
  const startedMs = performance.now()
  const held = await pause()
  try {
    for (let round = 0; (await follower.follow(watched)) > 0; round += 1) if (round === mostLastRounds) throw busy()
    await settle({ source, target }, watched.open)
    await compareHeads({ source, target })
    await check(target)
    await target.transfer().finish()
    held.seal()
  } catch (error) {
    held.resume()
    throw error
  }
  return Math.round(performance.now() - startedMs)
}

/** A run that was killed after the target was finished, and before it could say so. */
async function confirm(run: Move & { count: Counter }): Promise<Moved> {
  const { source, target, pause, check } = run
  const startedMs = performance.now()
  const held = await pause()
  try {
    const { sums, open } = await compareAll(run, await Array.fromAsync(sequencesOf(source)))
    await settle({ source, target }, open)
    await compareHeads({ source, target })
    await check(target)
    held.seal()
    return await report(run, sums, { pausedMs: Math.round(performance.now() - startedMs), resumed: true })
  } catch (error) {
    held.resume()
    throw error
  }
}

async function report({ source, entities }: Move, sums: Sums, rest: Pick<Moved, 'pausedMs' | 'resumed'>): Promise<Moved> {
  const each = entities.map(({ name }) => ({ name, ...sums.of(name) }))
  return {
    entities: Object.fromEntries(each.map(({ name, count }) => [name, count])),
    digests: Object.fromEntries(each.map(({ name, digest }) => [name, digest])),
    log: await logOf(source),
    ...rest,
    equal: true,
  }
}

async function logOf(storage: Storage): Promise<{ streams: number; entries: number }> {
  const log = { streams: 0, entries: 0 }
  for await (const { sequence } of headsOf(storage)) {
    log.streams += 1
    log.entries += sequence
  }
  return log
}

/** Names a storage by its history: the hash of the first entry of its first stream, which never changes. Errors: `no_data`. */
async function originOf(source: Storage): Promise<string> {
  const [platform] = await source.platform().log(null, 0, 1)
  if (platform !== undefined) return platform.hash
  for await (const { tenantId, stream } of headsOf(source)) {
    const [first] = await source.tenant(tenantId).log(stream, 0, 1)
    if (first !== undefined) return first.hash
  }
  throw new AppError('not_found', 'no_data', 'There is nothing to move: the storage is empty.')
}

const foreign = () =>
  new AppError(
    'conflict',
    'storage_not_empty',
    'The target holds a part of something else: a move from another storage, or a restore, that did not finish. Name an empty one, or finish that.',
  )

const done = () =>
  new AppError(
    'conflict',
    'storage_not_empty',
    'This storage was moved to that target before, and the target may be in use by now: it is left alone. Start the server with HOLDFAST_STORAGE set to it, or name an empty one.',
  )

const busy = () =>
  new AppError(
    'conflict',
    'move_source_busy',
    'Something else goes on writing to the source. Stop every other server that uses it, then run the move again: it goes on where it is.',
  )
