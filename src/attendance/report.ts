import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import type { AnyEntity, Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import { policyOf } from '../policy/policy.ts'
import { daysBetween, localTime } from '../policy/time.ts'
import type { Query, TenantStore } from '../storage/port.ts'
import { Attendance } from './entity.ts'
import { date, selectionOf, wanted } from './read.ts'
import { pdfOf } from './report-pdf.ts'
import { csvOf, type Table } from './report-table.ts'
import { type AttendanceView, viewsOf } from './view.ts'

const mostDays = 366
const mostRows = { csv: 100_000, pdf: 5_000 } as const

/** What a report may be asked for. */
export const reportInput = { format: z.enum(['csv', 'pdf']), from: date.optional(), to: date.optional() }
export type Format = keyof typeof mostRows

/** A report in its form: the text of a CSV, or the bytes of a PDF in Base64. */
export const reportOutput = z.object({ content: z.string() })

/** The days of a report: this month unless said otherwise, at most 366. Errors: `range_reversed`, `report_too_long`. */
export async function daysOf({ store, nowMs }: Context, given: { from?: string | undefined; to?: string | undefined }) {
  const today = localTime(nowMs, (await policyOf(store)).timeZone).date
  const to = given.to ?? today
  const from = given.from ?? `${to.slice(0, 7)}-01`
  if (from > to) throw new AppError('unprocessable', 'range_reversed', 'Start date cannot be after end date')
  if (daysBetween(from, to) + 1 > mostDays)
    throw new AppError('unprocessable', 'report_too_long', `A report is of at most ${mostDays} days. Ask for several.`)
  return { from, to }
}

/** Rows of a report, page by page. Errors: `report_too_large`. */
export async function rowsFor<E extends AnyEntity>(
  store: TenantStore,
  type: E,
  selection: Query | null,
  format: Format,
): Promise<Entity<E>[]> {
  const rows: Entity<E>[] = []
  for (let cursor: string | null = null; selection !== null; ) {
    const page: Page<Entity<E>> = await store.list(type, { ...selection, cursor, limit: 200 })
    for (const row of page.items) rows.push(row)
    if (rows.length > mostRows[format])
      throw new AppError(
        'unprocessable',
        'report_too_large',
        `The report would have more than ${mostRows[format]} rows. Ask for fewer days or one employee${format === 'pdf' ? ', or for CSV' : ''}.`,
      )
    if (page.nextCursor === null) break
    cursor = page.nextCursor
    await new Promise((resolve) => setImmediate(resolve))
  }
  return rows
}

/** A report in the form that was asked for. */
export const formed = async (table: Table, format: Format, nowMs: number): Promise<z.output<typeof reportOutput>> => ({
  content: format === 'csv' ? csvOf(table) : (await pdfOf(table, nowMs)).toString('base64'),
})

export const attendanceColumns = [
  { name: 'Date', share: 0.07 },
  { name: 'Employee ID', share: 0.08 },
  { name: 'Name', share: 0.14 },
  { name: 'Designation', share: 0.07 },
  { name: 'DCCB', share: 0.09 },
  { name: 'Status', share: 0.07 },
  { name: 'Timing', share: 0.07 },
  { name: 'In', share: 0.06 },
  { name: 'Out', share: 0.06 },
  { name: 'Leave', share: 0.05 },
  { name: 'Confirmed by', share: 0.08 },
  { name: 'Approved by', share: 0.07 },
  { name: 'Remarks', share: 0.09 },
] as const

/** A day as a line of a report. */
export const attendanceCells = (view: AttendanceView): Table['rows'][number] => [
  view.date,
  view.employeeId,
  view.name,
  view.designation,
  view.dccb,
  view.status,
  view.timingStatus,
  view.checkInTime,
  view.checkOutTime,
  view.isLeaveDay,
  view.confirmedByDc,
  view.approvedByAdmin,
  view.remarks,
]

/** Attendance within one's reach as a table to keep or print. Errors: those of `daysOf`; `report_too_large`, `pdf_unavailable`. */
export const reportAttendance = operation({
  name: 'attendance.report',
  summary: 'Report attendance',
  needs: 'attendance:read',
  readOnly: true,
  input: z.strictObject({ ...wanted, ...reportInput }),
  output: reportOutput,
  async run(context, { format, ...given }) {
    const days = await daysOf(context, given)
    const selection = await selectionOf(context, { ...given, ...days })
    const views = await viewsOf(context.store, await rowsFor(context.store, Attendance, selection, format))
    const rows = views.map(attendanceCells)
    const table = { title: 'Attendance', about: `${days.from} to ${days.to}, ${rows.length} days`, columns: attendanceColumns, rows }
    return { output: await formed(table, format, context.nowMs) }
  },
})
