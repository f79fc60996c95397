import { approveAttendance } from '../../attendance/approve.ts'
import { checkOut } from '../../attendance/check-out.ts'
import { confirmAttendance } from '../../attendance/confirm.ts'
import { correctAttendance } from '../../attendance/correct.ts'
import { markAttendance } from '../../attendance/mark.ts'
import { getHistory, getOwnHistory, getOwnSummary, listDay } from '../../attendance/read.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { twelveHours } from '../../policy/time.ts'
import * as described from './attendance-described.ts'
import { attendanceShape, shaped } from './attendance-shapes.ts'
import { bodyOf } from './words.ts'

/** A position in either of its spellings; everything else that was sent counts for nothing. */
function position(request: WireRequest) {
  const { lat, lng, latitude, longitude, accuracy } = bodyOf(request)
  return { latitude: lat ?? latitude, longitude: lng ?? longitude, accuracy }
}

const time = (text: string | null): string | null => (text === null ? null : twelveHours(text))
const records = (all: readonly Parameters<typeof attendanceShape>[0][]) => ({ count: all.length, records: all.map(attendanceShape) })

/** Check-in, check-out, corrections and approvals (contracts/satshine.md, sections 9 and 10). */
export const attendanceRoutes: readonly Route[] = [
  route('POST', '/auth/mark-attendance/', markAttendance, {
    ...described.mark,
    input: position,
    reply: ({ id, message, status, timingStatus, checkInTime, checkInLocation, locationAccuracy }) => ({
      body: {
        success: true,
        message,
        status,
        timing_status: timingStatus,
        check_in_time: time(checkInTime),
        location: checkInLocation,
        accuracy: locationAccuracy === null ? null : `${locationAccuracy.toFixed(1)}m`,
        attendance_id: id,
      },
    }),
  }),
  route('POST', '/auth/check-out/', checkOut, {
    ...described.checkOut,
    input: position,
    reply: ({ checkOutTime, status }) => ({
      body: { success: true, message: 'Check-out successful', check_out_time: time(checkOutTime), status },
    }),
  }),
  route('GET', '/auth/attendance-history/', getOwnHistory, {
    ...described.ownHistory,
    input: () => ({}),
    reply: (found) => ({ body: { success: true, ...records(found.records) } }),
  }),
  route('GET', '/auth/attendance/summary/', getOwnSummary, {
    ...described.summary,
    input: () => ({}),
    reply: (found) => ({ body: shaped(found) }),
  }),
  route('GET', '/auth/admin/attendance/daily/', listDay, {
    ...described.daily,
    input: ({ query }) => query,
    reply: ({ date, records: found }) => ({ body: { success: true, date, ...records(found) } }),
  }),
  route('GET', '/auth/admin/employees/:employee_id/attendance-history/', getHistory, {
    ...described.history,
    input: ({ params, query }) => ({ employeeId: params.employee_id, fromDate: query.from_date, toDate: query.to_date }),
    reply: ({ employeeId, records: found }) => ({ body: { success: true, employee_id: employeeId, ...records(found) } }),
  }),
  route('POST', '/auth/admin/attendance/update-status/', correctAttendance, {
    ...described.correct,
    input(request) {
      const { attendance_id: id, status, remarks } = bodyOf(request)
      return { id: typeof id === 'number' ? String(id) : id, status, remarks }
    },
    reply: (view) => ({
      body: { success: true, message: `Attendance status updated to ${view.status}`, attendance: attendanceShape(view) },
    }),
  }),
  route('POST', '/auth/confirm-team-attendance/', confirmAttendance, {
    ...described.confirm,
    input(request) {
      const { start_date: from, end_date: to } = bodyOf(request)
      return { from: from ?? null, to: to ?? null }
    },
    reply: ({ confirmed, people }) => ({
      body: {
        success: true,
        message: `Attendance confirmed for ${people} team members`,
        confirmed_records: confirmed,
        blocked_records: [],
      },
    }),
  }),
  route('POST', '/auth/admin/bulk-approve-attendance/', approveAttendance, {
    ...described.approve,
    input: (request) => ({ ids: bodyOf(request).attendance_ids ?? null }),
    reply: ({ approved, blocked }) => ({
      body: {
        success: true,
        message: `Successfully approved ${approved} attendance records`,
        approved_count: approved,
        blocked_records: blocked.map(({ id, ...rest }) => ({ attendance_id: id, ...shaped(rest) })),
      },
    }),
  }),
]
