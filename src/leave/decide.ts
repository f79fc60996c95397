import { z } from 'zod'
import { Attendance, type AttendanceRow } from '../attendance/entity.ts'
import { emptyDay, oneRowADay } from '../attendance/mark.ts'
import { nameOfActor } from '../attendance/people.ts'
import { between } from '../attendance/read.ts'
import { offDay } from '../attendance/rules.ts'
import { Employee } from '../employee/entity.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { holidaysBetween } from '../policy/holidays.ts'
import { policyOf } from '../policy/policy.ts'
import { datesFrom } from '../policy/time.ts'
import { bookOf, rewritten } from './book.ts'
import { Leave, type LeaveRow } from './entity.ts'
import { leaveView, viewOf } from './view.ts'

/**
 * Decides about a request. Approval writes the days of leave in the same commit. Of two who decide at once one wins. Errors: `not_found`, `leave_processed`, `action_invalid`, `own_leave`;
 * `attendance_on_leave` when somebody was at work on a whole day of it.
 */
export const decideLeave = operation({
  name: 'leave.decide',
  summary: 'Approve or reject leave',
  needs: 'leave:decide',
  rereads: oneRowADay,
  input: z.strictObject({ id: z.string(), decision: z.unknown(), remarks: z.string().trim().max(1000).nullish() }),
  output: leaveView,
  async run(context, { id, decision, remarks }) {
    const { store, now, actor, origin } = context
    const before = isUuid(id) ? await store.get(Leave, id) : null
    if (before === null) throw notFound()
    if (actor.id === before.userId) throw new AppError('forbidden', 'own_leave', 'Nobody decides about their own leave.')
    if (before.status !== 'pending') throw new AppError('conflict', 'leave_processed', 'Leave request already processed')
    if (decision !== 'approve' && decision !== 'reject') throw new AppError('unprocessable', 'action_invalid', 'Invalid action')
    const isApproved = decision === 'approve'
    const row = patched(
      Leave,
      before,
      {
        status: isApproved ? 'approved' : 'rejected',
        approvedBy: await nameOfActor(context),
        approvedAt: now,
        adminRemarks: remarks || null,
      },
      now,
    )
    const rest = isApproved ? await planDays(context, row) : await freed(context, row)
    return {
      output: viewOf(row, await store.get(Employee, row.userId)),
      changes: [update(Leave, before, row), ...rest],
      entity: { type: Leave.name, id: row.id },
      detail: { decision, network: origin.network },
    }
  },
})

/** What was rejected may be asked for again. */
async function freed({ store, now }: Context, { id, userId }: LeaveRow): Promise<Change[]> {
  const book = await bookOf(store, userId)
  const periods = book?.periods.filter(({ leaveId }) => leaveId !== id) ?? []
  return book === null ? [] : [rewritten(userId, book, periods, now)]
}

/** The rows of every working day of the leave. Errors: `attendance_on_leave`. */
async function planDays({ store, now, newId }: Context, leave: LeaveRow): Promise<Change[]> {
  const { userId, startDate, endDate, duration } = leave
  const policy = await policyOf(store)
  const whose = (await store.get(Employee, userId)) ?? { dccb: null, multipleDccb: null }
  const holidays = await holidaysBetween(store, startDate, endDate)
  const stored = await everyRow(store, Attendance, { index: 'byPerson', where: { userId }, filter: between(startDate, endDate) })
  const rows = new Map(stored.map((row) => [row.date, row]))
  const status = duration === 'half_day' ? ('half_day' as const) : ('absent' as const)
  const changes: Change[] = []
  for (const date of datesFrom(startDate, endDate)) {
    if (offDay(date, whose, policy, holidays) !== null) continue
    const before = rows.get(date)
    const fields: Partial<AttendanceRow> = { isLeaveDay: true, status }
    if (before === undefined) {
      const row = { ...emptyDay, isLeaveDay: true, status, userId, date, markedAt: now }
      changes.push(insert(Attendance, create(Attendance, newId(), row, now)))
    } else if (status === 'absent' && before.checkInTime !== null)
      throw new AppError('conflict', 'attendance_on_leave', `Attendance already marked on ${date}`)
    else changes.push(update(Attendance, before, patched(Attendance, before, fields, now)))
  }
  return changes
}
