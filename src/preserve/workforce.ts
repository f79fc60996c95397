import type { Change } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
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

export const noRows: RowTotals = { created: 0, existing: 0, orphan: 0, invalid: 0 }

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

const noWorkforceRows: WorkforceRows = { attendance: [], leaves: [], holidays: [], policy: null }

/** There are no such rows yet: none is exported, and rows of a source are counted as `invalid`, because nothing here can hold them. */
export const workforce: Workforce = {
  read: async () => noWorkforceRows,
  plan: async (_context, { attendance, leaves }) => ({
    changes: [],
    attendance: { ...noRows, invalid: attendance.length },
    leaves: { ...noRows, invalid: leaves.length },
  }),
}
