import { z } from 'zod'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { Policy } from '../policy/policy.ts'
import { type LocalTime, localTime } from '../policy/time.ts'
import { Conflict } from '../storage/port.ts'

/** When something was done: on the server's clock, or, where a device had no network then, on the device's. */
export type Moment = LocalTime & {
  /** RFC 3339; null where the server's clock counts. */
  deviceTime: string | null
}

/** When a device says that it was done. */
export const deviceTime = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).optional()

/** What was sent at once is judged by the server's clock. */
const onTheWayMs = 60_000
/** Clocks of devices go wrong a little. */
const aheadMs = 5 * 60_000
const hourMs = 60 * 60_000

/** Errors: `device_time_ahead` for a time more than five minutes from now; `offline_too_old` for one further back than the policy takes. */
export function momentOf(
  nowMs: number,
  given: string | undefined,
  { timeZone, offlineHours }: Pick<Policy, 'timeZone' | 'offlineHours'>,
): Moment {
  const atMs = given === undefined ? nowMs : Date.parse(given)
  const ageMs = nowMs - atMs
  if (ageMs < -aheadMs)
    throw new AppError(
      'unprocessable',
      'device_time_ahead',
      "The device's time lies in the future. Set the clock of the device and try again.",
    )
  if (ageMs <= onTheWayMs) return { ...localTime(nowMs, timeZone), deviceTime: null }
  if (ageMs > offlineHours * hourMs)
    throw new AppError(
      'unprocessable',
      'offline_too_old',
      `This was done more than ${offlineHours} hours ago, and entries that old are not taken. Ask an administrator to correct the day.`,
    )
  return { ...localTime(atMs, timeZone), deviceTime: toTime(atMs) }
}

/**
 * Nothing that a device noted while it had no network is dropped in silence: what is refused leaves an entry in the log (`attendance.refused`) with what was sent. Other errors go on.
 */
export function rememberRefusal(error: unknown, { actor, origin }: Context, operation: string, given: { deviceTime?: string | undefined }) {
  const isOurs = error instanceof AppError && !(error instanceof Conflict) && (error.kind === 'unprocessable' || error.kind === 'conflict')
  if (!isOurs || given.deviceTime === undefined || actor.id === null) throw error
  return {
    refuse: error,
    action: 'attendance.refused',
    entity: { type: 'user', id: actor.id },
    detail: { operation, code: error.code, deviceTime: given.deviceTime, network: origin.network },
  }
}
