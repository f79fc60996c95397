import { AppError } from '../kernel/errors.ts'

/** Requests a minute a principal, as a token bucket that refills steadily. In memory: it protects this process, nothing rests on it. */
export function createRateLimit(perMinute: number | null, nowMs: () => number) {
  const buckets = new Map<string, { tokens: number; atMs: number }>()
  return function take(principal: string): void {
    if (perMinute === null) return
    const now = nowMs()
    if (buckets.size > 10_000) for (const [id, bucket] of buckets) if (now - bucket.atMs > 60_000) buckets.delete(id)
    const bucket = buckets.get(principal) ?? { tokens: perMinute, atMs: now }
    // a clock that was set back gives nothing, and takes nothing either
    const passedMs = Math.max(0, now - bucket.atMs)
    bucket.tokens = Math.min(perMinute, bucket.tokens + (passedMs * perMinute) / 60_000)
    bucket.atMs = now
    buckets.set(principal, bucket)
    if (bucket.tokens < 1) {
      const retryAfterSeconds = Math.max(1, Math.ceil(((1 - bucket.tokens) * 60) / perMinute))
      throw new AppError('limited', 'rate_limited', 'Too many requests. Slow down and try again.', { retryAfterSeconds })
    }
    bucket.tokens -= 1
  }
}
