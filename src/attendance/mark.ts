import { z } from 'zod'
import { create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { holidaysBetween } from '../policy/holidays.ts'
import { policyOf } from '../policy/policy.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { deviceTime, momentOf, rememberRefusal } from './moment.ts'
import { actingOfficer } from './people.ts'
import { assertPosition, judgePlace, notOn, offDay, pointText, readPosition, sayMarked, takesCheckIn, timingOf, tooLate } from './rules.ts'
import { attendanceView, viewOf } from './view.ts'

/** A position as clients send it; what is wrong with it is said in words of its own. */
export const positionInput = { latitude: z.unknown().optional(), longitude: z.unknown().optional(), accuracy: z.unknown().optional() }

const input = z.strictObject({ ...positionInput, deviceTime })
const output = attendanceView.extend({ message: z.string() })

/** What a row is before anything happened on the day. */
export const emptyDay = {
  timingStatus: null,
  checkInTime: null,
  checkOutTime: null,
  checkInLocation: null,
  checkOutLocation: null,
  locationAddress: null,
  locationAccuracy: null,
  isLocationValid: false,
  distanceFromOffice: null,
  isLeaveDay: false,
  isConfirmedByDc: false,
  confirmedByDc: null,
  dcConfirmedAt: null,
  isApprovedByAdmin: false,
  approvedByAdmin: null,
  adminApprovedAt: null,
  remarks: null,
  markedAt: null,
  checkInDeviceTime: null,
  checkOutDeviceTime: null,
  closedAt: null,
} as const

/** Who reads the row and writes it at the same moment as someone else looks again: one row a person and day, whoever makes it. */
export const oneRowADay = ['attendance.day'] as const

/**
 * Checks in. With `deviceTime`, what was done without a network is judged by the time at which it was done, and marked. Errors: `forbidden` for all but field officers; `marking_off_day`,
 * `attendance_marked`, `gps_required`, `location_invalid`, `location_inaccurate`, `outside_area`, `marking_closed`, looked at in this order; those of `momentOf` before them.
 */
export const markAttendance = operation({
  name: 'attendance.mark',
  summary: 'Check in',
  needs: 'attendance:mark',
  rereads: oneRowADay,
  input,
  output,
  async run(context, given): Promise<Outcome<z.input<typeof output>>> {
    try {
      return await planMark(context, given)
    } catch (error) {
      return rememberRefusal(error, context, 'attendance.mark', given)
    }
  },
})

async function planMark(context: Context, given: z.output<typeof input>): Promise<Outcome<z.input<typeof output>>> {
  const { store, now, nowMs, newId, origin } = context
  const officer = await actingOfficer(context)
  const policy = await policyOf(store)
  const moment = momentOf(nowMs, given.deviceTime, policy)
  const off = offDay(moment.date, officer, policy, await holidaysBetween(store, moment.date, moment.date))
  if (off !== null) throw notOn(off)
  const before = await store.find(Attendance, 'day', [officer.id, moment.date])
  if (before !== null && !takesCheckIn(before)) throw new AppError('conflict', 'attendance_marked', 'Attendance already marked for today')
  const position = readPosition(given)
  assertPosition(position, policy)
  const place = judgePlace(position, officer, policy)
  const timing = timingOf(moment.time, policy)
  if (timing === null) throw tooLate(moment.time, policy)
  const checkIn = {
    ...place,
    timingStatus: timing.timing,
    checkInTime: moment.time,
    checkInLocation: position === null ? null : pointText(position),
    locationAccuracy: position?.accuracyM ?? null,
    checkInDeviceTime: moment.deviceTime,
    markedAt: now,
  }
  const row = written(before, checkIn)
  const change = before === null ? insert(Attendance, row) : update(Attendance, before, row)
  return {
    output: { ...viewOf(row, officer), message: sayMarked(moment.time, timing.timing) },
    changes: [change],
    entity: { type: Attendance.name, id: row.id },
    detail: { network: origin.network },
  }

  function written(day: AttendanceRow | null, fields: typeof checkIn): AttendanceRow {
    const status = timing?.status ?? 'present'
    // half a day of leave leaves half a day of work
    if (day !== null) return patched(Attendance, day, { ...fields, status: day.isLeaveDay ? 'half_day' : status }, now)
    return create(Attendance, newId(), { ...emptyDay, ...fields, status, userId: officer.id, date: moment.date }, now)
  }
}
