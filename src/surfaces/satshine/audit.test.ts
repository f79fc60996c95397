import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDayEnd } from '../../attendance/day-end.ts'
import { here, setTime, startWorkday, type Workday } from '../../attendance/testing/workday.ts'
import { join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { anOfficer, officerPassword, register, said, signIn, tokenOf } from './testing/workforce.ts'

let day: Workday
beforeAll(async () => {
  day = await startWorkday()
})
afterAll(() => day.server.close())

const log = async (query = '', token = day.admin.token) => (await day.send('GET', `/auth/admin/audit/${query}`, token)).body
const one = async (query: string) => (await log(query)).logs[0] as Loose

test('is for administrators and auditors, and refuses what is no date and no page', async () => {
  for (const token of [day.mt.token, day.dc.token])
    expect(said(await day.send('GET', '/auth/admin/audit/', token))).toEqual([403, 'Access denied'])
  const auditor = (await join(day.server, day.owner, { role: 'auditor' })).token
  expect((await log('', auditor)).success).toBe(true)
  expect(said(await day.send('GET', '/auth/admin/audit/?from_date=x', auditor))).toEqual([400, 'Invalid date format'])
  expect((await day.send('GET', '/auth/admin/audit/?page=0', auditor)).status).toBe(400)
})

test('has a word for everything that people do, with before and after and never a hash', async () => {
  await register(day.server, day.owner.token, anOfficer(80))
  const put = (path: string, body: object) => day.send('PUT', `/auth/admin/employees/MGJ00080/${path}`, day.admin.token, body)
  await put('update/', { first_name: 'Usha', designation: 'DC' })
  await day.send('PATCH', '/auth/admin/employees/MGJ00080/deactivate/', day.admin.token)
  await day.send('PATCH', '/auth/admin/employees/MGJ00080/activate/', day.admin.token)
  await day.send('DELETE', '/auth/admin/employees/MGJ00080/', day.admin.token)
  await day.send('POST', '/auth/admin/employees/MGJ00080/restore/', day.admin.token)
  await signIn(day.server, 'MGJ00080', 'a wrong password indeed')
  const token = await tokenOf(day.server, 'MGJ00080')
  setTime(day.server, '09:00:00')
  const { body: marked } = await day.send('POST', '/auth/mark-attendance/', token, here)
  setTime(day.server, '18:30:00')
  await day.send('POST', '/auth/check-out/', token)
  await day.send('POST', '/auth/admin/attendance/update-status/', day.admin.token, {
    attendance_id: marked.attendance_id,
    status: 'half_day',
    remarks: 'Left early',
  })
  await day.send('POST', '/auth/admin/bulk-approve-attendance/', day.admin.token, { attendance_ids: [marked.attendance_id] })
  const leave = { leave_type: 'planned', start_date: '2026-12-07', end_date: '2026-12-07', reason: 'A wedding' }
  const { body: first } = await day.send('POST', '/auth/apply-leave/', token, leave)
  await day.send('POST', `/auth/admin/leaves/${first.leave_id}/decide/`, day.admin.token, { action: 'reject' })
  const { body: second } = await day.send('POST', '/auth/apply-leave/', token, leave)
  await day.send('POST', `/auth/admin/leaves/${second.leave_id}/decide/`, day.admin.token, { action: 'approve' })
  await day.send('POST', '/auth/change-password/', token, { current_password: officerPassword, new_password: 'ten geese under the moon' })
  await day.send('POST', '/auth/logout/', token)

  const { logs, count, page, pages } = await log('?employee_id=mgj00080')
  expect([count, page, pages]).toEqual([(logs as Loose).length, 1, 1])
  expect((logs as Loose).map(({ action }) => action).reverse()).toEqual([
    'Employee Created',
    'Employee Updated',
    'Employee Deactivated',
    'Employee Activated',
    'Employee Deleted',
    'Employee Restored',
    'Failed Login Attempt',
    'User Login',
    'ATTENDANCE_MARKED',
    'ATTENDANCE_CHECKOUT',
    'Attendance Status Updated by Admin',
    'Bulk Attendance Approval',
    'LEAVE_APPLIED',
    'Leave Request Rejected',
    'LEAVE_APPLIED',
    'Leave Request Approved',
    'Password Changed',
    'User Logout',
  ])
  expect(JSON.stringify(logs)).not.toMatch(/argon2|pbkdf2|passwordHash|password_hash|searchText/)

  const updated = await one('?employee_id=MGJ00080&action=Employee%20Updated')
  expect(updated).toMatchObject({
    actor: 'MP0001',
    target: 'MGJ00080',
    old_value: { first_name: 'ASHA', designation: 'MT' },
    new_value: { first_name: 'USHA', designation: 'DC' },
  })
  expect(await one('?action=ATTENDANCE_MARKED')).toMatchObject({
    actor: 'MGJ00080',
    target: 'MGJ00080',
    ip_address: '127.0.0.1',
    old_value: null,
    new_value: { status: 'present', check_in_time: '09:00:00' },
  })
  expect(await one('?action=attendance%20status')).toMatchObject({
    target: 'MGJ00080',
    old_value: { status: 'present', remarks: null },
    new_value: { status: 'half_day', remarks: 'Left early' },
  })
  expect(await one('?action=Bulk%20Attendance')).toMatchObject({
    old_value: { is_approved_by_admin: false, approved_by_admin: null },
    new_value: { is_approved_by_admin: true, approved_by_admin: 'MP0001' },
  })
  expect(await one('?action=User%20Login&employee_id=MGJ00080')).toMatchObject({
    actor: 'MGJ00080',
    target: 'MGJ00080',
    ip_address: expect.any(String),
  })
})

test('tells of a team, of the policy, of a sheet and of the system', async () => {
  setTime(day.server, '2026-11-24T16:00:00+05:30')
  await day.send('POST', '/auth/confirm-team-attendance/', day.dc.token, { start_date: '2026-11-24', end_date: '2026-11-24' })
  const confirmed = await one('?action=DC_CONFIRMATION')
  expect(confirmed).toMatchObject({ actor: 'MGJ00001', target: 'MGJ00001', old_value: null })
  expect(Object.values(confirmed.new_value as object)).toHaveLength(3)
  expect((await log('?employee_id=MGJ00002&action=DC_')).count).toBe(1)

  const { body } = await day.send('GET', '/v1/settings/attendance', day.admin.token)
  await day.send('PUT', '/v1/settings/attendance', day.admin.token, { ...body, onTimeUntil: '09:30' })
  await day.send('PUT', '/v1/settings/attendance', day.admin.token, { ...body, onTimeUntil: '09:45', version: 2 })
  expect(await one('?action=Policy')).toMatchObject({
    action: 'Policy Updated',
    old_value: { on_time_until: '09:30' },
    new_value: { on_time_until: '09:45' },
  })

  setTime(day.server, '2026-11-25T09:00:00+05:30')
  await day.send('POST', '/auth/mark-attendance/', day.mt.token, here)
  setTime(day.server, '2026-11-25T23:30:00+05:30')
  await createDayEnd(day.server.holdfast.runtime)()
  expect(await one('?action=AUTO_HALF_DAY')).toMatchObject({
    actor: 'system',
    target: 'MGJ00002',
    old_value: { status: 'present' },
    new_value: { status: 'half_day' },
  })
})

test('comes by pages of 25, newest first, between dates of the policy zone', async () => {
  const all = await log()
  expect(all.logs).toHaveLength(25)
  const times = (all.logs as Loose).map(({ timestamp }) => String(timestamp))
  expect(times).toEqual([...times].sort().reverse())
  const next = await log('?page=2')
  expect(String(next.logs[0].timestamp) <= String(times.at(-1))).toBe(true)
  expect((await log('?page=999')).logs).toEqual([])
  expect((await log('?to_date=2001-01-01')).count).toBe(0)
  expect(Number((await log('?from_date=2001-01-01')).count)).toBeGreaterThan(30)
  expect((await log('?employee_id=MGJ99999')).count).toBe(0)
})
