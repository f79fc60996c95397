import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

/** Kinds of leave, as they are asked for. */
export const leaveTypes = ['planned', 'unplanned', 'sick', 'casual', 'emergency', 'personal'] as const
export type LeaveType = (typeof leaveTypes)[number]

const text = z.string()

/** What a tenant decided about its working days: one row, made by the first decision. Times are `HH:MM` in `timeZone`. */
export const AttendancePolicy = entity('attendance_policy', {
  table: 'attendance_policies',
  id: 'text',
  fields: {
    timeZone: text,
    onTimeUntil: text,
    lateUntil: text,
    halfDayUntil: text,
    checkOutFrom: text,
    checkOutUntil: text,
    weeklyOff: z.array(z.enum(weekdays)),
    gpsRequired: z.boolean(),
    /** Metres. */
    maxAccuracyM: z.number(),
    /** Metres around the office. */
    radiusM: z.number(),
    enforceGeofence: z.boolean(),
    dccbs: z.array(text),
    departments: z.array(text),
    /** How many hours after it was made an entry of a device that had no network is still taken; 0 = none is. */
    offlineHours: z.int(),
    /** Days of each kind of leave that a person may take in a calendar year; a kind that is not named has no limit. */
    leaveDaysPerYear: z.partialRecord(z.enum(leaveTypes), z.number()),
  },
})
export type AttendancePolicyRow = Entity<typeof AttendancePolicy>

/** A day on which nobody works, or nobody of one dccb. */
export const Holiday = entity('holiday', {
  table: 'holidays',
  fields: {
    /** `YYYY-MM-DD`. */
    date: text,
    name: text,
    /** Null: everyone's. */
    dccb: text.nullable(),
    dayFold: text,
  },
  unique: { day: ['dayFold'] },
  indexes: { byDate: ['date'] },
  derived: { dayFold: (row) => `${row.date} ${row.dccb ?? ''}` },
})
export type HolidayRow = Entity<typeof Holiday>
