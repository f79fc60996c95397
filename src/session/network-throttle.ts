import { create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { createGate } from '../kernel/gate.ts'
import { Conflict } from '../storage/port.ts'
import { Throttle } from './entity.ts'
import { tooManyAttempts } from './throttle.ts'

/** How many failures of one kind a network has within any minute. `action` is what the log calls one. */
export type NetworkLimit = { name: string; most: number; code: string; action: string }

export const signInFailures: NetworkLimit = { name: 'network', most: 30, code: 'network_throttled', action: 'session.fail' }
/** Unknown tokens on public token routes (SECURITY.md, rate limits). A known token goes on. */
export const tokenMisses: NetworkLimit = { name: 'token', most: 20, code: 'token_misses', action: 'token.miss' }

const windowMs = 60_000
/** Attempts of one network that may wait for their turn; the rest is told to come again. */
const waiting = 100
const gate = createGate()

const idOf = (limit: NetworkLimit, network: string): string => `${limit.name}:${network}`

const recentOf = (row: Entity<typeof Throttle> | null, nowMs: number): number[] =>
  (row?.recent ?? []).filter((ms) => ms > nowMs - windowMs && ms <= nowMs)

/** Milliseconds until the network may fail again, or 0. */
function waitMs(recent: readonly number[], { most }: NetworkLimit, nowMs: number): number {
  const oldest = recent.at(-most)
  return oldest === undefined ? 0 : oldest + windowMs - nowMs
}

/**
 * Runs an attempt that may fail, unless the network has no failure left. No more attempts run at once in this process than the network has failures left, so that many at once win nothing.
 * Errors: `limit.code`.
 */
export async function withinNetwork<T>(context: Context, limit: NetworkLimit, attempt: () => Promise<T>): Promise<T> {
  const { network } = context.origin
  if (network === null) return attempt()
  const id = idOf(limit, network)
  const recent = async () => recentOf(await context.runtime.storage.platform().get(Throttle, id), context.runtime.clock.realMs())
  const left = limit.most - (await recent()).length
  return gate({ key: `attempts of ${id}`, width: Math.max(1, left), waiting }, async () => {
    const wait = waitMs(await recent(), limit, context.runtime.clock.realMs())
    if (wait > 0) throw tooManyAttempts(wait, limit.code)
    return attempt()
  })
}

/** Counts one failure of the network, exactly, whoever else fails at the same moment. A commit of its own: the network belongs to the platform, the account to its tenant. */
export async function countNetworkFailure(context: Context, limit: NetworkLimit): Promise<void> {
  const { network, requestId } = context.origin
  if (network === null) return
  const platform = context.runtime.storage.platform()
  const id = idOf(limit, network)
  await gate({ key: `count of ${id}`, width: 1 }, async () => {
    for (;;) {
      const nowMs = context.runtime.clock.realMs()
      const now = toTime(nowMs)
      const before = await platform.get(Throttle, id)
      const recent = [...recentOf(before, nowMs), nowMs].slice(-limit.most)
      const fields = { failures: recent.length, heldUntil: null, recent, expiresAt: toTime(nowMs + windowMs) }
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
