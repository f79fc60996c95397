import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runPreserve } from '../preserve/operations.ts'
import type { Report } from '../preserve/report.ts'
import { asSystem, enterOwner } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'
import { decide, here, setTime, startWorkday, type Workday } from './testing/workday.ts'

const folder = mkdtempSync(join(tmpdir(), 'attendance-preserve-'))
const opened: TestServer[] = []
let day: Workday

beforeAll(async () => {
  day = await startWorkday()
  opened.push(day.server)
})
afterAll(async () => {
  for (const server of opened) await server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(server: TestServer, input: object): Promise<Report> {
  const { tenantId } = await enterOwner(server)
  return asSystem(server, runPreserve, input, tenantId)
}

/** A store of its own, empty but for its owner. */
async function emptyStore(): Promise<{ server: TestServer; token: string }> {
  const server = await startTestServer()
  opened.push(server)
  setTime(server, '19:00:00')
  return { server, token: (await enterOwner(server)).token }
}

const without = (rows: Loose, ...fields: string[]) =>
  [...rows].map((row) =>
    Object.fromEntries(Object.entries(row).filter(([field]) => !['version', 'createdAt', 'updatedAt', ...fields].includes(field))),
  )

const everything = async (server: TestServer, token: string) => {
  const get = async (url: string) => (await server.send('GET', url, { token })).body
  return {
    attendance: without((await get('/v1/attendance?limit=200')).items as Loose),
    leaves: without((await get('/v1/leave?limit=200')).items as Loose),
    holidays: without((await get('/v1/holidays')).items as Loose),
    policy: { ...(await get('/v1/settings/attendance')) },
    dashboard: await get('/auth/admin-dashboard/'),
    statistics: await get('/auth/backup-statistics-api/'),
  }
}

test('a full form brings everything back under the same ids, and all counts are as before', async () => {
  await decide(day, { onTimeUntil: '09:30', leaveDaysPerYear: { planned: 20 } })
  await day.send('POST', '/v1/holidays', day.admin.token, { date: '2026-11-25', name: 'Of Surat', dccb: 'SURAT' })
  setTime(day.server, '09:00:00')
  for (const worker of [day.mt, day.dc, day.associate]) await day.send('POST', '/auth/mark-attendance/', worker.token, here)
  setTime(day.server, '16:00:00')
  await day.send('POST', '/auth/confirm-team-attendance/', day.dc.token, { start_date: '2026-11-24', end_date: '2026-11-26' })
  await day.send('POST', '/auth/admin/bulk-approve-attendance/', day.admin.token, { attendance_ids: [(await day.dayOf(day.mt))?.id] })
  const leave = { leave_type: 'planned', start_date: '2026-12-07', end_date: '2026-12-08', reason: 'A wedding' }
  const { body } = await day.send('POST', '/auth/apply-leave/', day.mt2.token, leave)
  await day.send('POST', `/auth/admin/leaves/${body.leave_id}/decide/`, day.admin.token, { action: 'approve' })
  await day.send('POST', '/auth/apply-leave/', day.mt.token, leave)
  setTime(day.server, '19:00:00')
  const before = await everything(day.server, day.owner.token)
  expect(before.attendance.length).toBeGreaterThan(8)

  const file = join(folder, 'full.json')
  expect((await run(day.server, { action: 'backup', file, format: 'full' })).exitCode).toBe(0)
  const { server, token } = await emptyStore()
  const restored = await run(server, { action: 'restore', file, format: 'full' })
  expect(restored).toMatchObject({
    exitCode: 0,
    attendance: { created: before.attendance.length, existing: 0, orphan: 0, invalid: 0 },
    leaves: { created: 2, existing: 0, orphan: 0, invalid: 0 },
  })
  const after = await everything(server, token)
  // rows of one day come in the order of their ids, which are the same
  expect(after).toEqual({ ...before, policy: { ...before.policy, version: 2 } })

  const again = await run(server, { action: 'restore', file, format: 'full' })
  expect(again).toMatchObject({
    attendance: { created: 0, existing: before.attendance.length },
    leaves: { created: 0, existing: 2 },
  })
  // what was pending or approved still overlaps, and is still counted
  const mt = await server.send('POST', '/auth/login/', { body: { employee_id: 'MGJ00002', password: 'nine herons over the weir' } })
  const asked = await server.send('POST', '/auth/apply-leave/', { token: String(mt.body.access_token), body: leave })
  expect(asked.body.message).toBe('Leave dates overlap an existing request')
})

test('a set of the older application is read with what it lacks filled in, row by row', async () => {
  const file = join(folder, 'people.json')
  await run(day.server, { action: 'backup', file })
  const set = join(folder, 'set')
  mkdirSync(set)
  const stamp = '20261126_190000'
  writeFileSync(join(set, `users_${stamp}.json`), readFileSync(file))
  const mark = {
    user_id: 'MGJ00002',
    date: '2026-11-02',
    status: 'present',
    check_in_time: '10:15:30.123456',
    check_out_time: '18:30:00',
    check_in_location: '23.0225,72.5714',
    location_address: 'Ring Road',
    location_accuracy: '12.5',
    is_location_valid: true,
    distance_from_office: null,
    remarks: null,
    marked_at: '2026-11-02T04:45:30.123456+00:00',
  }
  writeFileSync(
    join(set, `attendance_${stamp}.json`),
    JSON.stringify([
      mark,
      { ...mark, date: '2026-11-03', check_in_time: '09:00:00', marked_at: '2026-11-03 09:00:00' },
      { ...mark, date: '2026-11-04', check_in_time: '16:00:00' },
      { ...mark, date: '2026-11-05', status: 'absent', check_in_time: null, check_out_time: null },
      mark,
      { ...mark, user_id: 'MGJ00099' },
      { ...mark, date: '2026-11-31' },
      { ...mark, status: 'asleep' },
      { ...mark, check_in_time: '25:00:00' },
      { ...mark, is_location_valid: 'yes' },
      'nothing',
      null,
    ]),
  )
  const request = {
    user_id: 'MGJ00003',
    leave_type: 'sick',
    duration: 'full_day',
    start_date: '2026-11-09',
    end_date: '2026-11-10',
    days_requested: '2.0',
    reason: 'Ill',
    status: 'approved',
    applied_at: '2026-11-08T10:00:00+05:30',
    approved_by: 'MP0001',
    approved_at: '2026-11-08T11:00:00+05:30',
    admin_remarks: '',
  }
  writeFileSync(
    join(set, `leaves_${stamp}.json`),
    JSON.stringify([
      request,
      { ...request },
      { ...request, user_id: 'MGJ00099' },
      { ...request, leave_type: 'space' },
      { ...request, end_date: '2026-11-01' },
    ]),
  )
  const { server, token } = await emptyStore()
  const restored = await run(server, { action: 'restore', file: set })
  expect(restored).toMatchObject({
    attendance: { created: 4, existing: 1, orphan: 1, invalid: 6 },
    leaves: { created: 1, existing: 1, orphan: 1, invalid: 2 },
  })
  const found = await everything(server, token)
  expect(found.attendance.map(({ date, timingStatus, checkInTime, markedAt }) => [date, timingStatus, checkInTime, markedAt])).toEqual([
    ['2026-11-02', 'Late Arrival', '10:15:30', '2026-11-02T04:45:30.123Z'],
    ['2026-11-03', 'On Time', '09:00:00', '2026-11-03T03:30:00.000Z'],
    ['2026-11-04', 'Half Day', '16:00:00', '2026-11-02T04:45:30.123Z'],
    ['2026-11-05', null, null, '2026-11-02T04:45:30.123Z'],
  ])
  expect(found.attendance[0]).toMatchObject({
    employeeId: 'MGJ00002',
    locationAccuracy: 12.5,
    locationAddress: 'Ring Road',
    isLocationValid: true,
  })
  expect(found.leaves).toMatchObject([
    {
      employeeId: 'MGJ00003',
      daysRequested: 2,
      status: 'approved',
      approvedBy: 'MP0001',
      appliedAt: '2026-11-08T04:30:00.000Z',
      adminRemarks: null,
    },
  ])
})
