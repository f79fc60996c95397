import { z } from 'zod'
import type { EmployeeRow } from '../employee/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { employeesOf } from './people.ts'

const text = z.string().nullable()
const { id, version, createdAt, updatedAt, userId, ...shown } = Attendance.public.shape

/** Who a row is about, as they are now. */
export const personFields = { employeeId: text, name: text, designation: text, dccb: text }

/** A day as people see it. */
export const attendanceView = z.object({ id, ...personFields, ...shown, version, createdAt, updatedAt })
export type AttendanceView = z.output<typeof attendanceView>

export const fullName = ({ firstName, lastName }: EmployeeRow): string => `${firstName} ${lastName}`.trim()

/** The employee's part of a view. */
export const personOfRow = (employee: EmployeeRow | null | undefined) =>
  employee == null
    ? { employeeId: null, name: null, designation: null, dccb: null }
    : { employeeId: employee.employeeId, name: fullName(employee), designation: employee.designation, dccb: employee.dccb }

export const viewOf = (row: AttendanceRow, employee: EmployeeRow | null | undefined): AttendanceView => ({
  ...row,
  ...personOfRow(employee),
})

/** Views of rows in their order, the people looked up in one round trip. */
export async function viewsOf(store: TenantStore, rows: readonly AttendanceRow[]): Promise<AttendanceView[]> {
  const people = await employeesOf(
    store,
    rows.map((row) => row.userId),
  )
  return rows.map((row) => viewOf(row, people.get(row.userId)))
}
