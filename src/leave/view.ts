import { z } from 'zod'
import { employeesOf } from '../attendance/people.ts'
import { fullName } from '../attendance/view.ts'
import type { EmployeeRow } from '../employee/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { Leave, type LeaveRow } from './entity.ts'

const text = z.string().nullable()
const { id, version, createdAt, updatedAt, userId, ...shown } = Leave.public.shape

/** A request as people see it. */
export const leaveView = z.object({ id, employeeId: text, name: text, ...shown, version, createdAt, updatedAt })
export type LeaveView = z.output<typeof leaveView>

export const viewOf = (row: LeaveRow, employee: EmployeeRow | null | undefined): LeaveView => ({
  ...row,
  employeeId: employee?.employeeId ?? null,
  name: employee == null ? null : fullName(employee),
})

/** Views of requests in their order, the people looked up in one round trip. */
export async function viewsOf(store: TenantStore, rows: readonly LeaveRow[]): Promise<LeaveView[]> {
  const people = await employeesOf(
    store,
    rows.map((row) => row.userId),
  )
  return rows.map((row) => viewOf(row, people.get(row.userId)))
}
