import { z } from 'zod'
import { Employee, type EmployeeRow } from '../employee/entity.ts'
import { operation } from '../kernel/operation.ts'
import { Leave } from '../leave/entity.ts'
import { policyOf } from '../policy/policy.ts'
import { localTime } from '../policy/time.ts'
import { wakeKeeper } from '../preserve/keeper.ts'
import { lastBackupOf } from '../preserve/last-backup.ts'
import type { Filter, TenantStore } from '../storage/port.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { officers } from './people.ts'
import { between, dayOf, rowsOfDay } from './read.ts'
import { needsDc } from './rules.ts'

const dateInput = z.object({ date: z.string().optional() })
const count = z.int()

type Marked = { row: AttendanceRow; employee: EmployeeRow }

/** The rows of a date that are those of active field officers. */
async function rowsOfActive(store: TenantStore, date: string, active: readonly EmployeeRow[]): Promise<Marked[]> {
  const byId = new Map(active.map((employee) => [employee.id, employee]))
  return (await rowsOfDay(store, date)).flatMap(({ row }) => {
    const employee = byId.get(row.userId)
    return employee === undefined ? [] : [{ row, employee }]
  })
}

/** How often each text occurs, by the text; nulls are passed over. */
function tallied(texts: readonly (string | null)[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const text of texts) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Whose step a day of work waits for. */
function waitsFor({ row, employee }: Marked): 'dc' | 'admin' | null {
  if (row.isApprovedByAdmin || (row.status !== 'present' && row.status !== 'half_day')) return null
  return needsDc(employee.designation) && !row.isConfirmedByDc ? 'dc' : 'admin'
}

/** A workforce at a glance: employees are field officers that are not deleted; what is counted of the day is of active ones. */
export const getAttendanceDashboard = operation({
  name: 'attendance.dashboard',
  summary: 'Count a day at a glance',
  needs: 'attendance:report',
  readOnly: true,
  input: dateInput,
  output: z.object({
    date: z.string(),
    totalEmployees: count,
    activeEmployees: count,
    designationCounts: z.array(z.object({ designation: z.string(), count })),
    dccbCounts: z.array(z.object({ dccb: z.string(), count })),
    attendanceKpis: z.object({ present: count, absent: count, halfDay: count, lateArrivals: count, notMarked: count }),
    pendingLeaves: count,
    approvalStatus: z.object({ dcPending: count, adminPending: count }),
  }),
  async run(context, { date: given }) {
    wakeKeeper(context)
    const { store } = context
    const date = await dayOf(context, given)
    const all = await officers(store)
    const active = all.filter(({ isActive }) => isActive)
    const days = await rowsOfActive(store, date, active)
    const of = (status: AttendanceRow['status']): number => days.filter(({ row }) => row.status === status).length
    const waiting = days.map(waitsFor)
    return {
      output: {
        date,
        totalEmployees: all.length,
        activeEmployees: active.length,
        designationCounts: tallied(all.map((one) => one.designation)).map(([designation, n]) => ({ designation, count: n })),
        dccbCounts: tallied(all.map((one) => one.dccb)).map(([dccb, n]) => ({ dccb, count: n })),
        attendanceKpis: {
          present: of('present'),
          absent: of('absent'),
          halfDay: of('half_day'),
          lateArrivals: days.filter(({ row }) => row.status === 'present' && row.timingStatus === 'Late Arrival').length,
          notMarked: Math.max(0, active.length - days.length),
        },
        pendingLeaves: await store.count(Leave, { index: 'byStatus', where: { status: 'pending' } }),
        approvalStatus: {
          dcPending: waiting.filter((one) => one === 'dc').length,
          adminPending: waiting.filter((one) => one === 'admin').length,
        },
      },
    }
  },
})

/** How many of the active field officers are marked on a date. */
export const getProgress = operation({
  name: 'attendance.progress',
  summary: "Count a day's progress",
  needs: 'attendance:report',
  readOnly: true,
  input: dateInput,
  output: z.object({ totalEmployees: count, markedEmployees: count, progressPercentage: z.number(), date: z.string() }),
  async run(context, { date: given }) {
    wakeKeeper(context)
    const date = await dayOf(context, given)
    const active = await officers(context.store, [{ field: 'isActive', op: 'eq', value: true }])
    const marked = (await rowsOfActive(context.store, date, active)).filter(({ row }) => row.status !== 'auto_not_marked').length
    const progressPercentage = active.length === 0 ? 0 : Math.round((marked / active.length) * 1000) / 10
    return { output: { totalEmployees: active.length, markedEmployees: marked, progressPercentage, date } }
  },
})

const employed: Filter = { field: 'deletedAt', op: 'eq', value: null }

/** Employees of any role that are not deleted, counted for each combination of these fields. */
const tallyEmployees = (store: TenantStore, by: readonly string[]) => store.tally(Employee, { index: 'byRole', filter: [employed] }, by)
type Tally = Awaited<ReturnType<typeof tallyEmployees>>

const sum = (found: Tally): number => found.reduce((total, one) => total + one.count, 0)
const counts = z.record(z.string(), count)

const distribution = (found: Tally, names: readonly string[] = []): Record<string, number> => {
  const all = new Map<string, number>(names.map((name) => [name, 0]))
  for (const { values, count: n } of found) if (values[0] !== null) all.set(String(values[0]), n)
  return Object.fromEntries(all)
}

/** How many employees there are, of which kinds, and how old the newest backup of them is. */
export const getPersistence = operation({
  name: 'attendance.persistence',
  summary: 'Count the employees that are kept',
  needs: 'attendance:report',
  readOnly: true,
  input: z.object({}),
  output: z.object({
    totalUsers: count,
    activeUsers: count,
    roleDistribution: counts,
    designationDistribution: counts,
    dccbDistribution: counts,
    lastBackup: z.object({ at: z.string(), records: count, valid: z.boolean() }).nullable(),
    timestamp: z.string(),
  }),
  async run(context) {
    wakeKeeper(context)
    const { store, now } = context
    const [byActivity, byRole, byDesignation, byDccb, { dccbs }] = await Promise.all([
      tallyEmployees(store, ['isActive']),
      tallyEmployees(store, ['role']),
      tallyEmployees(store, ['designation']),
      tallyEmployees(store, ['dccb']),
      policyOf(store),
    ])
    return {
      output: {
        totalUsers: sum(byActivity),
        activeUsers: sum(byActivity.filter(({ values }) => values[0] === true)),
        roleDistribution: distribution(byRole, ['admin', 'field_officer']),
        designationDistribution: distribution(byDesignation),
        dccbDistribution: distribution(byDccb, dccbs),
        lastBackup: await lastBackupOf(context),
        timestamp: now,
      },
    }
  },
})

/** How much a backup of the workforce has to hold. */
export const getBackupStatistics = operation({
  name: 'attendance.backup-statistics',
  summary: 'Count what a backup holds',
  needs: 'attendance:report',
  readOnly: true,
  input: z.object({}),
  output: z.object({
    users: z.object({ total: count, active: count, admins: count, fieldOfficers: count }),
    attendance: z.object({ total: count, today: count, thisMonth: count }),
    leaves: z.object({ total: count, pending: count }),
  }),
  async run(context) {
    wakeKeeper(context)
    const { store, nowMs } = context
    const { date } = localTime(nowMs, (await policyOf(store)).timeZone)
    const month = date.slice(0, 7)
    const found = await tallyEmployees(store, ['role', 'isActive'])
    const ofRole = (role: string): number => sum(found.filter(({ values }) => values[0] === role))
    const [total, today, thisMonth, leaves, pending] = await Promise.all([
      store.count(Attendance, {}),
      store.count(Attendance, { index: 'byDate', where: { date } }),
      store.count(Attendance, { index: 'byDate', filter: between(`${month}-01`, `${month}-31`) }),
      store.count(Leave, {}),
      store.count(Leave, { index: 'byStatus', where: { status: 'pending' } }),
    ])
    return {
      output: {
        users: {
          total: sum(found),
          active: sum(found.filter(({ values }) => values[1] === true)),
          admins: ofRole('admin'),
          fieldOfficers: ofRole('field_officer'),
        },
        attendance: { total, today, thisMonth },
        leaves: { total: leaves, pending },
      },
    }
  },
})
