import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const text = z.string()
const time = z.iso.datetime({ precision: 3 })

export const attendanceStatuses = ['present', 'half_day', 'absent', 'auto_not_marked'] as const
export type AttendanceStatus = (typeof attendanceStatuses)[number]
export const timings = ['On Time', 'Late Arrival', 'Half Day'] as const
export type Timing = (typeof timings)[number]

/**
 * One person's day. It hangs on the person, not on the employment: whoever is deactivated, deleted or restored keeps it. Dates, and times of day, are those of the policy's zone; people are
 * named by their employee ID, an owner by the username, for good.
 */
export const Attendance = entity('attendance', {
  table: 'attendance',
  fields: {
    userId: z.uuid(),
    /** `YYYY-MM-DD`. */
    date: text,
    status: z.enum(attendanceStatuses),
    timingStatus: z.enum(timings).nullable(),
    /** `HH:MM:SS`. */
    checkInTime: text.nullable(),
    checkOutTime: text.nullable(),
    /** `lat,lng` in degrees. */
    checkInLocation: text.nullable(),
    checkOutLocation: text.nullable(),
    locationAddress: text.nullable(),
    /** Metres. */
    locationAccuracy: z.number().nullable(),
    isLocationValid: z.boolean(),
    /** Metres. */
    distanceFromOffice: z.number().nullable(),
    isLeaveDay: z.boolean(),
    isConfirmedByDc: z.boolean(),
    confirmedByDc: text.nullable(),
    dcConfirmedAt: time.nullable(),
    isApprovedByAdmin: z.boolean(),
    approvedByAdmin: text.nullable(),
    adminApprovedAt: time.nullable(),
    remarks: text.nullable(),
    markedAt: time.nullable(),
    /** What a device that had no network said of the time; null where the server's own counts. */
    checkInDeviceTime: time.nullable(),
    checkOutDeviceTime: time.nullable(),
    /** When the day's end made a half day of it. Once is enough: what people decide after that stays. */
    closedAt: time.nullable(),
    /** The date, while nobody has checked out. */
    openSort: text.nullable(),
  },
  belongsTo: { userId: 'user' },
  erased: { checkInLocation: () => null, checkOutLocation: () => null, locationAddress: () => null, remarks: () => null },
  unique: { day: ['userId', 'date'] },
  indexes: { byDate: ['date'], byPerson: ['userId', 'date'], byOpen: ['openSort'] },
  internal: ['closedAt'],
  derived: { openSort: (row) => (isOpen(row) ? row.date : null) },
})
export type AttendanceRow = Entity<typeof Attendance>

type Day = {
  status: AttendanceStatus
  checkInTime: string | null
  checkOutTime: string | null
  isApprovedByAdmin: boolean
  closedAt: string | null
}

/** Whether the day's end has to look at it. */
const isOpen = (row: Day): boolean =>
  row.status === 'present' && row.checkInTime !== null && row.checkOutTime === null && !row.isApprovedByAdmin && row.closedAt === null
