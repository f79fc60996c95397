import { z } from 'zod'
import { patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { positionInput } from './mark.ts'
import { deviceTime, momentOf, rememberRefusal } from './moment.ts'
import { actingOfficer } from './people.ts'
import { assertCheckOut, missedCheckOut, pointText, readPosition } from './rules.ts'
import { attendanceView, viewOf } from './view.ts'

const input = z.strictObject({ ...positionInput, deviceTime })
const output = attendanceView

/** Checks out. `deviceTime` as for a check-in. Errors: `forbidden` for all but field officers; `marked_absent`, `no_check_in`, `checked_out`, `check_out_closed`, `location_invalid`; those of `momentOf`. */
export const checkOut = operation({
  name: 'attendance.check-out',
  summary: 'Check out',
  needs: 'attendance:mark',
  input,
  output,
  async run(context, given): Promise<Outcome<z.input<typeof output>>> {
    try {
      return await planCheckOut(context, given)
    } catch (error) {
      return rememberRefusal(error, context, 'attendance.check-out', given)
    }
  },
})

async function planCheckOut(context: Context, given: z.output<typeof input>): Promise<Outcome<z.input<typeof output>>> {
  const { store, now, nowMs, origin } = context
  const officer = await actingOfficer(context)
  const policy = await policyOf(store)
  const moment = momentOf(nowMs, given.deviceTime, policy)
  const before = await store.find(Attendance, 'day', [officer.id, moment.date])
  assertCheckOut(before, moment.time, policy)
  const position = readPosition(given)
  const day = before as AttendanceRow
  const row = patched(
    Attendance,
    day,
    {
      ...reopened(day),
      checkOutTime: moment.time,
      checkOutLocation: position === null ? null : pointText(position),
      checkOutDeviceTime: moment.deviceTime,
    },
    now,
  )
  return {
    output: viewOf(row, officer),
    changes: [update(Attendance, day, row)],
    entity: { type: Attendance.name, id: row.id },
    detail: { network: origin.network },
  }
}

/** The day's end made a half day of it because no check-out had come. Now it has, and unless somebody decided about the day meanwhile it is whole again. */
function reopened(day: AttendanceRow): Partial<AttendanceRow> {
  if (day.closedAt === null || day.status !== 'half_day' || day.isApprovedByAdmin || day.remarks?.endsWith(missedCheckOut) !== true)
    return {}
  const rest = day.remarks.slice(0, -missedCheckOut.length).replace(/; $/, '')
  return { status: 'present', remarks: rest === '' ? null : rest }
}
