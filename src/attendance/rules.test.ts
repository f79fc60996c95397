import { describe, expect, test } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import { defaultPolicy as policy } from '../policy/policy.ts'
import { momentOf } from './moment.ts'
import {
  assertCheckOut,
  assertPosition,
  distanceM,
  isAbsentBy,
  isDayOver,
  judgePlace,
  needsDc,
  offDay,
  pointText,
  readPosition,
  sayMarked,
  takesCheckIn,
  timingOf,
  tooLate,
} from './rules.ts'

/** The code that is thrown, or `ok`. */
function codeOf(run: () => unknown): string {
  try {
    run()
    return 'ok'
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

test.each([
  ['00:00:00', 'present', 'On Time'],
  ['09:59:59', 'present', 'On Time'],
  ['10:00:00', 'present', 'On Time'],
  ['10:00:01', 'present', 'Late Arrival'],
  ['13:30:00', 'present', 'Late Arrival'],
  ['13:30:01', 'half_day', 'Half Day'],
  ['15:00:00', 'half_day', 'Half Day'],
])('checking in at %s is %s, %s', (time, status, timing) => {
  expect(timingOf(time, policy)).toEqual({ status, timing })
})

test('a second after the half day is too late, and says both times', () => {
  expect(timingOf('15:00:01', policy)).toBeNull()
  expect(tooLate('15:00:01', policy).message).toBe('Attendance marking not allowed after 3:00 PM. Current time: 03:00 PM')
  expect(tooLate('16:05:00', { halfDayUntil: '12:30' }).message).toBe(
    'Attendance marking not allowed after 12:30 PM. Current time: 04:05 PM',
  )
})

test('people are told what they were marked as', () => {
  expect(sayMarked('09:45:10', 'On Time')).toBe('Attendance marked successfully - On Time')
  expect(sayMarked('10:30:00', 'Late Arrival')).toBe('Marked late at 10:30 AM - Late Arrival')
  expect(sayMarked('14:00:00', 'Half Day')).toBe('Marked at 02:00 PM - Half Day')
})

describe('a position', () => {
  test.each([
    ['nothing', {}],
    ['no accuracy', { latitude: 1, longitude: 2 }],
    ['null', { latitude: null, longitude: 2, accuracy: 3 }],
  ])('is missing with %s', (_what, given) => {
    expect(readPosition(given)).toBeNull()
  })

  test.each([
    ['a word', { latitude: 'north', longitude: 2, accuracy: 3 }],
    ['an empty text', { latitude: '', longitude: 2, accuracy: 3 }],
    ['hexadecimal', { latitude: '0x10', longitude: 2, accuracy: 3 }],
    ['a truth', { latitude: true, longitude: 2, accuracy: 3 }],
    ['a list', { latitude: [1], longitude: 2, accuracy: 3 }],
    ['infinity', { latitude: '1e999', longitude: 2, accuracy: 3 }],
    ['no number', { latitude: Number.NaN, longitude: 2, accuracy: 3 }],
    ['an accuracy below nothing', { latitude: 1, longitude: 2, accuracy: -0.001 }],
    ['a latitude beyond the pole', { latitude: 90.000001, longitude: 2, accuracy: 3 }],
    ['a longitude beyond the date line', { latitude: 1, longitude: -180.000001, accuracy: 3 }],
  ])('is refused with %s', (_what, given) => {
    expect(codeOf(() => readPosition(given))).toBe('location_invalid')
  })

  test('may be numbers or texts of them, up to the very bounds', () => {
    expect(readPosition({ latitude: 90, longitude: -180, accuracy: 0 })).toEqual({ latitude: 90, longitude: -180, accuracyM: 0 })
    expect(readPosition({ latitude: ' -23.5 ', longitude: '7.2e1', accuracy: '12' })).toEqual({
      latitude: -23.5,
      longitude: 72,
      accuracyM: 12,
    })
    expect(pointText({ latitude: 23.0225, longitude: 72.5714 })).toBe('23.022500,72.571400')
  })

  test('must be known exactly enough', () => {
    const at = (accuracyM: number) => ({ latitude: 1, longitude: 2, accuracyM })
    expect(codeOf(() => assertPosition(at(1000), policy))).toBe('ok')
    expect(() => assertPosition(at(1001), policy)).toThrow('Location accuracy too low (1001m). Maximum allowed: 1000m')
    expect(() => assertPosition(null, policy)).toThrow('GPS location required')
    expect(codeOf(() => assertPosition(null, { ...policy, gpsRequired: false }))).toBe('ok')
  })
})

describe('distance', () => {
  test('is that of the great circle on a sphere of 6,371,000 m', () => {
    const degree = (Math.PI * 6_371_000) / 180
    expect(distanceM({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 1 })).toBeCloseTo(degree, 6)
    expect(distanceM({ latitude: 10, longitude: 5 }, { latitude: 11, longitude: 5 })).toBeCloseTo(degree, 6)
    expect(distanceM({ latitude: 0, longitude: -180 }, { latitude: 0, longitude: 180 })).toBeCloseTo(0, 6)
    expect(distanceM({ latitude: 90, longitude: 0 }, { latitude: -90, longitude: 77 })).toBeCloseTo(Math.PI * 6_371_000, 3)
    // Ahmedabad to Surat, worked out by hand with the same formula
    expect(distanceM({ latitude: 23.0225, longitude: 72.5714 }, { latitude: 21.1702, longitude: 72.8311 })).toBeCloseTo(207_702, -2)
  })

  const office = { officeLocation: '0,0', attendanceRadius: 500 }
  const metres = (m: number) => ({ latitude: (m * 180) / (Math.PI * 6_371_000), longitude: 0, accuracyM: 5 })

  test('is within the radius up to the radius', () => {
    expect(judgePlace(metres(499.99), office, policy)).toEqual({ isLocationValid: true, distanceFromOffice: 499.99 })
    expect(judgePlace(metres(500.01), office, policy)).toEqual({ isLocationValid: false, distanceFromOffice: 500.01 })
    expect(judgePlace(metres(700), office, { ...policy, radiusM: 800 }).isLocationValid).toBe(true)
    // an office with a radius of its own
    expect(judgePlace(metres(700), { ...office, attendanceRadius: 600 }, { ...policy, radiusM: 800 }).isLocationValid).toBe(false)
  })

  test('is a refusal only where the policy enforces the area', () => {
    const strict = { ...policy, enforceGeofence: true }
    expect(() => judgePlace(metres(500.01), office, strict)).toThrow('You are outside the allowed area')
    expect(codeOf(() => judgePlace(metres(499.99), office, strict))).toBe('ok')
    expect(codeOf(() => judgePlace(null, office, strict))).toBe('gps_required')
    expect(judgePlace(null, office, policy)).toEqual({ isLocationValid: false, distanceFromOffice: null })
  })

  test('from no office is none, and valid', () => {
    const none = { officeLocation: null, attendanceRadius: 500 }
    expect(judgePlace(metres(9_000_000), none, { ...policy, enforceGeofence: true })).toEqual({
      isLocationValid: true,
      distanceFromOffice: null,
    })
  })
})

describe('a day off', () => {
  const surat = { dccb: 'SURAT', multipleDccb: null }
  const both = { dccb: null, multipleDccb: ['SURAT', 'RAJKOT'] }
  const on = (dccb: string | null) => ({ date: '2026-11-26', dccb })

  test('is the weekly one, by its name', () => {
    expect(offDay('2026-11-29', surat, policy, [])).toBe('Sundays')
    expect(offDay('2026-11-28', surat, policy, [])).toBeNull()
    expect(offDay('2026-11-28', surat, { weeklyOff: ['saturday'] }, [])).toBe('Saturdays')
    expect(offDay('2026-11-29', surat, { weeklyOff: [] }, [])).toBeNull()
  })

  test("is a holiday of all or of one's own dccb", () => {
    expect(offDay('2026-11-26', surat, policy, [on(null)])).toBe('holidays')
    expect(offDay('2026-11-26', surat, policy, [on('SURAT')])).toBe('holidays')
    expect(offDay('2026-11-26', surat, policy, [on('RAJKOT')])).toBeNull()
    expect(offDay('2026-11-27', surat, policy, [on(null), on('SURAT')])).toBeNull()
  })

  test('of who works for several is one of all of them', () => {
    expect(offDay('2026-11-26', both, policy, [on('SURAT')])).toBeNull()
    expect(offDay('2026-11-26', both, policy, [on('SURAT'), on('RAJKOT')])).toBe('holidays')
    expect(offDay('2026-11-26', { dccb: null, multipleDccb: [] }, policy, [on('SURAT')])).toBeNull()
    expect(offDay('2026-11-26', { dccb: null, multipleDccb: null }, policy, [on(null)])).toBe('holidays')
  })
})

describe('checking out', () => {
  const day = { status: 'present', isLeaveDay: false, checkInTime: '09:45:00', checkOutTime: null } as const
  const at = (time: string, row: Parameters<typeof assertCheckOut>[0] = day) => codeOf(() => assertCheckOut(row, time, policy))

  test('needs a check-in, a presence, and no check-out before', () => {
    expect(at('18:30:00', null)).toBe('no_check_in')
    expect(at('18:30:00', { ...day, checkInTime: null })).toBe('no_check_in')
    expect(at('18:30:00', { ...day, status: 'absent', checkInTime: null })).toBe('marked_absent')
    expect(at('18:30:00', { ...day, checkOutTime: '18:10:00' })).toBe('checked_out')
    // in this order, whatever the time of day
    expect(at('12:00:00', { ...day, checkOutTime: '18:10:00' })).toBe('checked_out')
  })

  test('has its hours, inclusive to the second', () => {
    expect(['17:59:59', '18:00:00', '23:00:00', '23:00:01'].map((time) => at(time))).toEqual([
      'check_out_closed',
      'ok',
      'ok',
      'check_out_closed',
    ])
    expect(() => assertCheckOut(day, '12:00:00', policy)).toThrow('Check-out allowed only between 6:00 PM and 11:00 PM')
  })
})

test('the day is over a second after its last check-out, and a day of absence a second after the half day', () => {
  const now = (time: string) => ({ date: '2026-11-26', time })
  expect(isDayOver('2026-11-26', now('23:00:00'), policy)).toBe(false)
  expect(isDayOver('2026-11-26', now('23:00:01'), policy)).toBe(true)
  expect(isDayOver('2026-11-25', now('00:00:00'), policy)).toBe(true)
  expect(isDayOver('2026-11-27', now('23:59:59'), policy)).toBe(false)
  expect(isAbsentBy('2026-11-26', now('15:00:00'), policy)).toBe(false)
  expect(isAbsentBy('2026-11-26', now('15:00:01'), policy)).toBe(true)
  expect(isAbsentBy('2026-11-25', now('00:00:00'), policy)).toBe(true)
  expect(isAbsentBy('2026-11-27', now('23:59:59'), policy)).toBe(false)
})

test('half a day of leave, and a day that only a job noted, still take a check-in', () => {
  const row = { status: 'half_day', isLeaveDay: true, checkInTime: null, checkOutTime: null } as const
  expect(takesCheckIn(row)).toBe(true)
  expect(takesCheckIn({ ...row, status: 'auto_not_marked', isLeaveDay: false })).toBe(true)
  expect(takesCheckIn({ ...row, checkInTime: '09:00:00' })).toBe(false)
  expect(takesCheckIn({ ...row, status: 'absent' })).toBe(false)
  expect(takesCheckIn({ ...row, isLeaveDay: false })).toBe(false)
})

test('MT and Support wait for their DC, nobody else does', () => {
  expect(['MT', 'Support', 'DC', 'Associate', 'Manager', null].map(needsDc)).toEqual([true, true, false, false, false, false])
})

describe('the moment of an entry', () => {
  const nowMs = Date.parse('2026-11-26T04:30:00.000Z')
  const ago = (ms: number) => new Date(nowMs - ms).toISOString()
  const moment = (given?: string) => momentOf(nowMs, given, policy)
  const hour = 60 * 60_000

  test("is the server's, unless a device had no network", () => {
    const now = { date: '2026-11-26', time: '10:00:00', deviceTime: null }
    expect(moment()).toEqual(now)
    expect(moment(ago(60_000))).toEqual(now)
    expect(moment(ago(-5 * 60_000))).toEqual(now)
    expect(moment(ago(60_001))).toEqual({ date: '2026-11-26', time: '09:58:59', deviceTime: '2026-11-26T04:28:59.999Z' })
    expect(moment('2026-11-25T09:45:00+05:30')).toEqual({ date: '2026-11-25', time: '09:45:00', deviceTime: '2026-11-25T04:15:00.000Z' })
  })

  test('lies within what the policy takes', () => {
    expect(codeOf(() => moment(ago(-5 * 60_000 - 1)))).toBe('device_time_ahead')
    expect(codeOf(() => moment(ago(72 * hour)))).toBe('ok')
    expect(codeOf(() => moment(ago(72 * hour + 1)))).toBe('offline_too_old')
    expect(codeOf(() => momentOf(nowMs, ago(60_001), { ...policy, offlineHours: 0 }))).toBe('offline_too_old')
    expect(codeOf(() => momentOf(nowMs, ago(60_000), { ...policy, offlineHours: 0 }))).toBe('ok')
  })
})
