import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { here, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { enterOwner, found, join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { anOfficer, register, said, signIn, tokenOf } from './testing/workforce.ts'

let day: Workday
beforeAll(async () => {
  day = await startWorkday()
})
afterAll(() => day.server.close())

let fresh = 500
/** A field officer of Surat whose day is still empty. */
async function newcomer(more: Record<string, unknown> = {}): Promise<Worker> {
  const body = anOfficer(++fresh, more)
  await register(day.server, day.owner.token, body)
  const employeeId = String(body.employee_id)
  return { employeeId, token: await tokenOf(day.server, employeeId) }
}

const mark = (token: string, body: unknown = here) => day.send('POST', '/auth/mark-attendance/', token, body)
const out = (token: string, body: unknown = {}) => day.send('POST', '/auth/check-out/', token, body)

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
