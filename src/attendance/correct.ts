import { z } from 'zod'
import { Employee } from '../employee/entity.ts'
import { patched, update } from '../kernel/change.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { attendanceView, viewOf } from './view.ts'

/** What people may make of a day. */
const decidable = ['present', 'half_day', 'absent'] as const
type Decidable = (typeof decidable)[number]
const isDecidable = (value: unknown): value is Decidable => decidable.includes(value as Decidable)

/** Corrects a day. Whoever was absent neither came nor went. Errors: `status_invalid`, `not_found`, `version_conflict` where a version was named. */
export const correctAttendance = operation({
  name: 'attendance.correct',
  summary: 'Correct a day',
  needs: 'attendance:manage',
  input: z.strictObject({
    id: z.string(),
    status: z.unknown(),
    remarks: z.string().trim().max(1000).nullish(),
    version: z.int().min(1).optional(),
  }),
  output: attendanceView,
  async run({ store, now, origin }, { id, status, remarks, version }) {
    if (!isDecidable(status))
      throw new AppError('unprocessable', 'status_invalid', 'Invalid status', { errors: [{ field: 'status', message: 'Invalid status' }] })
    const before = isUuid(id) ? await store.get(Attendance, id) : null
    if (before === null) throw notFound()
    if (version !== undefined && version !== before.version)
      throw new AppError(
        'conflict',
        'version_conflict',
        'The row was changed by someone else in the meantime. Read it again and repeat the change.',
      )
    const row = patched(
      Attendance,
      before,
      { ...(status === 'absent' ? nobodyCame : {}), status, ...(remarks === undefined ? {} : { remarks: remarks || null }) },
      now,
    )
    const employee = await store.get(Employee, row.userId)
    return {
      output: viewOf(row, employee),
      changes: [update(Attendance, before, row)],
      entity: { type: Attendance.name, id: row.id },
      detail: { network: origin.network },
    }
  },
})

const nobodyCame: Partial<AttendanceRow> = {
  timingStatus: null,
  checkInTime: null,
  checkOutTime: null,
  checkInDeviceTime: null,
  checkOutDeviceTime: null,
}
