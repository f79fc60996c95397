import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDayEnd } from '../../attendance/day-end.ts'
import { decide, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { found, join } from '../../testing/people.ts'
import type { Answer, Loose } from '../../testing/server.ts'
import { anOfficer, register, tokenOf } from '../satshine/testing/workforce.ts'

let day: Workday
beforeAll(async () => {
  day = await startWorkday()
})
afterAll(() => day.server.close())
beforeEach(() => setTime(day.server, '09:45:00'))

let fresh = 300
async function newcomer(more: Record<string, unknown> = {}): Promise<Worker> {
  const body = anOfficer(++fresh, more)
  await register(day.server, day.owner.token, body)
  const employeeId = String(body.employee_id)
  return { employeeId, token: await tokenOf(day.server, employeeId) }
}

const here = { latitude: 23.0225, longitude: 72.5714, accuracy: 12 }
const mark = (token: string, body: object = here) => day.send('POST', '/v1/attendance', token, body)
const out = (token: string, body: object = {}) => day.send('POST', '/v1/attendance/check-out', token, body)
const coded = ({ status, body }: Answer) => [status, body.code]
const log = async (query: string) => (await day.send('GET', `/v1/audit?${query}`, day.owner.token)).body.items as Loose

describe('native twins', () => {
  test('say 422 for what is not valid, and 409 for what was done already', async () => {
    const worker = await newcomer()
    expect(coded(await mark(worker.token, {}))).toEqual([422, 'gps_required'])
    expect(coded(await mark(worker.token, { ...here, latitude: 'x' }))).toEqual([422, 'location_invalid'])
    expect(coded(await mark(worker.token, { ...here, status: 'present' }))).toEqual([422, 'validation_failed'])
    expect(coded(await out(worker.token))).toEqual([422, 'no_check_in'])
    const { status, body, headers } = await mark(worker.token)
    expect([status, headers.location, headers.etag]).toEqual([201, `/v1/attendance/${body.id}`, '"1"'])
    expect(body).toMatchObject({ employeeId: worker.employeeId, date: '2026-11-26', checkInTime: '09:45:00', version: 1 })
    expect(coded(await mark(worker.token))).toEqual([409, 'attendance_marked'])
    expect(coded(await out(worker.token))).toEqual([422, 'check_out_closed'])
    setTime(day.server, '18:30:00')
    expect((await out(worker.token)).body).toMatchObject({ checkOutTime: '18:30:00' })
    expect(coded(await out(worker.token))).toEqual([409, 'checked_out'])
    setTime(day.server, '16:00:00')
    expect(coded(await mark((await newcomer()).token))).toEqual([422, 'marking_closed'])
    setTime(day.server, '2026-11-29T09:00:00+05:30')
    expect(coded(await mark(worker.token))).toEqual([422, 'marking_off_day'])
    for (const token of [day.owner.token, day.admin.token]) expect(coded(await mark(token))).toEqual([403, 'forbidden'])
  })

  test('correct by id, under the version that was seen where one is named', async () => {
    const worker = await newcomer()
    const { body } = await mark(worker.token)
    const patch = (given: object, token = day.admin.token) => day.send('PATCH', `/v1/attendance/${body.id}`, token, given)
    expect(coded(await patch({ status: 'auto_not_marked' }))).toEqual([422, 'status_invalid'])
    expect(coded(await patch({ status: 'absent' }, worker.token))).toEqual([403, 'forbidden'])
    expect(coded(await patch({ status: 'absent' }, (await found(day.server)).token))).toEqual([404, 'not_found'])
    expect(coded(await patch({ status: 'absent', version: 2 }))).toEqual([409, 'version_conflict'])
    expect((await patch({ status: 'half_day', remarks: 'Left early', version: 1 })).body).toMatchObject({ status: 'half_day', version: 2 })
    expect((await patch({ status: 'present' })).body).toMatchObject({ status: 'present', remarks: 'Left early', version: 3 })
  })

  test('confirm and approve', async () => {
    const worker = await newcomer()
    await mark(worker.token)
    const range = { from: '2026-11-26', to: '2026-11-26' }
    expect(coded(await day.send('POST', '/v1/attendance/confirmations', worker.token, range))).toEqual([403, 'dc_required'])
    expect(coded(await day.send('POST', '/v1/attendance/confirmations', day.dc.token, { ...range, to: '2026-11-27' }))).toEqual([
      422,
      'range_in_future',
    ])
    expect(coded(await day.send('POST', '/v1/attendance/approvals', day.admin.token, { ids: [] }))).toEqual([422, 'nothing_selected'])
    const ids = [String((await day.dayOf(worker))?.id)]
    expect((await day.send('POST', '/v1/attendance/approvals', day.admin.token, { ids })).body).toEqual({
      approved: 0,
      blocked: [{ id: ids[0], employeeId: worker.employeeId, date: '2026-11-26', reason: 'DC confirmation required' }],
    })
    expect((await day.send('POST', '/v1/attendance/confirmations', day.dc.token, range)).body.confirmed).toBeGreaterThan(0)
    expect((await day.send('POST', '/v1/attendance/approvals', day.admin.token, { ids })).body).toEqual({ approved: 1, blocked: [] })
  })

  test('ask for leave and decide', async () => {
    const worker = await newcomer()
    const asked = { type: 'planned', startDate: '2026-12-21', endDate: '2026-12-22', reason: 'A wedding' }
    const apply = (body: object) => day.send('POST', '/v1/leave', worker.token, body)
    expect(coded(await apply({ ...asked, type: 'x' }))).toEqual([422, 'leave_type_invalid'])
    const { status, body, headers } = await apply(asked)
    expect([status, headers.location, body.status, body.daysRequested]).toEqual([201, `/v1/leave/${body.id}`, 'pending', 2])
    expect(coded(await apply(asked))).toEqual([409, 'leave_overlap'])
    const decideOn = (given: object, token = day.admin.token) => day.send('POST', `/v1/leave/${body.id}/decision`, token, given)
    expect(coded(await decideOn({ decision: 'maybe' }))).toEqual([422, 'action_invalid'])
    expect(coded(await decideOn({ decision: 'approve' }, worker.token))).toEqual([403, 'forbidden'])
    expect((await decideOn({ decision: 'approve', remarks: 'Enjoy' })).body).toMatchObject({
      status: 'approved',
      approvedBy: 'MP0001',
      adminRemarks: 'Enjoy',
    })
    expect(coded(await decideOn({ decision: 'reject' }))).toEqual([409, 'leave_processed'])
  })
})

describe('who sees what', () => {
  test('administrators and auditors all, a manager those below, a DC the team, everyone themselves', async () => {
    const chief = await join(day.server, day.owner, { role: 'manager' })
    const below = await newcomer({ dccb: 'VALSAD' })
    const dc = await newcomer({ dccb: 'VALSAD', designation: 'DC' })
    const colleague = await newcomer({ dccb: 'VALSAD', designation: 'Support' })
    const otherDc = await newcomer({ dccb: 'VALSAD', designation: 'DC' })
    const { body } = await day.send('GET', `/v1/users?q=${below.employeeId}`, day.owner.token)
    const { id, version } = body.items[0]
    expect((await day.send('PATCH', `/v1/users/${id}`, day.owner.token, { version, managerId: chief.id })).status).toBe(200)
    setTime(day.server, '2026-12-03T09:00:00+05:30')
    const all = [below, dc, colleague, otherDc]
    for (const worker of all) {
      await mark(worker.token)
      await day.send('POST', '/v1/leave', worker.token, { type: 'sick', startDate: '2026-12-04', endDate: '2026-12-04', reason: 'Ill' })
    }
    const auditor = await join(day.server, day.owner, { role: 'auditor' })
    const sees = async (token: string) => {
      const list = async (path: string) =>
        ((await day.send('GET', path, token)).body.items as Loose).map(({ employeeId }) => String(employeeId)).sort()
      const days = await list('/v1/attendance?from=2026-12-03&to=2026-12-03')
      const leaves = (await list('/v1/leave?limit=200')).filter((one) => all.some(({ employeeId }) => employeeId === one))
      expect(leaves).toEqual(days)
      return days
    }
    const ids = all.map(({ employeeId }) => employeeId).sort()
    for (const token of [day.owner.token, day.admin.token, auditor.token]) expect(await sees(token)).toEqual(ids)
    expect(await sees(chief.token)).toEqual([below.employeeId])
    expect(await sees(below.token)).toEqual([below.employeeId])
    expect(await sees(dc.token)).toEqual([below.employeeId, dc.employeeId, colleague.employeeId].sort())
    // what one does not see is not there
    for (const path of ['attendance', 'leave'])
      expect((await day.send('GET', `/v1/${path}?employeeId=${dc.employeeId}`, below.token)).body).toEqual({ items: [], nextCursor: null })
  })

  test('by pages, and narrowed by status and dates', async () => {
    const worker = await newcomer()
    for (const date of ['2026-11-23', '2026-11-24', '2026-11-25']) {
      setTime(day.server, `${date}T09:00:00+05:30`)
      await mark(worker.token)
    }
    const list = async (query: string) => (await day.send('GET', `/v1/attendance?${query}`, worker.token)).body
    const first = await list('limit=2')
    expect((first.items as Loose).map(({ date }) => date)).toEqual(['2026-11-23', '2026-11-24'])
    const second = await list(`limit=2&cursor=${first.nextCursor}`)
    expect([(second.items as Loose).map(({ date }) => date), second.nextCursor]).toEqual([['2026-11-25'], null])
    expect((await list('from=2026-11-24&to=2026-11-24')).items).toHaveLength(1)
    expect((await list('status=absent')).items).toEqual([])
    for (const query of ['from=24.11.2026', 'status=gone', 'cursor=x', 'colour=red'])
      expect((await day.send('GET', `/v1/attendance?${query}`, worker.token)).status).toBe(422)
  })
})

describe('what a device noted while it had no network', () => {
  test('is judged by its own time, marked, and kept once by its key', async () => {
    const worker = await newcomer()
    setTime(day.server, '2026-11-26T20:00:00+05:30')
    const headers = { 'idempotency-key': 'punch-1' }
    const body = { ...here, deviceTime: '2026-11-25T09:50:00+05:30' }
    const send = () => day.server.send('POST', '/v1/attendance', { token: worker.token, body, headers })
    const [first, again] = [await send(), await send()]
    expect([first.status, again.status, again.headers['idempotency-replayed']]).toEqual([201, 201, 'true'])
    expect(again.body).toEqual(first.body)
    expect(await day.dayOf(worker, '2026-11-25')).toMatchObject({
      status: 'present',
      timingStatus: 'On Time',
      checkInTime: '09:50:00',
      checkInDeviceTime: '2026-11-25T04:20:00.000Z',
      markedAt: '2026-11-26T14:30:00.000Z',
    })
    expect(coded(await mark(worker.token, body))).toEqual([409, 'attendance_marked'])
  })

  test('comes after the day was ended, and makes it whole again', async () => {
    const worker = await newcomer()
    await mark(worker.token)
    setTime(day.server, '23:30:00')
    await createDayEnd(day.server.holdfast.runtime)()
    expect(await day.dayOf(worker)).toMatchObject({ status: 'half_day' })
    setTime(day.server, '2026-11-27T08:00:00+05:30')
    const { status, body } = await out(worker.token, { deviceTime: '2026-11-26T18:45:00+05:30' })
    expect([status, body.status, body.checkOutTime, body.remarks, body.checkOutDeviceTime]).toEqual([
      200,
      'present',
      '18:45:00',
      null,
      '2026-11-26T13:15:00.000Z',
    ])
  })

  test('does not undo what was decided about the day', async () => {
    const worker = await newcomer()
    await mark(worker.token)
    setTime(day.server, '23:30:00')
    await createDayEnd(day.server.holdfast.runtime)()
    const { id } = (await day.dayOf(worker)) as Loose
    await day.send('PATCH', `/v1/attendance/${id}`, day.admin.token, { status: 'half_day', remarks: 'Left at noon' })
    setTime(day.server, '2026-11-27T08:00:00+05:30')
    expect((await out(worker.token, { deviceTime: '2026-11-26T18:45:00+05:30' })).body).toMatchObject({
      status: 'half_day',
      checkOutTime: '18:45:00',
      remarks: 'Left at noon',
    })
  })

  test('is never dropped in silence: a refusal is in the log, with its reason', async () => {
    const worker = await newcomer()
    setTime(day.server, '2026-11-26T20:00:00+05:30')
    const tries: [object, string][] = [
      [{ ...here, deviceTime: '2026-11-23T19:59:59+05:30' }, 'offline_too_old'],
      [{ ...here, deviceTime: '2026-11-26T20:05:01+05:30' }, 'device_time_ahead'],
      [{ ...here, deviceTime: '2026-11-26T15:00:01+05:30' }, 'marking_closed'],
      [{ deviceTime: '2026-11-26T09:00:00+05:30' }, 'gps_required'],
    ]
    for (const [body, code] of tries) expect(coded(await mark(worker.token, body))).toEqual([422, code])
    expect(coded(await out(worker.token, { deviceTime: '2026-11-26T18:30:00+05:30' }))).toEqual([422, 'no_check_in'])
    const { id } = (await day.send('GET', `/v1/users?q=${worker.employeeId}`, day.owner.token)).body.items[0]
    const refused = await log(`action=attendance.refused&actorId=${id}&order=asc`)
    expect(refused.map(({ detail }) => [detail?.operation, detail?.code])).toEqual([
      ...tries.map(([, code]) => ['attendance.mark', code]),
      ['attendance.check-out', 'no_check_in'],
    ])
    expect(refused[0]?.detail?.deviceTime).toBe('2026-11-23T19:59:59+05:30')
    expect(coded(await mark(worker.token, { ...here, deviceTime: 'yesterday' }))).toEqual([422, 'validation_failed'])
    // the other side of the bound
    expect((await mark(worker.token, { ...here, deviceTime: '2026-11-24T09:00:00+05:30' })).status).toBe(201)
  })

  test('is taken as long as the policy says', async () => {
    const worker = await newcomer()
    await decide(day, { offlineHours: 0 })
    expect(coded(await mark(worker.token, { ...here, deviceTime: '2026-11-26T09:43:59+05:30' }))).toEqual([422, 'offline_too_old'])
    expect((await mark(worker.token, { ...here, deviceTime: '2026-11-26T09:44:00+05:30' })).body.checkInDeviceTime).toBeNull()
    await decide(day, { offlineHours: 72 })
  })
})

describe('reports', () => {
  test('refuse what is too long or the wrong way round', async () => {
    const get = (query: string) => day.send('GET', `/v1/reports/attendance.csv?${query}`, day.admin.token)
    expect(coded(await get('from=2026-11-26&to=2026-11-25'))).toEqual([422, 'range_reversed'])
    expect(coded(await get('from=2025-01-01&to=2026-01-02'))).toEqual([422, 'report_too_long'])
    expect((await get('from=2025-01-01&to=2026-01-01')).status).toBe(200)
    expect(coded(await get('from=x'))).toEqual([422, 'validation_failed'])
    expect((await day.server.send('GET', '/v1/reports/attendance.pdf')).status).toBe(401)
  })

  test('are files: CSV without formulas, PDF with pages', async () => {
    const worker = await newcomer()
    const { body } = await mark(worker.token)
    await day.send('PATCH', `/v1/attendance/${body.id}`, day.admin.token, { status: 'half_day', remarks: '=1+1, "so"' })
    await day.send('POST', '/v1/leave', worker.token, { type: 'sick', startDate: '2026-11-30', endDate: '2026-12-02', reason: 'Ill' })
    const csv = await day.send('GET', `/v1/reports/attendance.csv?employeeId=${worker.employeeId}`, day.admin.token)
    expect([csv.headers['content-type'], csv.headers['content-disposition']]).toEqual([
      'text/csv; charset=utf-8',
      'attachment; filename="attendance.csv"',
    ])
    const name = `ASHA MEHTA ${Number(worker.employeeId.slice(3))}`
    expect(csv.text.split('\r\n')).toEqual([
      '\uFEFFDate,Employee ID,Name,Designation,DCCB,Status,Timing,In,Out,Leave,Confirmed by,Approved by,Remarks',
      `2026-11-26,${worker.employeeId},${name},MT,SURAT,half_day,On Time,09:45:00,,no,,,"'=1+1, ""so"""`,
      '',
    ])
    const leave = await day.send('GET', `/v1/reports/leave.csv?from=2026-12-02&to=2026-12-02&employeeId=${worker.employeeId}`, worker.token)
    expect(leave.text).toContain(`${worker.employeeId},${name},sick,full_day,2026-11-30,2026-12-02,3,pending,,Ill,`)
    const none = await day.send('GET', '/v1/reports/leave.csv?from=2026-12-03&to=2026-12-03', worker.token)
    expect(none.text.split('\r\n')).toHaveLength(2)
    // a member's report is about the member
    const own = await day.send('GET', '/v1/reports/attendance.csv', worker.token)
    expect(own.text.split('\r\n')).toHaveLength(3)
    const url = await day.server.listen()
    for (const report of ['attendance', 'leave']) {
      const pdf = await fetch(`${url}/v1/reports/${report}.pdf?from=2026-01-01&to=2026-12-31`, {
        headers: { authorization: `Bearer ${day.admin.token}` },
      })
      const bytes = Buffer.from(await pdf.arrayBuffer())
      expect([pdf.status, pdf.headers.get('content-type')]).toEqual([200, 'application/pdf'])
      expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')
      expect(bytes.subarray(-6).toString()).toMatch(/%%EOF/)
      expect(Number(pdf.headers.get('content-length'))).toBe(bytes.length)
    }
  })
})
