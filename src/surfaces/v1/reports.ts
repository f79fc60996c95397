import { reportAttendance } from '../../attendance/report.ts'
import { getReport, listReports, startAttendanceReport, startAuditReport } from '../../export/reports.ts'
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

/** Reports of the whole tenant, made in the background; shared like every other document (`/v1/exports/{id}/links`). */
export const backgroundReportRoutes: readonly Route[] = [
  route('POST', '/v1/reports/attendance', startAttendanceReport, {
    status: 202,
    headers: ({ id }: { id: string }) => ({ Location: `/v1/reports/${id}` }),
    example: { request: { format: 'xlsx', from: '2026-11-01', to: '2026-11-30' } },
    problems: { 422: ['range_reversed', 'report_too_long'] },
  }),
  route('POST', '/v1/reports/audit', startAuditReport, {
    status: 202,
    headers: ({ id }: { id: string }) => ({ Location: `/v1/reports/${id}` }),
    example: { request: { format: 'csv', from: '2026-11-01T00:00:00Z' } },
  }),
  route('GET', '/v1/reports', listReports, { problems: { 422: ['bad_cursor'] } }),
  route('GET', '/v1/reports/:id', getReport, { problems: { 404: ['export_not_found'] } }),
]
