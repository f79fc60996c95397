import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'
import { leaveTypes } from '../policy/entity.ts'

const text = z.string()
const time = z.iso.datetime({ precision: 3 })

export const durations = ['full_day', 'half_day'] as const
export type Duration = (typeof durations)[number]
export const leaveStatuses = ['pending', 'approved', 'rejected'] as const

/** A request for days off. */
export const Leave = entity('leave', {
  table: 'leaves',
  fields: {
    userId: z.uuid(),
    leaveType: z.enum(leaveTypes),
    duration: z.enum(durations),
    /** `YYYY-MM-DD`. */
    startDate: text,
    endDate: text,
    /** Calendar days; 0.5 for a half day. */
    daysRequested: z.number(),
    reason: text,
    status: z.enum(leaveStatuses),
    appliedAt: time,
    /** Who decided, by employee ID, an owner by the username. */
    approvedBy: text.nullable(),
    approvedAt: time.nullable(),
    adminRemarks: text.nullable(),
  },
  belongsTo: { userId: 'user' },
  erased: { reason: () => '', adminRemarks: () => null },
  indexes: { byApplied: ['appliedAt'], byStatus: ['status', 'appliedAt'], byPerson: ['userId', 'appliedAt'] },
})
export type LeaveRow = Entity<typeof Leave>

const period = z.object({
  leaveId: text,
  leaveType: z.enum(leaveTypes),
  startDate: text,
  endDate: text,
  days: z.number(),
})

/**
 * A person's requests that are pending or approved, in one row under the person's id. Every request and decision moves it on, so that of two at once the second finds it changed and looks again:
 * neither overlapping days nor more days than the policy gives come of a race.
 */
export const LeaveBook = entity('leave_book', {
  table: 'leave_books',
  fields: { periods: z.array(period) },
  belongsTo: { id: 'user' },
})
export type LeaveBookRow = Entity<typeof LeaveBook>
export type Period = z.output<typeof period>
