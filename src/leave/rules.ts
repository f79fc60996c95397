import { unfit } from '../attendance/rules.ts'
import { isDate } from '../employee/rules.ts'
import { AppError } from '../kernel/errors.ts'
import { type LeaveType, leaveTypes } from '../policy/entity.ts'
import type { Policy } from '../policy/policy.ts'
import { daysAfter, daysBetween } from '../policy/time.ts'
import { type Duration, durations, type Period } from './entity.ts'

const mostDays = 366
const mostReason = 1000

/** What somebody asks for. */
export type Request = { leaveType: LeaveType; duration: Duration; startDate: string; endDate: string; days: number; reason: string }

export type Given = { type?: unknown; duration?: unknown; startDate?: unknown; endDate?: unknown; reason?: unknown }

const oneOf = <T extends string>(allowed: readonly T[], value: unknown): T | null => allowed.find((one) => one === value) ?? null

function dateOf(value: unknown): string {
  if (typeof value === 'string' && isDate(value)) return value
  throw unfit('date_invalid', 'Invalid date format')
}

function reasonOf(value: unknown): string {
  const invalid = (message: string) =>
    new AppError('unprocessable', 'validation_failed', `reason: ${message}`, { errors: [{ field: 'reason', message }] })
  if (typeof value !== 'string') throw invalid(value === undefined || value === null ? 'is required' : 'must be a text')
  if ([...value].length > mostReason) throw invalid(`must be at most ${mostReason} characters`)
  return value.trim()
}

/**
 * Reads a request. Errors, looked at in this order: `leave_type_invalid`, `duration_invalid`, `date_invalid`, `range_reversed`, `half_day_range`, `leave_too_long` (over 366 calendar days),
 * `validation_failed` for the reason.
 */
export function readRequest(given: Given): Request {
  const leaveType = oneOf(leaveTypes, given.type)
  if (leaveType === null) throw unfit('leave_type_invalid', 'Invalid leave type')
  const duration = given.duration === undefined || given.duration === null ? 'full_day' : oneOf(durations, given.duration)
  if (duration === null) throw unfit('duration_invalid', 'Invalid duration')
  const [startDate, endDate] = [dateOf(given.startDate), dateOf(given.endDate)]
  if (startDate > endDate) throw unfit('range_reversed', 'Start date cannot be after end date')
  if (duration === 'half_day' && startDate !== endDate) throw unfit('half_day_range', 'Half-day leave must be a single day')
  const days = daysBetween(startDate, endDate) + 1
  if (days > mostDays) throw unfit('leave_too_long', 'Leave is limited to 366 days')
  return { leaveType, duration, startDate, endDate, days: duration === 'half_day' ? 0.5 : days, reason: reasonOf(given.reason) }
}

/** Errors: `leave_overlap` when one of the days is asked for already. */
export function assertFree(periods: readonly Period[], { startDate, endDate }: Pick<Request, 'startDate' | 'endDate'>): void {
  if (periods.some((one) => one.startDate <= endDate && startDate <= one.endDate))
    throw new AppError('conflict', 'leave_overlap', 'Leave dates overlap an existing request')
}

type Days = Pick<Period, 'startDate' | 'endDate' | 'days'>

/** Days of a request by calendar year. */
export function daysByYear({ startDate, endDate, days }: Days): Map<number, number> {
  const found = new Map<number, number>()
  for (let from = startDate; from <= endDate; ) {
    const year = Number(from.slice(0, 4))
    const yearEnds = `${from.slice(0, 4)}-12-31`
    const to = endDate < yearEnds ? endDate : yearEnds
    found.set(year, days < 1 ? days : daysBetween(from, to) + 1)
    from = daysAfter(to, 1)
  }
  return found
}

/** Days of a kind of leave that are pending or approved in a year. */
export const daysTaken = (periods: readonly Period[], leaveType: LeaveType, year: number): number =>
  periods.filter((one) => one.leaveType === leaveType).reduce((sum, one) => sum + (daysByYear(one).get(year) ?? 0), 0)

/** Errors: `leave_balance` when a year of the request has fewer days left than it asks for. A kind of leave that the policy does not name has no limit. */
export function assertBalance(periods: readonly Period[], request: Request, { leaveDaysPerYear }: Pick<Policy, 'leaveDaysPerYear'>): void {
  const given = leaveDaysPerYear[request.leaveType]
  if (given === undefined) return
  for (const [year, days] of daysByYear(request)) {
    const left = Math.max(0, given - daysTaken(periods, request.leaveType, year))
    if (days > left)
      throw new AppError('conflict', 'leave_balance', `Only ${left} of ${given} days of ${request.leaveType} leave are left in ${year}`)
  }
}
