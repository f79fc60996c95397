import { z } from 'zod'
import { daysOf, formed, reportInput, reportOutput, rowsFor } from '../attendance/report.ts'
import { operation } from '../kernel/operation.ts'
import { Leave, leaveStatuses } from './entity.ts'
import { selectionOf } from './list.ts'
import { viewsOf } from './view.ts'

const columns = [
  { name: 'Employee ID', share: 0.09 },
  { name: 'Name', share: 0.16 },
  { name: 'Kind', share: 0.08 },
  { name: 'Duration', share: 0.07 },
  { name: 'From', share: 0.08 },
  { name: 'To', share: 0.08 },
  { name: 'Days', share: 0.05 },
  { name: 'Status', share: 0.07 },
  { name: 'Decided by', share: 0.08 },
  { name: 'Reason', share: 0.13 },
  { name: 'Remarks', share: 0.11 },
] as const

/** Leave within one's reach that has days in a time, as a table to keep or print. Errors: those of `daysOf`; `report_too_large`, `pdf_unavailable`. */
export const reportLeave = operation({
  name: 'leave.report',
  summary: 'Report leave',
  needs: 'attendance:read',
  readOnly: true,
  input: z.strictObject({ ...reportInput, employeeId: z.string().max(100).optional(), status: z.enum(leaveStatuses).optional() }),
  output: reportOutput,
  async run(context, { format, from, to, ...wanted }) {
    const days = await daysOf(context, { from, to })
    const selection = await selectionOf(context, wanted)
    const overlapping = [
      { field: 'startDate', op: 'lte' as const, value: days.to },
      { field: 'endDate', op: 'gte' as const, value: days.from },
    ]
    const narrowed = selection === null ? null : { ...selection, filter: [...(selection.filter ?? []), ...overlapping] }
    const views = await viewsOf(context.store, await rowsFor(context.store, Leave, narrowed, format))
    const rows = views.map((view) => [
      view.employeeId,
      view.name,
      view.leaveType,
      view.duration,
      view.startDate,
      view.endDate,
      view.daysRequested,
      view.status,
      view.approvedBy,
      view.reason,
      view.adminRemarks,
    ])
    const table = { title: 'Leave', about: `${days.from} to ${days.to}, ${rows.length} requests`, columns, rows }
    return { output: await formed(table, format, context.nowMs) }
  },
})
