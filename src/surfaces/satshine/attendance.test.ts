import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDayEnd } from '../../attendance/day-end.ts'
import { decide, here, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { anOfficer, register, said, tokenOf } from './testing/workforce.ts'

let day: Workday
beforeAll(async () => {
  day = await startWorkday()
})
afterAll(() => day.server.close())

let fresh = 100
/** A field officer of Surat whose day is still empty. */
async function newcomer(more: Record<string, unknown> = {}): Promise<Worker> {
  const body = anOfficer(++fresh, more)
  await register(day.server, day.owner.token, body)
  const employeeId = String(body.employee_id)
  return { employeeId, token: await tokenOf(day.server, employeeId) }
}

const mark = (token: string, body: unknown = here) => day.send('POST', '/auth/mark-attendance/', token, body)
const out = (token: string, body: unknown = {}) => day.send('POST', '/auth/check-out/', token, body)
const endDays = () => createDayEnd(day.server.holdfast.runtime)()

describe('marking attendance', () => {
  beforeEach(() => setTime(day.server, '09:45:10'))

  test('is for field officers alone', async () => {
    for (const token of [day.owner.token, day.admin.token]) expect(said(await mark(token))).toEqual([403, 'Access denied'])
    // a member without an employee ID is none
    expect(said(await mark((await join(day.server, day.owner)).token))).toEqual([403, 'Access denied'])
    expect((await day.server.send('POST', '/auth/mark-attendance/', { body: here })).status).toBe(401)
  })

  test.each([
    ['no object', [1], 'Invalid JSON data'],
    ['nothing', {}, 'GPS location required'],
    ['no accuracy', { lat: 1, lng: 2 }, 'GPS location required'],
    ['null', { ...here, lat: null }, 'GPS location required'],
    ['a word', { ...here, lat: 'north' }, 'Invalid location data'],
    ['an accuracy below nothing', { ...here, accuracy: -1 }, 'Invalid location data'],
    ['a place beyond the pole', { ...here, lat: 90.1 }, 'Invalid GPS coordinates'],
    ['a place beyond the date line', { ...here, lng: 180.1 }, 'Invalid GPS coordinates'],
    ['a place that is hardly known', { ...here, accuracy: 1001 }, 'Location accuracy too low (1001m). Maximum allowed: 1000m'],
  ])('refuses %s', async (_what, body, sentence) => {
    expect(said(await mark(day.mt.token, body))).toEqual([400, sentence])
    expect(await day.dayOf(day.mt)).toBeUndefined()
  })

  test.each([
    ['10:00:00.999', 'present', 'On Time', ['Attendance marked successfully - On Time', '10:00 AM']],
    ['10:00:01', 'present', 'Late Arrival', ['Marked late at 10:00 AM - Late Arrival', '10:00 AM']],
    ['13:30:00.999', 'present', 'Late Arrival', ['Marked late at 01:30 PM - Late Arrival', '01:30 PM']],
    ['13:30:01', 'half_day', 'Half Day', ['Marked at 01:30 PM - Half Day', '01:30 PM']],
    ['15:00:00.999', 'half_day', 'Half Day', ['Marked at 03:00 PM - Half Day', '03:00 PM']],
  ])('at %s makes the day %s, %s', async (time, status, timing, [message, checkIn]) => {
    const worker = await newcomer()
    setTime(day.server, time)
    const { status: code, body } = await mark(worker.token)
    expect([code, body]).toEqual([
      200,
      {
        success: true,
        message,
        status,
        timing_status: timing,
        check_in_time: checkIn,
        location: '23.022500,72.571400',
        accuracy: '12.0m',
        attendance_id: expect.any(String),
      },
    ])
  })

  test('a second later is too late', async () => {
    setTime(day.server, '15:00:01')
    expect(said(await mark(day.mt.token))).toEqual([400, 'Attendance marking not allowed after 3:00 PM. Current time: 03:00 PM'])
  })

  test('takes either spelling and texts of numbers; what else is sent counts for nothing', async () => {
    const worker = await newcomer()
    const { status } = await mark(worker.token, {
      latitude: '23.0225',
      longitude: '72.5714',
      accuracy: '12',
      status: 'absent',
      check_in_time: '08:00',
      time: '2020-01-01',
      user_id: day.mt.employeeId,
      employee_id: day.mt.employeeId,
      deviceTime: '2026-11-25T09:00:00+05:30',
    })
    expect(status).toBe(200)
    expect(await day.dayOf(worker)).toMatchObject({
      date: '2026-11-26',
      status: 'present',
      checkInTime: '09:45:10',
      checkInLocation: '23.022500,72.571400',
      locationAccuracy: 12,
      isLocationValid: true,
      distanceFromOffice: null,
      checkInDeviceTime: null,
    })
    expect(await day.dayOf(day.mt)).toBeUndefined()
  })

  test('is once a day, also at once, with one entry in the log', async () => {
    const worker = await newcomer()
    const all = await Promise.all(Array.from({ length: 5 }, () => mark(worker.token)))
    expect(all.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400])
    for (const answer of all.filter(({ status }) => status === 400))
      expect(said(answer)).toEqual([400, 'Attendance already marked for today'])
    // what was refused before it is looked at says so before anything else
    expect(said(await mark(worker.token, {}))).toEqual([400, 'Attendance already marked for today'])
    const id = String((await day.dayOf(worker))?.id)
    const { body } = await day.send('GET', `/v1/audit?entityId=${id}`, day.owner.token)
    expect((body.items as Loose).map(({ action }) => action)).toEqual(['attendance.mark'])
  })

  test('is not on the weekly day off, nor on a holiday, whatever else is wrong', async () => {
    const worker = await newcomer()
    setTime(day.server, '2026-11-29T09:00:00+05:30')
    expect(said(await mark(worker.token, {}))).toEqual([400, 'Attendance marking not allowed on Sundays'])
    setTime(day.server, '2026-11-26T18:30:00Z')
    const holiday = (body: object) => day.send('POST', '/v1/holidays', day.admin.token, body)
    await holiday({ date: '2026-11-27', name: 'Of Rajkot', dccb: 'RAJKOT' })
    expect(said(await mark(day.elsewhere.token, {}))).toEqual([400, 'Attendance marking not allowed on holidays'])
    expect(said(await mark(worker.token, {}))).toEqual([400, 'GPS location required'])
    expect(said(await mark(day.associate.token, {}))).toEqual([400, 'GPS location required'])
    const all = await holiday({ date: '2026-11-28', name: 'Of all' })
    expect(all.status).toBe(201)
    setTime(day.server, '2026-11-28T09:00:00+05:30')
    expect(said(await mark(day.associate.token, {}))).toEqual([400, 'Attendance marking not allowed on holidays'])
    await day.send('DELETE', '/v1/holidays?date=2026-11-28', day.admin.token)
    expect(said(await mark(day.associate.token, {}))).toEqual([400, 'GPS location required'])
  })

  test('measures the way to the office, and refuses only where the policy enforces the area', async () => {
    const near = await newcomer({ office_location: '23.0225,72.5714' })
    const far = await newcomer({ office_location: '23.0325,72.5714' })
    const own = await newcomer({ office_location: '23.0325,72.5714', attendance_radius: 2000 })
    await mark(near.token)
    expect(await day.dayOf(near)).toMatchObject({ isLocationValid: true, distanceFromOffice: 0 })
    await decide(day, { enforceGeofence: true })
    expect(said(await mark(far.token))).toEqual([400, 'You are outside the allowed area'])
    expect((await mark(own.token)).status).toBe(200)
    await decide(day, { enforceGeofence: false })
    expect((await mark(far.token)).status).toBe(200)
    expect(await day.dayOf(far)).toMatchObject({ isLocationValid: false, distanceFromOffice: 1111.95 })
  })

  test('needs no position where the policy needs none', async () => {
    const worker = await newcomer()
    await decide(day, { gpsRequired: false })
    const { status, body } = await mark(worker.token, {})
    await decide(day, { gpsRequired: true })
    expect([status, body.location, body.accuracy]).toEqual([200, null, null])
  })

  test('goes by the policy of this very moment, and a change rewrites no row', async () => {
    const [before, after] = [await newcomer(), await newcomer()]
    await mark(before.token)
    await decide(day, { timeZone: 'UTC', onTimeUntil: '04:00' })
    expect((await mark(after.token)).body).toMatchObject({ timing_status: 'Late Arrival', check_in_time: '04:15 AM' })
    await decide(day, { timeZone: 'Asia/Kolkata', onTimeUntil: '10:00' })
    expect(await day.dayOf(before)).toMatchObject({ timingStatus: 'On Time', checkInTime: '09:45:10' })
    expect(await day.dayOf(after)).toMatchObject({ timingStatus: 'Late Arrival' })
  })
})

describe('checking out', () => {
  test('needs a check-in of today, a presence, and its hours', async () => {
    const [none, gone, worker] = [await newcomer(), await newcomer(), await newcomer()]
    setTime(day.server, '09:45:00')
    await mark(gone.token)
    await mark(worker.token)
    const { id } = (await day.dayOf(gone)) as Loose
    await day.send('POST', '/auth/admin/attendance/update-status/', day.admin.token, { attendance_id: id, status: 'absent' })
    setTime(day.server, '18:15:00')
    expect(said(await out(none.token))).toEqual([400, 'No check-in record found for today'])
    expect(said(await out(gone.token))).toEqual([400, 'Cannot check out when marked as absent'])
    expect(said(await out(day.admin.token))).toEqual([403, 'Access denied'])
    setTime(day.server, '17:59:59.999')
    expect(said(await out(worker.token))).toEqual([400, 'Check-out allowed only between 6:00 PM and 11:00 PM'])
    setTime(day.server, '23:00:01')
    expect(said(await out(worker.token))).toEqual([400, 'Check-out allowed only between 6:00 PM and 11:00 PM'])
    setTime(day.server, '18:15:00')
    expect(said(await out(worker.token, { ...here, lat: 'x' }))).toEqual([400, 'Invalid location data'])
    const all = await Promise.all([out(worker.token, here), out(worker.token)])
    expect(all.map(({ status }) => status).sort()).toEqual([200, 400])
    expect(all.find(({ status }) => status === 200)?.body).toEqual({
      success: true,
      message: 'Check-out successful',
      check_out_time: '06:15 PM',
      status: 'present',
    })
    expect(said(await out(worker.token))).toEqual([400, 'Already checked out for today'])
    setTime(day.server, '2026-11-27T18:15:00+05:30')
    expect(said(await out(worker.token))).toEqual([400, 'No check-in record found for today'])
  })

  test.each(['18:00:00', '23:00:00.999'])('works at %s', async (time) => {
    const worker = await newcomer()
    setTime(day.server, '09:45:00')
    await mark(worker.token)
    setTime(day.server, time)
    expect((await out(worker.token)).status).toBe(200)
  })
})

describe("the day's end", () => {
  test('makes half a day of who never checked out, once, whoever looks', async () => {
    const [forgot, left, approved, yesterday] = [await newcomer(), await newcomer(), await newcomer(), await newcomer()]
    setTime(day.server, '2026-11-25T09:00:00+05:30')
    await mark(yesterday.token)
    setTime(day.server, '09:00:00')
    for (const worker of [forgot, left, approved]) await mark(worker.token)
    const { id } = (await day.dayOf(approved)) as Loose
    await day.send('POST', '/auth/confirm-team-attendance/', day.dc.token, { start_date: '2026-11-26', end_date: '2026-11-26' })
    await day.send('POST', '/auth/admin/bulk-approve-attendance/', day.admin.token, { attendance_ids: [id] })
    setTime(day.server, '19:00:00')
    await out(left.token)
    await endDays()
    expect(await day.dayOf(yesterday, '2026-11-25')).toMatchObject({ status: 'half_day' })
    expect(await day.dayOf(forgot)).toMatchObject({ status: 'present' })

    setTime(day.server, '23:00:00.999')
    await endDays()
    expect(await day.dayOf(forgot)).toMatchObject({ status: 'present' })
    setTime(day.server, '23:00:01')
    const [first, second] = [createDayEnd(day.server.holdfast.runtime), createDayEnd(day.server.holdfast.runtime)]
    await Promise.all([first(), second()])
    expect(await day.dayOf(forgot)).toMatchObject({
      status: 'half_day',
      timingStatus: 'On Time',
      checkInTime: '09:00:00',
      checkOutTime: null,
      remarks: 'Auto-updated to Half Day (missed check-out)',
    })
    expect(await day.dayOf(left)).toMatchObject({ status: 'present', remarks: null })
    expect(await day.dayOf(approved)).toMatchObject({ status: 'present', isApprovedByAdmin: true })
    const row = (await day.dayOf(forgot)) as Loose
    const { body } = await day.send('GET', `/v1/audit?entityId=${row.id}&action=attendance.auto-half-day`, day.owner.token)
    expect((body.items as Loose).map(({ actor }) => actor)).toEqual([{ id: null, kind: 'system', name: 'system' }])

    // what an administrator decides after that stays
    await day.send('POST', '/auth/admin/attendance/update-status/', day.admin.token, { attendance_id: row.id, status: 'present' })
    expect(await endDays()).toBe(0)
    expect(await first()).toBe(0)
    expect(await day.dayOf(forgot)).toMatchObject({ status: 'present' })
  })

  test('looks again when something was written, and ends a day that was forgotten while it ran', async () => {
    const job = createDayEnd(day.server.holdfast.runtime)
    setTime(day.server, '2026-12-01T09:00:00+05:30')
    await job()
    const worker = await newcomer()
    await mark(worker.token)
    expect(await job()).toBe(0)
    setTime(day.server, '2026-12-01T23:30:00+05:30')
    expect(await job()).toBe(1)
    expect(await job()).toBe(0)
    expect(await day.dayOf(worker, '2026-12-01')).toMatchObject({ status: 'half_day' })
  })
})
