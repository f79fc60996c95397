import { type Route, type RouteOptions, route } from '../../http/route.ts'
import { createHoliday, listHolidays, removeHoliday } from '../../policy/holidays.ts'
import { getPolicy, updatePolicy } from '../../policy/operations.ts'
import { defaultPolicy } from '../../policy/policy.ts'

type Described = Pick<RouteOptions<never>, 'problems' | 'example'>

const policy: Described = {
  example: { request: { ...defaultPolicy, version: 1 }, response: { ...defaultPolicy, version: 2 } },
}
const holiday: Described = {
  problems: { 409: ['holiday_taken'] },
  example: { request: { date: '2026-11-09', name: 'New Year', dccb: 'SURAT' } },
}

/** The working day of a workforce (contracts/satshine.md, section 8). */
export const policyRoutes: readonly Route[] = [
  route('GET', '/v1/settings/attendance', getPolicy),
  route('PUT', '/v1/settings/attendance', updatePolicy, policy),
  route('GET', '/v1/holidays', listHolidays, { problems: { 422: ['bad_cursor'] } }),
  route('POST', '/v1/holidays', createHoliday, { ...holiday, status: 201 }),
  route('DELETE', '/v1/holidays', removeHoliday, { status: 204, problems: { 404: ['not_found'] } }),
  route('DELETE', '/v1/holidays/:id', removeHoliday, { status: 204 }),
]
