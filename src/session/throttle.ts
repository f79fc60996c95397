import { sha256 } from '../kernel/canonical.ts'
import { type Change, check, checkAbsent, create, insert, patched, remove, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { Throttle } from './entity.ts'

export type ThrottleRow = Entity<typeof Throttle>

/** Failures of an account that cost nothing, the first delay, and the longest (SECURITY.md, throttling). */
export const freeFailures = 5
const firstDelayMs = 2_000
const longestDelayMs = 15 * 60_000
/** A series of failures is forgotten a day after its last one. */
const forgottenAfterMs = 24 * 60 * 60_000

/** How long the account is held after this many failures in a row: 2 s from the sixth, doubling to 15 min. */
export const delayMs = (failures: number): number =>
  failures <= freeFailures ? 0 : Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - freeFailures - 1))

/** Milliseconds for which attempts are refused unchecked, or 0. No longer than the longest delay, though the clock was set back. */
export const heldForMs = (row: Pick<ThrottleRow, 'heldUntil'> | null, nowMs: number): number =>
  row?.heldUntil == null ? 0 : Math.min(longestDelayMs, Math.max(0, Date.parse(row.heldUntil) - nowMs))

/** One more failure of an account. */
export function failed(id: string, before: ThrottleRow | null, nowMs: number): Change {
  const now = toTime(nowMs)
  const row = before !== null && Date.parse(before.expiresAt) > nowMs ? before : null
  const failures = (row?.failures ?? 0) + 1
  const delay = delayMs(failures)
  const fields = {
    failures,
    heldUntil: delay === 0 ? null : toTime(nowMs + delay),
    recent: [],
    expiresAt: toTime(nowMs + forgottenAfterMs),
  }
  return before === null
    ? insert(Throttle, create(Throttle, id, fields, now))
    : update(Throttle, before, patched(Throttle, before, fields, now))
}

/** A good sign-in clears the series, and is refused if a failure came in between. */
export const cleared = (id: string, before: ThrottleRow | null): Change =>
  before === null ? checkAbsent(Throttle, id) : remove(Throttle, before)

/** Pins the row as it was read without changing it. */
export const unchanged = (id: string, before: ThrottleRow | null): Change =>
  before === null ? checkAbsent(Throttle, id) : check(Throttle, before)

/** The throttle of a login that may not exist: alike for both, and no login is readable from it. */
export const accountThrottleId = (tenant: string, who: string): string => `account:${sha256(`${tenant}\n${who}`)}`

export const tooManyAttempts = (waitMs: number, code = 'throttled') =>
  new AppError('limited', code, 'Too many attempts, try again later', { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) })
