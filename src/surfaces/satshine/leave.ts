import { type Route, route } from '../../http/route.ts'
import { applyLeave } from '../../leave/apply.ts'
import { decideLeave } from '../../leave/decide.ts'
import { listLeavePage, listOwnLeave } from '../../leave/list.ts'
import { leaveShape } from './attendance-shapes.ts'
import * as described from './leave-described.ts'
import { bodyOf } from './words.ts'

/** What people choose from. Older kinds are accepted too. */
const leaveTypes = [
  ['planned', 'Planned Leave'],
  ['unplanned', 'Unplanned Leave'],
] as const

const approved = 'Leave request approved successfully. Attendance automatically marked for leave dates.'
const rejected = 'Leave request rejected successfully.'

/** Leave (contracts/satshine.md, section 11). */
export const leaveRoutes: readonly Route[] = [
  route('GET', '/auth/apply-leave/', listOwnLeave, {
    ...described.own,
    input: () => ({}),
    reply: ({ items }) => ({ body: { success: true, leave_types: leaveTypes, leave_requests: items.map(leaveShape) } }),
  }),
  route('POST', '/auth/apply-leave/', applyLeave, {
    ...described.apply,
    input(request) {
      const { leave_type: type, start_date: startDate, end_date: endDate, duration, reason } = bodyOf(request)
      return { type, startDate, endDate, duration, reason }
    },
    reply: ({ id, daysRequested }) => ({
      body: { success: true, message: 'Leave application submitted successfully', leave_id: id, days_requested: daysRequested },
    }),
  }),
  route('GET', '/auth/admin/leaves/', listLeavePage, {
    ...described.pages,
    input: ({ query }) => query,
    reply: ({ count, page, pages, items }) => ({ body: { success: true, count, page, pages, leaves: items.map(leaveShape) } }),
  }),
  route('POST', '/auth/admin/leaves/:id/decide/', decideLeave, {
    ...described.decide,
    input(request) {
      const { action: decision, admin_remarks: remarks } = bodyOf(request)
      return { id: request.params.id, decision: decision ?? null, remarks }
    },
    reply: ({ status }) => ({ body: { success: true, message: status === 'approved' ? approved : rejected } }),
  }),
]
