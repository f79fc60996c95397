import { AppError } from '../kernel/errors.ts'
import { type HolidayRow, weekdays } from '../policy/entity.ts'
import type { Policy } from '../policy/policy.ts'
import { type LocalTime, twelveHours, weekdayOf } from '../policy/time.ts'
import type { AttendanceRow, AttendanceStatus, Timing } from './entity.ts'

/** What was sent does not fit, in the contract's own sentence. */
export const unfit = (code: string, message: string): AppError => new AppError('unprocessable', code, message)

/** A place on Earth, in degrees, and how exactly it is known, in metres. */
export type Position = { latitude: number; longitude: number; accuracyM: number }

/** As clients send it: numbers, or texts of them. */
export type GivenPosition = { latitude?: unknown; longitude?: unknown; accuracy?: unknown }

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i

function numberOf(value: unknown): number {
  const number = typeof value === 'string' && decimal.test(value.trim()) ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  throw unfit('location_invalid', 'Invalid location data')
}

/** Reads a position, or null where one of its parts is missing. Errors: `location_invalid`. */
export function readPosition(given: GivenPosition): Position | null {
  const parts = [given.latitude, given.longitude, given.accuracy]
  if (parts.some((part) => part === undefined || part === null)) return null
  const [latitude = 0, longitude = 0, accuracyM = 0] = parts.map(numberOf)
  if (accuracyM < 0) throw unfit('location_invalid', 'Invalid location data')
  if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) throw unfit('location_invalid', 'Invalid GPS coordinates')
  return { latitude, longitude, accuracyM }
}

/** Errors: `gps_required`, `location_inaccurate`. */
export function assertPosition(position: Position | null, policy: Pick<Policy, 'gpsRequired' | 'maxAccuracyM'>): void {
  if (position === null) {
    if (policy.gpsRequired) throw gpsRequired()
    return
  }
  const { accuracyM } = position
  if (accuracyM > policy.maxAccuracyM)
    throw unfit('location_inaccurate', `Location accuracy too low (${accuracyM}m). Maximum allowed: ${policy.maxAccuracyM}m`)
}
const gpsRequired = () => unfit('gps_required', 'GPS location required')

const earthRadiusM = 6_371_000
const radians = (degrees: number): number => (degrees * Math.PI) / 180

type Point = Pick<Position, 'latitude' | 'longitude'>

/** Metres between two places: the great circle on a sphere of 6,371,000 m (haversine formula). */
export function distanceM(from: Point, to: Point): number {
  const half = (a: number, b: number): number => Math.sin(radians(b - a) / 2) ** 2
  const h =
    half(from.latitude, to.latitude) +
    Math.cos(radians(from.latitude)) * Math.cos(radians(to.latitude)) * half(from.longitude, to.longitude)
  return 2 * earthRadiusM * Math.asin(Math.sqrt(Math.min(1, h)))
}

/** Six decimals are a tenth of a metre. */
export const pointText = ({ latitude, longitude }: Point): string => `${latitude.toFixed(6)},${longitude.toFixed(6)}`

function pointOf(text: string): Point {
  const [latitude = Number.NaN, longitude = Number.NaN] = text.split(',').map(Number)
  return { latitude, longitude }
}

/** What an office says when nobody set a radius of its own: the policy's holds. */
export const usualRadiusM = 500

type Office = { officeLocation: string | null; attendanceRadius: number }

/** How far from the office a position is, and whether that is near enough. Errors: `outside_area`, `gps_required` where the policy enforces the area. */
export function judgePlace(
  position: Position | null,
  office: Office,
  policy: Pick<Policy, 'radiusM' | 'enforceGeofence'>,
): { isLocationValid: boolean; distanceFromOffice: number | null } {
  if (office.officeLocation === null) return { isLocationValid: position !== null, distanceFromOffice: null }
  if (position === null) {
    if (policy.enforceGeofence) throw gpsRequired()
    return { isLocationValid: false, distanceFromOffice: null }
  }
  const distance = distanceM(position, pointOf(office.officeLocation))
  const radiusM = office.attendanceRadius === usualRadiusM ? policy.radiusM : office.attendanceRadius
  const isLocationValid = distance <= radiusM
  if (!isLocationValid && policy.enforceGeofence) throw unfit('outside_area', 'You are outside the allowed area')
  return { isLocationValid, distanceFromOffice: Math.round(distance * 100) / 100 }
}

/** `HH:MM` as a limit that is inclusive to the second. */
const isUntil = (time: string, limit: string): boolean => time <= `${limit}:00`

/** What checking in at this time of day makes of the day, or null when it is too late. */
export function timingOf(
  time: string,
  policy: Pick<Policy, 'onTimeUntil' | 'lateUntil' | 'halfDayUntil'>,
): { status: AttendanceStatus; timing: Timing } | null {
  if (isUntil(time, policy.onTimeUntil)) return { status: 'present', timing: 'On Time' }
  if (isUntil(time, policy.lateUntil)) return { status: 'present', timing: 'Late Arrival' }
  if (isUntil(time, policy.halfDayUntil)) return { status: 'half_day', timing: 'Half Day' }
  return null
}

/** A limit as people say it: `3:00 PM`. */
const sayLimit = (limit: string): string => twelveHours(limit).replace(/^0/, '')

export const tooLate = (time: string, { halfDayUntil }: Pick<Policy, 'halfDayUntil'>): AppError =>
  unfit('marking_closed', `Attendance marking not allowed after ${sayLimit(halfDayUntil)}. Current time: ${twelveHours(time)}`)

/** What people are told of a check-in. */
export function sayMarked(time: string, timing: Timing): string {
  if (timing === 'On Time') return 'Attendance marked successfully - On Time'
  return timing === 'Half Day' ? `Marked at ${twelveHours(time)} - Half Day` : `Marked late at ${twelveHours(time)} - Late Arrival`
}

/** Whose holidays somebody keeps: those of the own dccb. */
export type Whose = { dccb: string | null; multipleDccb: readonly string[] | null }

/** Why nobody of these works on a date: the weekly day off, by its name, or a holiday; null = they do. Whoever works for several dccbs is off when all of them are. */
export function offDay(
  date: string,
  whose: Whose,
  { weeklyOff }: Pick<Policy, 'weeklyOff'>,
  holidays: readonly Pick<HolidayRow, 'date' | 'dccb'>[],
): string | null {
  const day = weekdays[weekdayOf(date)] ?? 'sunday'
  if (weeklyOff.includes(day)) return `${day.charAt(0).toUpperCase()}${day.slice(1)}s`
  const off = new Set(holidays.filter((one) => one.date === date).map((one) => one.dccb))
  const own = whose.dccb === null ? (whose.multipleDccb ?? []) : [whose.dccb]
  return off.has(null) || (own.length > 0 && own.every((dccb) => off.has(dccb))) ? 'holidays' : null
}

export const notOn = (days: string): AppError => unfit('marking_off_day', `Attendance marking not allowed on ${days}`)

type Day = Pick<AttendanceRow, 'status' | 'isLeaveDay' | 'checkInTime' | 'checkOutTime'>

/** Whether a day that has a row still takes a check-in: a half day's leave does, and a day that only a job noted. */
export const takesCheckIn = ({ status, isLeaveDay, checkInTime }: Day): boolean =>
  checkInTime === null && ((isLeaveDay && status === 'half_day') || status === 'auto_not_marked')

/** Errors: `no_check_in`, `marked_absent`, `checked_out`, `check_out_closed`. */
export function assertCheckOut(row: Day | null, time: string, policy: Pick<Policy, 'checkOutFrom' | 'checkOutUntil'>): void {
  if (row?.status === 'absent') throw unfit('marked_absent', 'Cannot check out when marked as absent')
  if (row === null || row.checkInTime === null) throw unfit('no_check_in', 'No check-in record found for today')
  if (row.checkOutTime !== null) throw new AppError('conflict', 'checked_out', 'Already checked out for today')
  const { checkOutFrom, checkOutUntil } = policy
  if (time < `${checkOutFrom}:00` || !isUntil(time, checkOutUntil))
    throw unfit('check_out_closed', `Check-out allowed only between ${sayLimit(checkOutFrom)} and ${sayLimit(checkOutUntil)}`)
}

/** Whether nobody can check out on this date any more. */
export const isDayOver = (date: string, now: LocalTime, { checkOutUntil }: Pick<Policy, 'checkOutUntil'>): boolean =>
  date < now.date || (date === now.date && !isUntil(now.time, checkOutUntil))

/** Whether a day without a row is a day of absence by now. */
export const isAbsentBy = (date: string, now: LocalTime, { halfDayUntil }: Pick<Policy, 'halfDayUntil'>): boolean =>
  date < now.date || (date === now.date && !isUntil(now.time, halfDayUntil))

export const missedCheckOut = 'Auto-updated to Half Day (missed check-out)'

/** Who is confirmed by a DC before an administrator approves. */
export const needsDc = (designation: string | null): boolean => designation === 'MT' || designation === 'Support'
