import { create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { createGate } from '../kernel/gate.ts'
import { Conflict } from '../storage/port.ts'
import { Throttle } from './entity.ts'
import { tooManyAttempts } from './throttle.ts'

/** How many failures of one kind a network has within any window, a minute unless said. `action` is what the log calls one. */
export type NetworkLimit = { name: string; most: number; code: string; action: string; windowMs?: number }

export const signInFailures: NetworkLimit = { name: 'network', most: 30, code: 'network_throttled', action: 'session.fail' }
/** Unknown tokens on public token routes (SECURITY.md, rate limits). A known token goes on. */
export const tokenMisses: NetworkLimit = { name: 'token', most: 20, code: 'token_misses', action: 'token.miss' }

const minuteMs = 60_000
const windowOf = ({ windowMs = minuteMs }: NetworkLimit): number => windowMs
/** Attempts of one network that may wait for their turn, and how long the last of them may take, as hashes have been taking lately; the rest is told to come again. `always` may wait on a slow machine too: with the thirty under way that is an office of 64. */
const mostWaiting = { count: 100, ms: 1_000, always: 34 }
const gate = createGate()

const idOf = (limit: NetworkLimit, network: string): string => `${limit.name}:${network}`

/** Another process's clock may be a little ahead of this one. */
const recentOf = (row: Entity<typeof Throttle> | null, limit: NetworkLimit, nowMs: number): number[] =>
  (row?.recent ?? []).filter((ms) => Math.abs(nowMs - ms) < windowOf(limit))

/** Milliseconds until the network may fail again, or 0. */
function waitMs(recent: readonly number[], limit: NetworkLimit, nowMs: number): number {
  const oldest = recent.at(-limit.most)
  return oldest === undefined ? 0 : oldest + windowOf(limit) - nowMs
}

/** Attempts of a network that are under way in this process. Each may turn out a failure, so each keeps a place until it is known. */
type Line = { present: number; active: number; finished: number; waiting: (() => void)[] }
const lines = new Map<string, Line>()

/** Requests that have been let in: one that is run again after a lost race keeps its place. */
const admitted = new WeakSet<Context>()

/**
 * Runs an attempt that may fail, unless the network has no failure left. Attempts under way count as failures until they are known for what they are, so that many at once win nothing.
 * Errors: `limit.code`; `busy` when too many wait, and for whoever has gone away when their turn comes.
 */
export async function withinNetwork<T>(context: Context, limit: NetworkLimit, attempt: () => Promise<T>): Promise<T> {
  const { network } = context.origin
  if (network === null) return attempt()
  const id = idOf(limit, network)
  const line = lines.get(id) ?? { present: 0, active: 0, finished: 0, waiting: [] }
  lines.set(id, line)
  line.present += 1
  try {
    await enter(context, limit, { id, line })
    try {
      return await attempt()
    } finally {
      line.active -= 1
      line.finished += 1
      finishedEver += 1
      wakeNext(line)
    }
  } finally {
    line.present -= 1
    if (line.present === 0) lines.delete(id)
  }
}

/** Attempts of any network that have ended in this process. */
let finishedEver = 0
const foreseen = new WeakMap<Context, { id: string; row: Entity<typeof Throttle> | null; finished: number; readMs: number }>()
/** What was read longer ago is read again. */
const freshMs = 20

/** Reads a network's failures beside what else an attempt has to read, so that letting it in needs no round trip of its own. */
export async function foreseeNetwork(context: Context, limit: NetworkLimit): Promise<void> {
  const { network } = context.origin
  if (network === null || admitted.has(context)) return
  const id = idOf(limit, network)
  const finished = finishedEver
  const row = await context.runtime.storage.platform().get(Throttle, id)
  foreseen.set(context, { id, row, finished, readMs: performance.now() })
}

/** The network's failures: as they were foreseen, if no attempt has ended since, else as they are now. */
async function failuresOf(context: Context, id: string): Promise<Entity<typeof Throttle> | null> {
  const known = foreseen.get(context)
  foreseen.delete(context)
  const isFresh = known?.id === id && known.finished === finishedEver && performance.now() - known.readMs < freshMs
  return isFresh ? known.row : context.runtime.storage.platform().get(Throttle, id)
}

/** Whoever is woken sees for itself whether there is a place, and wakes the next when it has taken one or gone away. To wake all each time would cost a tenth of a full server. */
const wakeNext = (line: Line): void => line.waiting.shift()?.()

/** Waits until the failures of the last minute and the attempts under way leave a place, and takes it. */
async function enter(context: Context, limit: NetworkLimit, { id, line }: { id: string; line: Line }): Promise<void> {
  const { runtime, services } = context
  let hasWaited = false
  try {
    while (!admitted.has(context)) {
      const { finished } = line
      const nowMs = runtime.clock.realMs()
      const recent = recentOf(await failuresOf(context, id), limit, nowMs)
      const wait = waitMs(recent, limit, nowMs)
      if (wait > 0) throw tooManyAttempts(wait, limit.code)
      if (finished !== line.finished) continue
      const isTurn = hasWaited || line.waiting.length === 0
      if (line.active === 0 || (isTurn && recent.length + line.active < limit.most)) break
      if (!hasWaited && !mayWait(line, services.hasher.paceMs())) throw busy()
      // whoever has waited already stays at the front
      await new Promise<void>((resolve) => (hasWaited ? line.waiting.unshift(resolve) : line.waiting.push(resolve)))
      hasWaited = true
      if (context.origin.isGone?.() === true) throw busy()
    }
    admitted.add(context)
    line.active += 1
  } finally {
    if (hasWaited) wakeNext(line)
  }
}

/** `paceMs` from one attempt to the next. */
function mayWait({ waiting, active }: Line, paceMs: number): boolean {
  if (waiting.length >= mostWaiting.count) return false
  return waiting.length < mostWaiting.always || (active + waiting.length + 1) * paceMs <= mostWaiting.ms
}

const busy = () =>
  new AppError('unavailable', 'busy', 'The server is busy with others of your network: try again in a second.', { retryAfterSeconds: 1 })

/**
 * Counts one failure of the network, exactly, whoever else fails at the same moment. A commit of its own: the network belongs to the platform, the account to its tenant.
 * Errors: `limit.code` when others have used up the last failure meanwhile, so that this one stays untold.
 */
export async function countNetworkFailure({ origin, runtime }: Pick<Context, 'origin' | 'runtime'>, limit: NetworkLimit): Promise<void> {
  const { network, requestId } = origin
  if (network === null) return
  const platform = runtime.storage.platform()
  const id = idOf(limit, network)
  await gate({ key: `count of ${id}`, width: 1 }, async () => {
    for (;;) {
      const nowMs = runtime.clock.realMs()
      const now = toTime(nowMs)
      const before = await platform.get(Throttle, id)
      const wait = waitMs(recentOf(before, limit, nowMs), limit, nowMs)
      if (wait > 0) throw tooManyAttempts(wait, limit.code)
      const recent = [...recentOf(before, limit, nowMs), nowMs]
      const fields = { failures: recent.length, heldUntil: null, recent, expiresAt: toTime(nowMs + windowOf(limit)) }
      const change =
        before === null
          ? insert(Throttle, create(Throttle, id, fields, now))
          : update(Throttle, before, patched(Throttle, before, fields, now))
      const actor = { id: null, kind: 'anonymous', name: 'anonymous' } as const
      try {
        await platform.commit([change], { actor, action: limit.action, entity: { type: Throttle.name, id }, requestId, time: now })
        return
      } catch (error) {
        if (!(error instanceof Conflict)) throw error
      }
    }
  })
}
