import { type Change, create, insert } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import type { Policy } from '../policy/policy.ts'
import { InvalidRow, rowReader } from '../policy/preserved-row.ts'
import type { RowTotals, WhoIs } from '../preserve/workforce.ts'
import type { TenantStore } from '../storage/port.ts'
import { Attendance, type AttendanceRow, attendanceStatuses, type Timing, timings } from './entity.ts'
import { timingOf } from './rules.ts'

/** Rows and people looked up at once. */
const atOnce = 200

/** Everyone's days as a full backup has them, in the order of creation; `names` has the employee ID of every user. */
export async function exportAttendance(store: TenantStore, names: ReadonlyMap<string, string>): Promise<object[]> {
  const rows = await everyRow(store, Attendance, {})
  return rows.flatMap((row) => {
    const employeeId = names.get(row.userId)
    return employeeId === undefined ? [] : [exported(row, employeeId)]
  })
}

const exported = (row: AttendanceRow, employeeId: string) => ({
  id: row.id,
  employee_id: employeeId,
  date: row.date,
  status: row.status,
  timing_status: row.timingStatus,
  check_in_time: row.checkInTime,
  check_out_time: row.checkOutTime,
  check_in_location: row.checkInLocation,
  check_out_location: row.checkOutLocation,
  location_address: row.locationAddress,
  location_accuracy: row.locationAccuracy,
  is_location_valid: row.isLocationValid,
  distance_from_office: row.distanceFromOffice,
  is_leave_day: row.isLeaveDay,
  is_confirmed_by_dc: row.isConfirmedByDc,
  confirmed_by_dc: row.confirmedByDc,
  dc_confirmed_at: row.dcConfirmedAt,
  is_approved_by_admin: row.isApprovedByAdmin,
  approved_by_admin: row.approvedByAdmin,
  admin_approved_at: row.adminApprovedAt,
  remarks: row.remarks,
  marked_at: row.markedAt,
  check_in_device_time: row.checkInDeviceTime,
  check_out_device_time: row.checkOutDeviceTime,
  closed_at: row.closedAt,
})

type Fields = Pick<AttendanceRow, Exclude<keyof AttendanceRow, 'id' | 'version' | 'createdAt' | 'updatedAt' | 'userId' | 'openSort'>>
type Read = { person: string | null; id: string | null; fields: Fields }

/** Reads one row of any form, or throws `InvalidRow`. */
function readRow(value: unknown, policy: Policy): Read {
  const row = rowReader(value, policy.timeZone)
  const status = row.oneOf('status', attendanceStatuses)
  if (status === null) throw new InvalidRow('status')
  const checkInTime = row.clock('check_in_time')
  return {
    person: row.person(),
    id: row.id(),
    fields: {
      date: row.date('date'),
      status,
      timingStatus: row.oneOf('timing_status', timings) ?? (row.has('timing_status') ? null : timingBy(checkInTime, policy)),
      checkInTime,
      checkOutTime: row.clock('check_out_time'),
      checkInLocation: row.text('check_in_location'),
      checkOutLocation: row.text('check_out_location'),
      locationAddress: row.text('location_address'),
      locationAccuracy: row.number('location_accuracy'),
      isLocationValid: row.flag('is_location_valid'),
      distanceFromOffice: row.number('distance_from_office'),
      isLeaveDay: row.flag('is_leave_day'),
      isConfirmedByDc: row.flag('is_confirmed_by_dc'),
      confirmedByDc: row.name('confirmed_by_dc'),
      dcConfirmedAt: row.moment('dc_confirmed_at'),
      isApprovedByAdmin: row.flag('is_approved_by_admin'),
      approvedByAdmin: row.name('approved_by_admin'),
      adminApprovedAt: row.moment('admin_approved_at'),
      remarks: row.text('remarks'),
      markedAt: row.moment('marked_at'),
      checkInDeviceTime: row.moment('check_in_device_time'),
      checkOutDeviceTime: row.moment('check_out_device_time'),
      closedAt: row.moment('closed_at'),
    },
  }
}

/** What the policy says of a check-in of which nobody said it; later than any is half a day. */
const timingBy = (checkInTime: string | null, policy: Policy): Timing | null =>
  checkInTime === null ? null : (timingOf(checkInTime, policy)?.timing ?? 'Half Day')

type Due = { read: Read; userId: string }

/** The days of a backup that are missing here, as changes for one commit. A day that is here already stays as it is. */
export async function planAttendance(
  { store, now, newId }: Context,
  rows: readonly unknown[],
  { whoIs, policy }: { whoIs: WhoIs; policy: Policy },
): Promise<{ changes: Change[]; totals: RowTotals }> {
  const totals = { created: 0, existing: 0, orphan: 0, invalid: 0 }
  const due: Due[] = []
  for (const value of rows) {
    const read = readOrNull(value, policy)
    const who = read?.person == null ? null : whoIs(read.person)
    if (read === null) totals.invalid += 1
    else if (who === null) totals.orphan += 1
    else due.push({ read, userId: who.id })
  }
  const held = await daysHere(store, new Set(due.map(({ userId }) => userId)))
  const taken = await idsHere(store, due)
  const changes: Change[] = []
  for (const { read, userId } of due) {
    const key = `${userId} ${read.fields.date}`
    if (held.has(key)) {
      totals.existing += 1
      continue
    }
    held.add(key)
    const id = read.id === null || taken.has(read.id) ? newId() : read.id
    taken.add(id)
    changes.push(insert(Attendance, create(Attendance, id, { ...read.fields, userId }, now)))
    totals.created += 1
  }
  return { changes, totals }
}

function readOrNull(value: unknown, policy: Policy): Read | null {
  try {
    return readRow(value, policy)
  } catch (error) {
    if (error instanceof InvalidRow) return null
    throw error
  }
}

async function daysHere(store: TenantStore, userIds: ReadonlySet<string>): Promise<Set<string>> {
  const held = new Set<string>()
  const ids = [...userIds]
  for (let at = 0; at < ids.length; at += atOnce)
    for (const row of await everyRow(store, Attendance, { index: 'byPerson', where: { userId: ids.slice(at, at + atOnce) } }))
      held.add(`${row.userId} ${row.date}`)
  return held
}

async function idsHere(store: TenantStore, due: readonly Due[]): Promise<Set<string>> {
  const ids = due.flatMap(({ read }) => read.id ?? [])
  const taken = new Set<string>()
  for (let at = 0; at < ids.length; at += atOnce) {
    const found = (await store.read(ids.slice(at, at + atOnce).map((id) => ({ type: Attendance, id })))) as (AttendanceRow | null)[]
    for (const row of found) if (row !== null) taken.add(row.id)
  }
  return taken
}
