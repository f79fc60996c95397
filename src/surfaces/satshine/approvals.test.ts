import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decide, here, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { found, join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { anOfficer, register, said, tokenOf } from './testing/workforce.ts'

let day: Workday
beforeAll(async () => {
  day = await startWorkday()
})
afterAll(() => day.server.close())
beforeEach(() => setTime(day.server, '16:00:00'))

const confirm = (token: string, from: unknown, to: unknown = from) =>
  day.send('POST', '/auth/confirm-team-attendance/', token, { start_date: from, end_date: to })
const approve = (ids: unknown, token = day.admin.token) =>
  day.send('POST', '/auth/admin/bulk-approve-attendance/', token, { attendance_ids: ids })
const markAt = async (worker: Worker, time: string) => {
  setTime(day.server, time)
  const { status, text } = await day.send('POST', '/auth/mark-attendance/', worker.token, here)
  if (status !== 200) throw new Error(text)
}
const rows = async (from: string, to = from, token = day.owner.token) =>
  ((await day.send('GET', `/v1/attendance?from=${from}&to=${to}&limit=200`, token)).body.items as Loose).map(
    ({ employeeId, date, status, isConfirmedByDc }) => `${employeeId} ${date} ${status}${isConfirmedByDc ? ' confirmed' : ''}`,
  )

describe("confirming a team's attendance", () => {
  test('is for a DC alone', async () => {
    for (const { token } of [day.mt, day.support, day.associate, day.admin, day.owner])
      expect(said(await confirm(token, '2026-11-26'))).toEqual([403, 'Access denied. DC privileges required.'])
    expect((await day.server.send('POST', '/auth/confirm-team-attendance/', { body: {} })).status).toBe(401)
  })

  test.each([
    ['no dates', undefined, undefined, 'Invalid date format'],
    ['another form of date', '26/11/2026', '2026-11-26', 'Invalid date format'],
    ['a date that there is not', '2026-02-30', '2026-11-26', 'Invalid date format'],
    ['a number', 20261126, '2026-11-26', 'Invalid date format'],
    ['an end before its start', '2026-11-26', '2026-11-25', 'Start date cannot be after end date'],
    ['tomorrow', '2026-11-26', '2026-11-27', 'Date range cannot be in the future'],
    ['32 days', '2026-10-26', '2026-11-26', 'Date range too long'],
  ])('refuses %s', async (_what, from, to, sentence) => {
    expect(said(await confirm(day.dc.token, from, to))).toEqual([400, sentence])
    expect(await rows('2026-10-01', '2026-11-26')).toEqual([])
  })

  test('keeps what is there, notes what is missing on working days, and reaches the own team alone', async () => {
    await markAt(day.mt, '2026-11-23T09:00:00+05:30')
    await markAt(day.mt2, '2026-11-23T14:00:00+05:30')
    await markAt(day.elsewhere, '2026-11-23T14:00:00+05:30')
    await day.send('POST', '/v1/holidays', day.admin.token, { date: '2026-11-24', name: 'Of Surat', dccb: 'SURAT' })
    setTime(day.server, '2026-11-26T08:00:00+05:30')
    const { status, body } = await confirm(day.dc.token, '2026-11-21', '2026-11-26')
    // 22 November is a Sunday; on the 26th one may still check in
    expect([status, body]).toEqual([
      200,
      { success: true, message: 'Attendance confirmed for 3 team members', confirmed_records: 9, blocked_records: [] },
    ])
    const team = ['MGJ00002', 'MGJ00003', 'MGJ00004']
    const absent = (date: string) => team.map((id) => `${id} ${date} absent confirmed`)
    expect((await rows('2026-11-21', '2026-11-26')).sort()).toEqual(
      [
        ...absent('2026-11-21'),
        'MGJ00002 2026-11-23 present confirmed',
        'MGJ00003 2026-11-23 half_day confirmed',
        'MGJ00004 2026-11-23 absent confirmed',
        'MGJ00005 2026-11-23 half_day',
        ...absent('2026-11-25'),
      ].sort(),
    )
    const [row] = (await day.send('GET', '/v1/attendance?employeeId=MGJ00002&from=2026-11-23&to=2026-11-23', day.owner.token)).body
      .items as Loose
    expect(row).toMatchObject({ confirmedByDc: 'MGJ00001', dcConfirmedAt: '2026-11-26T02:30:00.000Z', checkInTime: '09:00:00' })

    // once more changes nothing
    const again = await confirm(day.dc.token, '2026-11-21', '2026-11-26')
    expect(again.body).toMatchObject({ confirmed_records: 0, message: 'Attendance confirmed for 0 team members' })
    expect((await day.send('GET', `/v1/audit?entityId=${row?.id}`, day.owner.token)).body.items).toHaveLength(2)
  })

  test('counts today only once nobody can check in any more', async () => {
    setTime(day.server, '15:00:00.999')
    expect((await confirm(day.dc.token, '2026-11-26')).body.confirmed_records).toBe(0)
    setTime(day.server, '15:00:01')
    expect((await confirm(day.dc.token, '2026-11-26')).body.confirmed_records).toBe(3)
  })

  test('takes 31 days, begins with the joining, and leaves out who is not active', async () => {
    await decide(day, { weeklyOff: [] })
    const joined = anOfficer(50, { dccb: 'KODINAR', date_of_joining: '2026-11-20' })
    const made = anOfficer(51, { dccb: 'KODINAR' })
    const left = anOfficer(52, { dccb: 'KODINAR' })
    const chief = anOfficer(53, { dccb: 'KODINAR', designation: 'DC' })
    setTime(day.server, '2026-11-10T09:00:00+05:30')
    for (const body of [joined, made, left, chief]) await register(day.server, day.owner.token, body)
    await day.send('PATCH', '/auth/admin/employees/MGJ00052/deactivate/', day.admin.token)
    setTime(day.server, '16:00:00')
    const token = await tokenOf(day.server, 'MGJ00053')
    const { status, body } = await confirm(token, '2026-10-27', '2026-11-26')
    expect([status, body.confirmed_records]).toEqual([200, 7 + 17])
    const dates = async (id: string) =>
      ((await day.send('GET', `/v1/attendance?employeeId=${id}&limit=200`, day.owner.token)).body.items as Loose).map(({ date }) => date)
    expect((await dates('MGJ00050'))[0]).toBe('2026-11-20')
    expect((await dates('MGJ00051'))[0]).toBe('2026-11-10')
    expect(await dates('MGJ00052')).toEqual([])
    await decide(day, { weeklyOff: ['sunday'] })
  })

  test('at the same moment as a check-in leaves one row that is confirmed or taken', async () => {
    await decide(day, { halfDayUntil: '17:00' })
    setTime(day.server, '2026-11-27T16:59:00+05:30')
    const mark = () => day.send('POST', '/auth/mark-attendance/', day.mt.token, here)
    const first = mark()
    setTime(day.server, '2026-11-27T17:30:00+05:30')
    const [marked, confirmed, twice] = await Promise.all([first, confirm(day.dc.token, '2026-11-27'), confirm(day.dc.token, '2026-11-27')])
    expect([confirmed.status, twice.status]).toEqual([200, 200])
    expect([200, 400]).toContain(marked.status)
    const found = await rows('2026-11-27')
    expect(found.filter((row) => row.startsWith('MGJ00002'))).toHaveLength(1)
    expect(found.every((row) => row.endsWith('confirmed'))).toBe(true)
    await decide(day, { halfDayUntil: '15:00' })
  })
})

describe('approving', () => {
  test('is for administrators', async () => {
    for (const { token } of [day.mt, day.dc]) expect(said(await approve(['x'], token))).toEqual([403, 'Access denied'])
    expect(said(await approve(['x'], (await join(day.server, day.owner, { role: 'auditor' })).token))).toEqual([403, 'Access denied'])
  })

  test.each([
    ['nothing', undefined],
    ['an empty list', []],
    ['no list', 'x'],
  ])('refuses %s', async (_what, ids) => {
    expect(said(await approve(ids))).toEqual([400, 'No attendance records selected'])
  })

  test('takes 1,000 and not 1,001', async () => {
    const ids = (n: number) => Array.from({ length: n }, (_, at) => `nothing ${at}`)
    expect((await approve(ids(1001))).status).toBe(400)
    const { status, body } = await approve(ids(1000))
    expect([status, body.approved_count, (body.blocked_records as Loose).length]).toEqual([200, 0, 1000])
  })

  test('waits for the DC of MT and Support, passes over what is approved, and tells what there is not', async () => {
    setTime(day.server, '2026-12-02T09:00:00+05:30')
    for (const worker of [day.mt, day.support, day.dc, day.associate]) await day.send('POST', '/auth/mark-attendance/', worker.token, here)
    const idOf = async (worker: Worker) => String((await day.dayOf(worker, '2026-12-02'))?.id)
    const [mt, support, dc, associate] = [await idOf(day.mt), await idOf(day.support), await idOf(day.dc), await idOf(day.associate)]
    const stranger = await found(day.server)
    const { body: theirs } = await approve([mt], stranger.token)
    expect(theirs).toMatchObject({
      approved_count: 0,
      blocked_records: [{ attendance_id: mt, employee_id: null, date: null, reason: 'Not found' }],
    })
    const { body } = await approve([mt, support, dc, associate, dc, 'nothing', 7])
    expect(body).toEqual({
      success: true,
      message: 'Successfully approved 2 attendance records',
      approved_count: 2,
      blocked_records: [
        { attendance_id: mt, employee_id: 'MGJ00002', date: '2026-12-02', reason: 'DC confirmation required' },
        { attendance_id: support, employee_id: 'MGJ00004', date: '2026-12-02', reason: 'DC confirmation required' },
        { attendance_id: 'nothing', employee_id: null, date: null, reason: 'Not found' },
        { attendance_id: '7', employee_id: null, date: null, reason: 'Not found' },
      ],
    })
    await confirm(day.dc.token, '2026-12-02')
    const { body: rest } = await approve([mt, support, dc], day.owner.token)
    expect(rest).toMatchObject({ approved_count: 2, blocked_records: [] })
    expect(await day.dayOf(day.mt, '2026-12-02')).toMatchObject({ isApprovedByAdmin: true, approvedByAdmin: 'owner', status: 'present' })
    expect(await day.dayOf(day.dc, '2026-12-02')).toMatchObject({ approvedByAdmin: 'MP0001', adminApprovedAt: '2026-12-02T03:30:00.000Z' })
    expect((await approve([mt, support, dc])).body).toMatchObject({ approved_count: 0, blocked_records: [] })
  })
})
