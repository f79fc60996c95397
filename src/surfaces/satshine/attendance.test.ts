import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDayEnd } from '../../attendance/day-end.ts'
import { decide, here, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { enterOwner, found, join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { anOfficer, register, said, signIn, tokenOf } from './testing/workforce.ts'

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

describe('reading', () => {
  test("one's own days, newest first and at most thirty, and this month's counts", async () => {
    const worker = await newcomer({ designation: 'DC' })
    for (let back = 40; back >= 0; back--) {
      const date = new Date(Date.UTC(2026, 10, 26 - back)).toISOString().slice(0, 10)
      setTime(day.server, `${date}T09:00:00+05:30`)
      await mark(worker.token)
    }
    setTime(day.server, '14:00:00')
    const { body } = await day.send('GET', '/auth/attendance-history/', worker.token)
    expect([body.success, body.count]).toEqual([true, 30])
    const dates = (body.records as Loose).map(({ date }) => String(date))
    expect(dates[0]).toBe('2026-11-26')
    expect(dates).toEqual([...dates].sort().reverse())
    expect(body.records[0]).toEqual({
      id: expect.any(String),
      employee_id: worker.employeeId,
      name: `ASHA MEHTA ${Number(worker.employeeId.slice(3))}`,
      designation: 'DC',
      dccb: 'SURAT',
      date: '2026-11-26',
      status: 'present',
      timing_status: 'On Time',
      check_in_time: '09:00:00',
      check_out_time: null,
      check_in_location: '23.022500,72.571400',
      location_accuracy: 12,
      is_location_valid: true,
      distance_from_office: null,
      is_leave_day: false,
      is_confirmed_by_dc: false,
      confirmed_by_dc: null,
      dc_confirmed_at: null,
      is_approved_by_admin: false,
      approved_by_admin: null,
      admin_approved_at: null,
      remarks: null,
      marked_at: '2026-11-26T03:30:00.000Z',
    })
    // 1, 8, 15 and 22 November are Sundays
    expect((await day.send('GET', '/auth/attendance/summary/', worker.token)).body).toEqual({
      present: 22,
      absent: 0,
      half_day: 0,
      total_marked: 22,
    })
    expect((await day.send('GET', '/auth/attendance-history/', day.owner.token)).body).toEqual({ success: true, count: 0, records: [] })
  })

  test("a day's list is for administrators and auditors, and is narrowed by dccb and status", async () => {
    setTime(day.server, '2026-12-02T09:00:00+05:30')
    await mark(day.mt.token)
    await mark(day.elsewhere.token)
    setTime(day.server, '2026-12-02T14:00:00+05:30')
    await mark(day.mt2.token)
    const auditor = await join(day.server, day.owner, { role: 'auditor' })
    const list = async (query = '', token = auditor.token) => {
      const { body } = await day.send('GET', `/auth/admin/attendance/daily/${query}`, token)
      return [body.date, body.count, (body.records as Loose).map(({ employee_id: id }) => id)]
    }
    expect(await list()).toEqual(['2026-12-02', 3, ['MGJ00002', 'MGJ00003', 'MGJ00005']])
    expect(await list('?date=yesterday')).toEqual(['2026-12-02', 3, ['MGJ00002', 'MGJ00003', 'MGJ00005']])
    expect(await list('?dccb=RAJKOT')).toEqual(['2026-12-02', 1, ['MGJ00005']])
    expect(await list('?status=half_day&date=2026-12-02', day.admin.token)).toEqual(['2026-12-02', 1, ['MGJ00003']])
    expect(await list('?date=2026-12-03')).toEqual(['2026-12-03', 0, []])
    expect(said(await day.send('GET', '/auth/admin/attendance/daily/', day.mt.token))).toEqual([403, 'Access denied'])
  })

  test("an employee's history survives deletion, and is narrowed by dates", async () => {
    const worker = await newcomer()
    for (const date of ['2026-11-24', '2026-11-25', '2026-11-26']) {
      setTime(day.server, `${date}T09:00:00+05:30`)
      await mark(worker.token)
    }
    await day.send('DELETE', `/auth/admin/employees/${worker.employeeId}/`, day.admin.token)
    const history = (query: string) =>
      day.send('GET', `/auth/admin/employees/${worker.employeeId}/attendance-history/${query}`, day.admin.token)
    const { body } = await history('')
    expect([body.success, body.employee_id, body.count]).toEqual([true, worker.employeeId, 3])
    expect(((await history('?from_date=2026-11-25&to_date=2026-11-25')).body.records as Loose).map(({ date }) => date)).toEqual([
      '2026-11-25',
    ])
    expect(said(await history('?from_date=25.11.2026'))).toEqual([400, 'Invalid date format'])
    expect(said(await day.send('GET', '/auth/admin/employees/MGJ99999/attendance-history/', day.admin.token))).toEqual([404, 'Not found'])
    expect((await day.send('POST', `/auth/admin/employees/${worker.employeeId}/restore/`, day.admin.token)).status).toBe(200)
    expect((await signIn(day.server, worker.employeeId)).status).toBe(200)
    const again = await day.send('GET', '/auth/attendance-history/', await tokenOf(day.server, worker.employeeId))
    expect(again.body.count).toBe(3)
  })
})

describe('correcting', () => {
  const correct = (body: object, token = day.admin.token) => day.send('POST', '/auth/admin/attendance/update-status/', token, body)

  test('is for administrators, of rows that there are, to a status that there is', async () => {
    const worker = await newcomer()
    setTime(day.server, '09:00:00')
    const { body } = await mark(worker.token)
    const id = String(body.attendance_id)
    expect(said(await correct({ attendance_id: id, status: 'absent' }, worker.token))).toEqual([403, 'Access denied'])
    for (const status of [undefined, null, '', 'Present', 'auto_not_marked', 7])
      expect(said(await correct({ attendance_id: id, status }))).toEqual([400, 'Invalid status'])
    for (const attendance_id of ['019b1f3a-7c40-7000-8000-00000000002a', 'nothing', 7])
      expect(said(await correct({ attendance_id, status: 'absent' }))).toEqual([404, 'Not found'])
    expect((await correct({ status: 'absent' })).status).toBe(400)
    const stranger = await found(day.server)
    expect(said(await correct({ attendance_id: id, status: 'absent' }, stranger.token))).toEqual([404, 'Not found'])
    expect(await day.dayOf(worker)).toMatchObject({ status: 'present', version: 1 })
  })

  test('to absence clears check-in and check-out; remarks stay where none are sent', async () => {
    const worker = await newcomer()
    setTime(day.server, '09:00:00')
    const { body } = await mark(worker.token)
    setTime(day.server, '18:30:00')
    await out(worker.token)
    const id = body.attendance_id
    const half = await correct({ attendance_id: id, status: 'half_day', remarks: 'Left early' })
    expect([half.status, half.body.message]).toEqual([200, 'Attendance status updated to half_day'])
    expect(half.body.attendance).toMatchObject({
      status: 'half_day',
      check_in_time: '09:00:00',
      check_out_time: '18:30:00',
      remarks: 'Left early',
    })
    const { body: absent } = await correct({ attendance_id: id, status: 'absent' })
    expect(absent.attendance).toMatchObject({ status: 'absent', check_in_time: null, check_out_time: null, remarks: 'Left early' })
    expect(said(await mark(worker.token))).toEqual([400, 'Attendance already marked for today'])
    const owner = await enterOwner(day.server)
    expect((await correct({ attendance_id: id, status: 'present', remarks: '' }, owner.token)).body.attendance).toMatchObject({
      remarks: null,
    })
  })
})
