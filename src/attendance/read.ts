import { z } from 'zod'
import { Employee, type EmployeeRow } from '../employee/entity.ts'
import { asEmployeeId, isDate } from '../employee/rules.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { policyOf } from '../policy/policy.ts'
import { localTime } from '../policy/time.ts'
import type { Filter, Query, TenantStore } from '../storage/port.ts'
import { Attendance, type AttendanceStatus, attendanceStatuses } from './entity.ts'
import { employeesOf, visiblePeople } from './people.ts'
import { attendanceView, viewOf, viewsOf } from './view.ts'

/** A real date. */
export const date = z.string().refine(isDate, 'must be a date, YYYY-MM-DD')
export const status = z.enum(attendanceStatuses)

export const between = (from: string | undefined, to: string | undefined): Filter[] => [
  ...(from === undefined ? [] : [{ field: 'date', op: 'gte' as const, value: from }]),
  ...(to === undefined ? [] : [{ field: 'date', op: 'lte' as const, value: to }]),
]

/** Which rows a list is about. */
export const wanted = { employeeId: z.string().max(100).optional(), from: date.optional(), to: date.optional(), status: status.optional() }
export type Wanted = z.output<z.ZodObject<typeof wanted>>

/** The rows that a context sees, narrowed, by date, or by person and date for who does not see everyone's. Null when there can be none. */
export async function selectionOf(context: Context, { employeeId, from, to, status: only }: Wanted): Promise<Query | null> {
  const filter: Filter[] = [...between(from, to), ...(only === undefined ? [] : [{ field: 'status', op: 'eq' as const, value: only }])]
  const reach = await visiblePeople(context)
  if (employeeId === undefined)
    return reach.everyone ? { index: 'byDate', filter } : { index: 'byPerson', where: { userId: [...reach.ids] }, filter }
  const employee = await context.store.find(Employee, 'employeeId', [asEmployeeId(employeeId)])
  if (employee === null || !(reach.everyone || reach.ids.has(employee.id))) return null
  return { index: 'byPerson', where: { userId: employee.id }, filter }
}

/** Attendance within one's reach. */
export const listAttendance = operation({
  name: 'attendance.list',
  summary: 'List attendance',
  needs: 'attendance:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, ...wanted }),
  output: pageOf(attendanceView),
  async run(context, { limit, cursor, ...given }) {
    const selection = await selectionOf(context, given)
    if (selection === null) return { output: { items: [], nextCursor: null } }
    const page = await context.store.list(Attendance, { ...selection, limit: limit ?? 50, cursor: cursor ?? null })
    return { output: { items: await viewsOf(context.store, page.items), nextCursor: page.nextCursor } }
  },
})

const records = z.array(attendanceView)
const newest = 30

/** One's own newest days, at most thirty. */
export const getOwnHistory = operation({
  name: 'attendance.own-history',
  summary: 'Read my newest days',
  needs: 'attendance:own',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ records }),
  async run({ store, actor }) {
    const where = { userId: actor.id ?? '' }
    const { items } = await store.list(Attendance, { index: 'byPerson', where, order: 'desc', limit: newest })
    return { output: { records: await viewsOf(store, items) } }
  },
})

/** One's own days of this month, counted. `totalMarked` are those with another status than `auto_not_marked`. */
export const getOwnSummary = operation({
  name: 'attendance.own-summary',
  summary: 'Count my days of this month',
  needs: 'attendance:own',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ present: z.int(), absent: z.int(), halfDay: z.int(), totalMarked: z.int() }),
  async run({ store, actor, nowMs }) {
    const { timeZone } = await policyOf(store)
    const month = localTime(nowMs, timeZone).date.slice(0, 7)
    const filter = between(`${month}-01`, `${month}-31`)
    const found = await store.tally(Attendance, { index: 'byPerson', where: { userId: actor.id ?? '' }, filter }, ['status'])
    const of = (wantedStatus: AttendanceStatus): number => found.find(({ values }) => values[0] === wantedStatus)?.count ?? 0
    const [present, absent, halfDay] = [of('present'), of('absent'), of('half_day')]
    return { output: { present, absent, halfDay, totalMarked: present + absent + halfDay } }
  },
})

/** The date that was asked for, or today where it is none. */
export async function dayOf({ store, nowMs }: Context, given: string | undefined): Promise<string> {
  return given !== undefined && isDate(given) ? given : localTime(nowMs, (await policyOf(store)).timeZone).date
}

/** Every row of a date with its employee, by employee ID. */
export async function rowsOfDay(store: TenantStore, day: string, filter: readonly Filter[] = []) {
  const rows = await everyRow(store, Attendance, { index: 'byDate', where: { date: day }, filter })
  const people = await employeesOf(
    store,
    rows.map(({ userId }) => userId),
  )
  const found = rows.map((row) => ({ row, employee: people.get(row.userId) ?? null }))
  return found.sort((a, b) => ((a.employee?.employeeId ?? '') < (b.employee?.employeeId ?? '') ? -1 : 1))
}

/** Everyone's row of one date, deleted employees' too. A date that is none means today. */
export const listDay = operation({
  name: 'attendance.day',
  summary: "List a day's attendance",
  needs: 'attendance:report',
  readOnly: true,
  input: z.object({ date: z.string().optional(), dccb: z.string().optional(), status: z.string().optional() }),
  output: z.object({ date: z.string(), records }),
  async run(context, { date: given, dccb, status: only }) {
    const day = await dayOf(context, given)
    const filter: Filter[] = only ? [{ field: 'status', op: 'eq', value: only }] : []
    const found = (await rowsOfDay(context.store, day, filter)).filter(({ employee }) => !dccb || isOfDccb(employee, dccb))
    return { output: { date: day, records: found.map(({ row, employee }) => viewOf(row, employee)) } }
  },
})

const isOfDccb = (employee: EmployeeRow | null, dccb: string): boolean => employee?.dccb?.toUpperCase() === dccb.trim().toUpperCase()

/** An employee's days, newest first; those of deleted employees too. Errors: `not_found`, `date_invalid`. */
export const getHistory = operation({
  name: 'attendance.history',
  summary: "Read an employee's days",
  needs: 'attendance:report',
  readOnly: true,
  input: z.object({ employeeId: z.string(), fromDate: z.string().optional(), toDate: z.string().optional() }),
  output: z.object({ employeeId: z.string(), records }),
  async run({ store }, { employeeId, fromDate, toDate }) {
    const employee = await store.find(Employee, 'employeeId', [asEmployeeId(employeeId)])
    if (employee === null) throw notFound()
    const [from, to] = [fromDate, toDate].map((text) => (text ? assertDate(text) : undefined))
    const rows = await everyRow(store, Attendance, {
      index: 'byPerson',
      where: { userId: employee.id },
      filter: between(from, to),
      order: 'desc',
    })
    return { output: { employeeId: employee.employeeId, records: rows.map((row) => viewOf(row, employee)) } }
  },
})

/** Errors: `date_invalid`. */
export function assertDate(text: unknown): string {
  if (typeof text === 'string' && isDate(text)) return text
  throw new AppError('unprocessable', 'date_invalid', 'Invalid date format')
}
