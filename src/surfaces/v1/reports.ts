import { reportAttendance } from '../../attendance/report.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { reportLeave } from '../../leave/report.ts'

type Report = typeof reportAttendance | typeof reportLeave

const problems = { 422: ['range_reversed', 'report_too_long', 'report_too_large'], 501: ['pdf_unavailable'] }
const query = {
  from: '`YYYY-MM-DD`; absent: the first of the month.',
  to: '`YYYY-MM-DD`; absent: today.',
  employeeId: 'Only of this employee.',
  status: 'Only with this status.',
}

/** One report in one form, as a file to save. */
function report(name: string, operation: Report, format: 'csv' | 'pdf'): Route {
  const type = format === 'csv' ? 'text/csv; charset=utf-8' : 'application/pdf'
  return route('GET', `/v1/reports/${name}.${format}`, operation as typeof reportAttendance, {
    problems,
    query,
    responseType: type.split(';')[0] ?? type,
    input: (request: WireRequest) => ({ ...request.query, format }),
    reply: ({ content }) => ({
      body: content,
      headers: { 'content-type': type, 'content-disposition': `attachment; filename="${name}.${format}"` },
    }),
    ...(format === 'pdf' ? { isBase64: true } : {}),
  })
}

/** Attendance and leave as files. */
export const reportRoutes: readonly Route[] = (['csv', 'pdf'] as const).flatMap((format) => [
  report('attendance', reportAttendance, format),
  report('leave', reportLeave, format),
])
