import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decide as decidePolicy, here, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { found } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { anOfficer, register, said, tokenOf } from './testing/workforce.ts'

let day: Workday
beforeAll(async () => {
  day = await startWorkday()
})
afterAll(() => day.server.close())
beforeEach(() => setTime(day.server, '09:00:00'))

let fresh = 200
async function newcomer(more: Record<string, unknown> = {}): Promise<Worker> {
  const body = anOfficer(++fresh, more)
  await register(day.server, day.owner.token, body)
  const employeeId = String(body.employee_id)
  return { employeeId, token: await tokenOf(day.server, employeeId) }
}

const asked = { leave_type: 'planned', start_date: '2026-12-21', end_date: '2026-12-23', reason: 'A wedding' }
const apply = (token: string, patch: object = {}) => day.send('POST', '/auth/apply-leave/', token, { ...asked, ...patch })
const decide = (id: unknown, body: object = { action: 'approve' }, token = day.admin.token) =>
  day.send('POST', `/auth/admin/leaves/${id}/decide/`, token, body)
const applied = async (token: string, patch: object = {}) => {
  const { status, body, text } = await apply(token, patch)
  if (status !== 200) throw new Error(text)
  return String(body.leave_id)
}
const overlap = [400, 'Leave dates overlap an existing request']

describe('asking for leave', () => {
  test('is for field officers', async () => {
    for (const token of [day.owner.token, day.admin.token]) expect(said(await apply(token))).toEqual([403, 'Access denied'])
  })

  test.each([
    ['another kind', { leave_type: 'holiday' }, 'Invalid leave type'],
    ['another duration', { duration: 'hour' }, 'Invalid duration'],
    ['another form of date', { end_date: '23.12.2026' }, 'Invalid date format'],
    ['a date that there is not', { start_date: '2026-02-30' }, 'Invalid date format'],
    ['its end before its start', { end_date: '2026-12-20' }, 'Start date cannot be after end date'],
    ['half a day over two', { duration: 'half_day' }, 'Half-day leave must be a single day'],
    ['367 days', { start_date: '2027-01-01', end_date: '2028-01-02' }, 'Leave is limited to 366 days'],
    ['no reason', { reason: undefined }, 'reason: is required'],
  ])('refuses %s', async (_what, patch, sentence) => {
    expect(said(await apply(day.mt.token, patch))).toEqual([400, sentence])
    expect((await day.send('GET', '/auth/apply-leave/', day.mt.token)).body.leave_requests).toEqual([])
  })

  test('counts calendar days, and is listed newest first', async () => {
    const worker = await newcomer()
    const { status, body } = await apply(worker.token)
    expect([status, body]).toEqual([
      200,
      { success: true, message: 'Leave application submitted successfully', leave_id: expect.any(String), days_requested: 3 },
    ])
    setTime(day.server, '09:00:01')
    expect(
      (await apply(worker.token, { start_date: '2026-12-24', end_date: '2026-12-24', duration: 'half_day' })).body.days_requested,
    ).toBe(0.5)
    setTime(day.server, '09:00:02')
    expect((await apply(worker.token, { start_date: '2027-01-01', end_date: '2028-01-01' })).body.days_requested).toBe(366)
    const { body: own } = await day.send('GET', '/auth/apply-leave/', worker.token)
    expect(own.leave_types.map(([name]: Loose) => name)).toEqual(['planned', 'unplanned'])
    expect((own.leave_requests as Loose).map(({ days_requested: days }) => days)).toEqual([366, 0.5, 3])
    expect(own.leave_requests[2]).toEqual({
      id: body.leave_id,
      employee_id: worker.employeeId,
      name: `ASHA MEHTA ${Number(worker.employeeId.slice(3))}`,
      leave_type: 'planned',
      duration: 'full_day',
      start_date: '2026-12-21',
      end_date: '2026-12-23',
      days_requested: 3,
      reason: 'A wedding',
      status: 'pending',
      applied_at: '2026-11-26T03:30:00.000Z',
      approved_by: null,
      approved_at: null,
      admin_remarks: null,
    })
  })

  test('never overlaps what is pending or approved, also at once', async () => {
    const worker = await newcomer()
    const all = await Promise.all(
      ['2026-12-21', '2026-12-22', '2026-12-23'].map((date) => apply(worker.token, { start_date: '2026-12-20', end_date: date })),
    )
    expect(all.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    for (const answer of all.filter(({ status }) => status === 400)) expect(said(answer)).toEqual(overlap)
    const [first] = (await day.send('GET', '/auth/apply-leave/', worker.token)).body.leave_requests as Loose
    await decide(first?.id)
    expect(said(await apply(worker.token, { start_date: '2026-12-20', end_date: '2026-12-20', duration: 'half_day' }))).toEqual(overlap)
    // another person's days are another person's, and what was rejected is free again
    const other = await newcomer()
    const id = await applied(other.token)
    await decide(id, { action: 'reject', admin_remarks: 'Too many away' })
    expect((await apply(other.token)).status).toBe(200)
  })

  test('spends no more days than the policy gives, also at once', async () => {
    const worker = await newcomer()
    await decidePolicy(day, { leaveDaysPerYear: { planned: 4 } })
    const all = await Promise.all(
      ['2026-12-01', '2026-12-02', '2026-12-03', '2026-12-04', '2026-12-05'].map((date) =>
        apply(worker.token, { start_date: date, end_date: date }),
      ),
    )
    expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 400])
    expect(all.find(({ status }) => status === 400)?.body.message).toBe('Only 0 of 4 days of planned leave are left in 2026')
    const { body } = await day.send('GET', '/v1/leave/balance', worker.token)
    expect([body.year, body.items[0], body.items[1]]).toEqual([
      2026,
      { type: 'planned', taken: 4, allowed: 4, left: 0 },
      { type: 'unplanned', taken: 0, allowed: null, left: null },
    ])
    expect((await apply(worker.token, { leave_type: 'unplanned', start_date: '2026-12-10', end_date: '2026-12-20' })).status).toBe(200)
    await decidePolicy(day, { leaveDaysPerYear: {} })
  })
})

describe('deciding', () => {
  test('is for administrators, of requests that there are', async () => {
    const worker = await newcomer()
    const id = await applied(worker.token)
    expect(said(await decide(id, { action: 'approve' }, worker.token))).toEqual([403, 'Access denied'])
    expect(said(await decide('nothing'))).toEqual([404, 'Not found'])
    expect(said(await decide(id, { action: 'approve' }, (await found(day.server)).token))).toEqual([404, 'Not found'])
    for (const action of [undefined, 'delete', 7]) expect(said(await decide(id, { action }))).toEqual([400, 'Invalid action'])
    expect((await day.send('GET', '/auth/apply-leave/', worker.token)).body.leave_requests[0].status).toBe('pending')
  })

  test("is never about one's own leave", async () => {
    const worker = await newcomer()
    const id = await applied(worker.token)
    const { body } = await day.server.send('GET', `/v1/users?q=${worker.employeeId}`, { token: day.owner.token })
    const { id: userId, version } = body.items[0]
    await day.server.send('PATCH', `/v1/users/${userId}`, { token: day.owner.token, body: { version, role: 'admin' } })
    expect(said(await decide(id, { action: 'approve' }, worker.token))).toEqual([403, 'Access denied'])
    expect((await decide(id)).status).toBe(200)
  })

  test('of two who decide at once one wins', async () => {
    const worker = await newcomer()
    const id = await applied(worker.token)
    const all = await Promise.all([
      decide(id),
      decide(id, { action: 'reject' }, day.owner.token),
      decide(id, { action: 'approve', admin_remarks: 'Enjoy' }, day.owner.token),
    ])
    expect(all.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    for (const answer of all.filter(({ status }) => status === 400)) expect(said(answer)).toEqual([400, 'Leave request already processed'])
    expect(said(await decide(id, { action: 'nonsense' }))).toEqual([400, 'Leave request already processed'])
  })

  test('by approval writes the working days in the same commit', async () => {
    const worker = await newcomer()
    await day.send('POST', '/v1/holidays', day.admin.token, { date: '2026-12-25', name: 'Christmas' })
    await day.send('POST', '/v1/holidays', day.admin.token, { date: '2026-12-26', name: 'Of Rajkot', dccb: 'RAJKOT' })
    const id = await applied(worker.token, { start_date: '2026-12-24', end_date: '2026-12-28' })
    const { body } = await decide(id, { action: 'approve', admin_remarks: 'Enjoy' })
    expect(body).toEqual({
      success: true,
      message: 'Leave request approved successfully. Attendance automatically marked for leave dates.',
    })
    const list = (await day.send('GET', `/v1/attendance?employeeId=${worker.employeeId}`, day.owner.token)).body.items as Loose
    expect(list.map(({ date, status, isLeaveDay, checkInTime }) => [date, status, isLeaveDay, checkInTime])).toEqual([
      ['2026-12-24', 'absent', true, null],
      ['2026-12-26', 'absent', true, null],
      ['2026-12-28', 'absent', true, null],
    ])
    const log = (await day.send('GET', `/v1/audit?entityId=${id}&action=leave.decide`, day.owner.token)).body.items as Loose
    expect(((log[0]?.changes ?? []) as Loose).map(({ type }) => type).sort()).toEqual(['attendance', 'attendance', 'attendance', 'leave'])
    const [request] = (await day.send('GET', '/auth/apply-leave/', worker.token)).body.leave_requests as Loose
    expect(request).toMatchObject({
      status: 'approved',
      approved_by: 'MP0001',
      approved_at: '2026-11-26T03:30:00.000Z',
      admin_remarks: 'Enjoy',
    })
  })

  test('of a whole day on which somebody was at work changes nothing', async () => {
    const worker = await newcomer()
    await day.send('POST', '/auth/mark-attendance/', worker.token, here)
    const id = await applied(worker.token, { start_date: '2026-11-25', end_date: '2026-11-27' })
    expect(said(await decide(id))).toEqual([409, 'Attendance already marked on 2026-11-26'])
    expect(await day.dayOf(worker, '2026-11-25')).toBeUndefined()
    expect(await day.dayOf(worker)).toMatchObject({ status: 'present', isLeaveDay: false })
    expect((await day.send('GET', '/auth/apply-leave/', worker.token)).body.leave_requests[0].status).toBe('pending')
    expect((await decide(id, { action: 'reject' })).body).toEqual({ success: true, message: 'Leave request rejected successfully.' })
  })

  test('of half a day keeps the check-in; without one the day still takes it, and stays half', async () => {
    const [came, comes, whole] = [await newcomer(), await newcomer(), await newcomer()]
    const half = { start_date: '2026-11-26', end_date: '2026-11-26', duration: 'half_day' }
    await day.send('POST', '/auth/mark-attendance/', came.token, here)
    await decide(await applied(came.token, half))
    expect(await day.dayOf(came)).toMatchObject({ status: 'half_day', isLeaveDay: true, checkInTime: '09:00:00', timingStatus: 'On Time' })
    await decide(await applied(comes.token, half))
    expect(await day.dayOf(comes)).toMatchObject({ status: 'half_day', isLeaveDay: true, checkInTime: null, checkInLocation: null })
    const { body } = await day.send('POST', '/auth/mark-attendance/', comes.token, here)
    expect(body).toMatchObject({ success: true, status: 'half_day', timing_status: 'On Time' })
    expect(said(await day.send('POST', '/auth/mark-attendance/', comes.token, here))).toEqual([400, 'Attendance already marked for today'])
    await decide(await applied(whole.token, { ...half, duration: 'full_day' }))
    expect(said(await day.send('POST', '/auth/mark-attendance/', whole.token, here))).toEqual([400, 'Attendance already marked for today'])
  })

  test('at the same moment as a check-in leaves a leave or a presence, never both', async () => {
    const worker = await newcomer()
    const id = await applied(worker.token, { start_date: '2026-11-26', end_date: '2026-11-26' })
    const [mark, decision] = await Promise.all([day.send('POST', '/auth/mark-attendance/', worker.token, here), decide(id)])
    const row = await day.dayOf(worker)
    expect([mark.status, decision.status, row?.status, row?.isLeaveDay]).toEqual(
      mark.status === 200 ? [200, 409, 'present', false] : [400, 200, 'absent', true],
    )
  })
})

describe('the list of requests', () => {
  test('is for administrators and auditors, by pages, newest first', async () => {
    expect(said(await day.send('GET', '/auth/admin/leaves/', day.mt.token))).toEqual([403, 'Access denied'])
    const worker = await newcomer()
    for (let at = 0; at < 27; at++) {
      setTime(day.server, `2026-11-26T10:00:${String(at).padStart(2, '0')}+05:30`)
      const date = `2027-03-${String(at + 1).padStart(2, '0')}`
      await applied(worker.token, { start_date: date, end_date: date })
    }
    const list = async (query: string) => (await day.send('GET', `/auth/admin/leaves/${query}`, day.admin.token)).body
    const first = await list('?status=pending')
    expect([first.success, first.page, first.pages, (first.leaves as Loose).length]).toEqual([
      true,
      1,
      Math.ceil(Number(first.count) / 25),
      25,
    ])
    expect(first.leaves[0]).toMatchObject({ employee_id: worker.employeeId, start_date: '2027-03-27' })
    const second = await list('?status=pending&page=2')
    expect((second.leaves as Loose).slice(0, 2).map(({ start_date: date }) => date)).toEqual(['2027-03-02', '2027-03-01'])
    expect(second.leaves).toHaveLength(Math.min(25, Number(first.count) - 25))
    expect(await list('?page=99')).toMatchObject({ leaves: [] })
    expect(((await list('?status=rejected')).leaves as Loose).every(({ status }) => String(status) === 'rejected')).toBe(true)
    for (const query of ['?page=0', '?page=x', '?status=gone'])
      expect((await day.send('GET', `/auth/admin/leaves/${query}`, day.admin.token)).status).toBe(400)
  })
})
