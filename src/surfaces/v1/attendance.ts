import { z } from 'zod'
import { approveAttendance } from '../../attendance/approve.ts'
import { checkOut } from '../../attendance/check-out.ts'
import { confirmAttendance } from '../../attendance/confirm.ts'
import { correctAttendance } from '../../attendance/correct.ts'
import { markAttendance } from '../../attendance/mark.ts'
import { listAttendance } from '../../attendance/read.ts'
import { type Route, type RouteOptions, route } from '../../http/route.ts'
import { applyLeave } from '../../leave/apply.ts'
import { getLeaveBalance } from '../../leave/balance.ts'
import { decideLeave } from '../../leave/decide.ts'
import { listLeave } from '../../leave/list.ts'

type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'requestSchema'>

const text = z.string()
const offline = ['device_time_ahead', 'offline_too_old']
const punch = z.object({
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  accuracy: z.number().optional(),
  deviceTime: z.iso.datetime({ offset: true }).optional(),
})
const here = { latitude: 23.0225, longitude: 72.5714, accuracy: 12 }

const mark: Described = {
  requestSchema: punch,
  problems: {
    409: ['attendance_marked'],
    422: ['marking_off_day', 'gps_required', 'location_invalid', 'location_inaccurate', 'outside_area', 'marking_closed', ...offline],
  },
  example: { request: { ...here, deviceTime: '2026-11-26T09:45:00+05:30' } },
}
const leaving: Described = {
  requestSchema: punch,
  problems: { 409: ['checked_out'], 422: ['no_check_in', 'marked_absent', 'check_out_closed', 'location_invalid', ...offline] },
  example: { request: here },
}
const correction: Described = {
  requestSchema: z.object({ status: text, remarks: text.nullish(), version: z.int().optional() }),
  problems: { 422: ['status_invalid'] },
  example: { request: { status: 'present', remarks: 'Was at a customer' } },
}
const confirmation: Described = {
  requestSchema: z.object({ from: text, to: text }),
  problems: { 403: ['dc_required'], 422: ['date_invalid', 'range_reversed', 'range_in_future', 'range_too_long'] },
  example: { request: { from: '2026-11-02', to: '2026-11-07' }, response: { confirmed: 12, people: 3 } },
}
const approval: Described = {
  requestSchema: z.object({ ids: z.array(text) }),
  problems: { 422: ['nothing_selected'] },
  example: { request: { ids: ['019b1f3a-7c40-7000-8000-00000000002a'] }, response: { approved: 1, blocked: [] } },
}
const request: Described = {
  requestSchema: z.object({ type: text, duration: text.optional(), startDate: text, endDate: text, reason: text }),
  problems: {
    409: ['leave_overlap', 'leave_balance'],
    422: ['leave_type_invalid', 'duration_invalid', 'date_invalid', 'range_reversed', 'half_day_range', 'leave_too_long'],
  },
  example: { request: { type: 'planned', startDate: '2026-12-21', endDate: '2026-12-23', reason: 'A wedding' } },
}
const decision: Described = {
  requestSchema: z.object({ decision: text, remarks: text.nullish() }),
  problems: { 403: ['own_leave'], 409: ['leave_processed', 'attendance_on_leave'], 422: ['action_invalid'] },
  example: { request: { decision: 'approve' } },
}
const list: Described = { problems: { 422: ['bad_cursor'] } }
const created = (base: string) => ({ status: 201, headers: ({ id }: { id: string }) => ({ Location: `${base}/${id}` }) })

/** Attendance and leave in our own words (contracts/satshine.md, section 13). */
export const attendanceRoutes: readonly Route[] = [
  route('GET', '/v1/attendance', listAttendance, list),
  route('POST', '/v1/attendance', markAttendance, { ...mark, ...created('/v1/attendance') }),
  route('POST', '/v1/attendance/check-out', checkOut, leaving),
  route('PATCH', '/v1/attendance/:id', correctAttendance, correction),
  route('POST', '/v1/attendance/confirmations', confirmAttendance, confirmation),
  route('POST', '/v1/attendance/approvals', approveAttendance, approval),
  route('GET', '/v1/leave', listLeave, list),
  route('POST', '/v1/leave', applyLeave, { ...request, ...created('/v1/leave') }),
  route('GET', '/v1/leave/balance', getLeaveBalance),
  route('POST', '/v1/leave/:id/decision', decideLeave, decision),
]
