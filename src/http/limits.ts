import type { FastifyReply } from 'fastify'
import { AppError } from '../kernel/errors.ts'

/** What is left of a principal's share: requests a minute, how many of them now, and the seconds until all of them. */
export type Share = { limit: number; remaining: number; resetSeconds: number }
/** Routes that have a share of their own, under this name. */
export type Rate = { name: string; perMinute: number }

/** What stands in a reply whose sender has not been counted. */
export const wholeShare = (perMinute: number | null, rate?: Rate): Share => ({
  limit: rate?.perMinute ?? perMinute ?? standardPerMinute,
  remaining: rate?.perMinute ?? perMinute ?? standardPerMinute,
  resetSeconds: 0,
})
const standardPerMinute = 1_000

/** Says in the headers of a reply what is left, and in unix seconds when all of it is there again. */
export function showShare(reply: FastifyReply, { limit, remaining, resetSeconds }: Share, nowMs: number): void {
  const reset = Math.ceil(nowMs / 1000) + resetSeconds
  reply.header('X-RateLimit-Limit', limit).header('X-RateLimit-Remaining', remaining).header('X-RateLimit-Reset', reset)
}

/** Requests a minute a principal, as a token bucket that refills steadily. In memory: it protects this process, nothing rests on it. */
export function createRateLimit(perMinute: number | null, nowMs: () => number) {
  const buckets = new Map<string, { tokens: number; atMs: number }>()
  return function take(who: string, rate?: Rate): Share {
    if (perMinute === null) return wholeShare(null, rate)
    const most = rate?.perMinute ?? perMinute
    const principal = rate === undefined ? who : `${rate.name} ${who}`
    const now = nowMs()
    if (buckets.size > 10_000) for (const [id, bucket] of buckets) if (now - bucket.atMs > 60_000) buckets.delete(id)
    const bucket = buckets.get(principal) ?? { tokens: most, atMs: now }
    // a clock that was set back gives nothing, and takes nothing either
    const passedMs = Math.max(0, now - bucket.atMs)
    bucket.tokens = Math.min(most, bucket.tokens + (passedMs * most) / 60_000)
    bucket.atMs = now
    buckets.set(principal, bucket)
    if (bucket.tokens < 1) {
      const retryAfterSeconds = Math.max(1, Math.ceil(((1 - bucket.tokens) * 60) / most))
      throw new AppError('limited', 'rate_limited', 'Too many requests. Slow down and try again.', { retryAfterSeconds })
    }
    bucket.tokens -= 1
    return { limit: most, remaining: Math.floor(bucket.tokens), resetSeconds: Math.ceil(((most - bucket.tokens) * 60) / most) }
  }
}
