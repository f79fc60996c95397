import { exportAttendance, planAttendance } from '../attendance/preserve.ts'
import { Employee } from '../employee/entity.ts'
import type { Change } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { exportLeave, planLeave } from '../leave/preserve.ts'
import { exportHolidays, exportPolicy, planHolidays, planPolicy } from '../policy/preserve.ts'
import type { TenantStore } from '../storage/port.ts'

/** What a full backup holds beside the people: rows name people by employee id and keep their ids, times and approvers. */
export type WorkforceRows = {
  attendance: readonly object[]
  leaves: readonly object[]
  holidays: readonly object[]
  /** Null while a tenant has decided nothing. */
  policy: object | null
}

/** What became of the rows of a source: `existing` is there already, `orphan` has no such employee. */
export type RowTotals = { created: number; existing: number; orphan: number; invalid: number }

/** Which user an employee id is after the restore, those who are only just coming included; null for nobody. */
export type WhoIs = (employeeId: string) => { id: string; employeeId: string } | null

export type WorkforcePlan = { changes: Change[]; attendance: RowTotals; leaves: RowTotals }

/** Attendance, leave, holidays and policy as backups see them. */
export type Workforce = {
  /** All of it, in the order of creation. */
  read(store: TenantStore): Promise<WorkforceRows>
  /** What is missing of a source's rows, as changes for the commit of the restore. Rows are as they were read; each is checked by itself. */
  plan(
    context: Context,
    rows: { attendance: readonly unknown[]; leaves: readonly unknown[]; holidays: readonly unknown[]; policy: unknown },
    whoIs: WhoIs,
  ): Promise<WorkforcePlan>
}

export const workforce: Workforce = {
  async read(store) {
    const people = await everyRow(store, Employee, {})
    const names = new Map(people.map(({ id, employeeId }) => [id, employeeId]))
    return {
      attendance: await exportAttendance(store, names),
      leaves: await exportLeave(store, names),
      holidays: await exportHolidays(store),
      policy: await exportPolicy(store),
    }
  },
  async plan(context, { attendance, leaves, holidays, policy: given }, whoIs) {
    const { policy, changes } = await planPolicy(context, given)
    const days = await planAttendance(context, attendance, { whoIs, policy })
    const requests = await planLeave(context, leaves, { whoIs, timeZone: policy.timeZone })
    return {
      changes: [...changes, ...(await planHolidays(context, holidays)), ...days.changes, ...requests.changes],
      attendance: days.totals,
      leaves: requests.totals,
    }
  },
}
