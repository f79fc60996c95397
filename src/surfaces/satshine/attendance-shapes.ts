import { z } from 'zod'
import { type AttendanceView, attendanceView } from '../../attendance/view.ts'
import { type LeaveView, leaveView } from '../../leave/view.ts'
import { wireName } from './words.ts'

/** An object with its fields called as they are called here, at every depth. */
export const shaped = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).map(([field, inner]) => [wireName(field), shapedValue(inner)]))

const shapedValue = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(shapedValue) : typeof value === 'object' && value !== null ? shaped(value) : value

const only =
  <V extends object>(fields: readonly (keyof V & string)[]) =>
  (view: V): Record<string, unknown> =>
    Object.fromEntries(fields.map((field) => [wireName(field), view[field]]))

const attendanceFields = [
  'id',
  'employeeId',
  'name',
  'designation',
  'dccb',
  'date',
  'status',
  'timingStatus',
  'checkInTime',
  'checkOutTime',
  'checkInLocation',
  'locationAccuracy',
  'isLocationValid',
  'distanceFromOffice',
  'isLeaveDay',
  'isConfirmedByDc',
  'confirmedByDc',
  'dcConfirmedAt',
  'isApprovedByAdmin',
  'approvedByAdmin',
  'adminApprovedAt',
  'remarks',
  'markedAt',
] as const satisfies readonly (keyof AttendanceView)[]

const leaveFields = [
  'id',
  'employeeId',
  'name',
  'leaveType',
  'duration',
  'startDate',
  'endDate',
  'daysRequested',
  'reason',
  'status',
  'appliedAt',
  'approvedBy',
  'approvedAt',
  'adminRemarks',
] as const satisfies readonly (keyof LeaveView)[]

/** A day (contracts/satshine.md, section 9) and a request for leave (section 11). */
export const attendanceShape = only<AttendanceView>(attendanceFields)
export const leaveShape = only<LeaveView>(leaveFields)

/** The same as schemas, for the API description. */
const described = (schema: z.ZodObject, fields: readonly string[]) =>
  z.object(Object.fromEntries(fields.map((field) => [wireName(field), schema.shape[field] as z.ZodType])))

export const attendance = described(attendanceView, attendanceFields)
export const leave = described(leaveView, leaveFields)
