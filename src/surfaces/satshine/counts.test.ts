import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { here, setTime, startWorkday, type Workday, type Worker } from '../../attendance/testing/workday.ts'
import { runPreserve } from '../../preserve/operations.ts'
import { asSystem, join } from '../../testing/people.ts'
import { anOfficer, register, said } from './testing/workforce.ts'

let day: Workday
let auditor: string
beforeAll(async () => {
  day = await startWorkday()
  auditor = (await join(day.server, day.owner, { role: 'auditor' })).token
})
afterAll(() => day.server.close())

const paths = [
  'admin-dashboard/',
  'admin/attendance/progress/',
  'user-persistence-api/',
  'backup-statistics-api/',
  'admin/attendance/geo/data/',
]
const get = async (path: string, token = auditor) => (await day.send('GET', `/auth/${path}`, token)).body
const mark = (worker: Worker, place: object = here) => day.send('POST', '/auth/mark-attendance/', worker.token, place)

test.each(paths)('%s is for administrators and auditors', async (path) => {
  for (const token of [day.mt.token, day.dc.token])
    expect(said(await day.send('GET', `/auth/${path}`, token))).toEqual([403, 'Access denied'])
  expect((await day.server.send('GET', `/auth/${path}`)).status).toBe(401)
  for (const token of [auditor, day.admin.token, day.owner.token]) expect((await day.send('GET', `/auth/${path}`, token)).status).toBe(200)
})

test('of nobody there is no progress', async () => {
  const { startTestServer } = await import('../../testing/server.ts')
  const server = await startTestServer()
  setTime(server, '09:00:00')
  const { body } = await server.send('GET', '/auth/admin/attendance/progress/', { token: await server.signIn() })
  expect(body).toEqual({ total_employees: 0, marked_employees: 0, progress_percentage: 0, date: '2026-11-26' })
  await server.close()
})

describe('a day of work', () => {
  beforeAll(async () => {
    await register(day.server, day.owner.token, anOfficer(70, { dccb: 'BARODA' }))
    await register(day.server, day.owner.token, anOfficer(71, { dccb: 'BARODA' }))
    setTime(day.server, '09:00:00')
    await mark(day.mt)
    await mark(day.dc)
    setTime(day.server, '11:00:00')
    await mark(day.mt2, { lat: '21.17', lng: '72.83', accuracy: 7 })
    setTime(day.server, '14:00:00')
    await mark(day.support)
    await mark(day.elsewhere)
    await day.send('POST', '/auth/apply-leave/', day.associate.token, {
      leave_type: 'planned',
      start_date: '2026-12-07',
      end_date: '2026-12-07',
      reason: 'A wedding',
    })
    await day.send('PATCH', '/auth/admin/employees/MGJ00070/deactivate/', day.admin.token)
    await day.send('DELETE', '/auth/admin/employees/MGJ00071/', day.admin.token)
    // whoever is not active any more counts no more
    await day.send('PATCH', '/auth/admin/employees/MGJ00005/deactivate/', day.admin.token)
  })

  test('at a glance', async () => {
    const expected = {
      success: true,
      date: '2026-11-26',
      total_employees: 7,
      active_employees: 5,
      designation_counts: [
        { designation: 'Associate', count: 1 },
        { designation: 'DC', count: 1 },
        { designation: 'MT', count: 4 },
        { designation: 'Support', count: 1 },
      ],
      dccb_counts: [
        { dccb: 'BARODA', count: 1 },
        { dccb: 'RAJKOT', count: 1 },
        { dccb: 'SURAT', count: 4 },
      ],
      attendance_kpis: { present: 3, absent: 0, half_day: 1, late_arrivals: 1, not_marked: 1 },
      pending_leaves: 1,
      approval_status: { dc_pending: 3, admin_pending: 1 },
    }
    expect(await get('admin-dashboard/')).toEqual(expected)
    for (const date of ['', 'tomorrow', '2026-13-01']) expect(await get(`admin-dashboard/?date=${date}`)).toEqual(expected)
    expect(await get('admin-dashboard/?date=2026-11-25')).toMatchObject({
      date: '2026-11-25',
      attendance_kpis: { present: 0, absent: 0, half_day: 0, late_arrivals: 0, not_marked: 5 },
      approval_status: { dc_pending: 0, admin_pending: 0 },
    })
  })

  test('moves through its steps', async () => {
    await day.send('POST', '/auth/confirm-team-attendance/', day.dc.token, { start_date: '2026-11-26', end_date: '2026-11-26' })
    expect(await get('admin-dashboard/')).toMatchObject({ approval_status: { dc_pending: 0, admin_pending: 4 } })
    await day.send('POST', '/auth/admin/bulk-approve-attendance/', day.admin.token, { attendance_ids: [(await day.dayOf(day.mt))?.id] })
    expect(await get('admin-dashboard/')).toMatchObject({ approval_status: { dc_pending: 0, admin_pending: 3 } })
  })

  test("today is the policy zone's date", async () => {
    setTime(day.server, '2026-11-26T18:30:00Z')
    expect(await get('admin/attendance/progress/')).toEqual({
      total_employees: 5,
      marked_employees: 0,
      progress_percentage: 0,
      date: '2026-11-27',
    })
    setTime(day.server, '2026-11-26T18:29:59Z')
    expect(await get('admin/attendance/progress/')).toEqual({
      total_employees: 5,
      marked_employees: 4,
      progress_percentage: 80,
      date: '2026-11-26',
    })
  })

  test('has one decimal of a percentage', async () => {
    await day.send('PATCH', '/auth/admin/employees/MGJ00070/activate/', day.admin.token)
    expect(await get('admin/attendance/progress/?date=2026-11-26')).toMatchObject({ total_employees: 6, progress_percentage: 66.7 })
    await day.send('PATCH', '/auth/admin/employees/MGJ00070/deactivate/', day.admin.token)
  })

  test('what is kept, of administrators too', async () => {
    const body = await get('user-persistence-api/')
    expect(body).toMatchObject({
      total_users: 8,
      active_users: 6,
      role_distribution: { admin: 1, field_officer: 7 },
      designation_distribution: { MT: 4, DC: 1, Support: 1, Associate: 1, Manager: 1 },
      last_backup: null,
      timestamp: expect.stringMatching(/^2026-11-26T/),
    })
    const { tenantId } = day.owner
    expect(await asSystem<{ exitCode: number }>(day.server, runPreserve, { action: 'backup' }, tenantId)).toMatchObject({ exitCode: 0 })
    expect(await get('user-persistence-api/')).toMatchObject({ last_backup: { at: expect.any(String), records: 8, valid: true } })
    expect(Object.keys(body.dccb_distribution as object)).toHaveLength(18)
    expect(body.dccb_distribution).toMatchObject({ AHMEDABAD: 0, SURAT: 4, BARODA: 1, RAJKOT: 1 })
    setTime(day.server, '16:00:00')
    expect(await get('backup-statistics-api/')).toEqual({
      success: true,
      statistics: {
        users: { total: 8, active: 6, admins: 1, field_officers: 7 },
        attendance: { total: 5, today: 5, this_month: 5 },
        leaves: { total: 1, pending: 1 },
      },
    })
    setTime(day.server, '2026-12-01T16:00:00+05:30')
    expect(await get('backup-statistics-api/')).toMatchObject({ statistics: { attendance: { total: 5, today: 0, this_month: 0 } } })
    setTime(day.server, '16:00:00')
  })

  test('where people checked in', async () => {
    const body = await get('admin/attendance/geo/data/')
    expect(body).toMatchObject({ success: true, count: 5, selected_date: '2026-11-26', message: 'Found 5 check-ins with a location' })
    expect(body.data[2]).toEqual({
      employee_id: 'MGJ00003',
      name: 'ASHA MEHTA 3',
      designation: 'MT',
      dccb: 'SURAT',
      status: 'present',
      date: '2026-11-26',
      lat: 21.17,
      lng: 72.83,
      timing_status: 'Late Arrival',
      check_in_time: '11:00:00',
      location_accuracy: 7,
    })
    expect(await get('admin/attendance/geo/data/?status=half_day')).toMatchObject({ count: 2 })
    expect(await get('admin/attendance/geo/data/?date=2026-11-25')).toMatchObject({ count: 0, data: [] })
  })
})
