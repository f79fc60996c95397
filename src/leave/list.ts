import { z } from 'zod'
import { visiblePeople } from '../attendance/people.ts'
import { Employee } from '../employee/entity.ts'
import { asEmployeeId } from '../employee/rules.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { type Page, pageInput, pageOf } from '../kernel/page.ts'
import type { Filter, Query, TenantStore } from '../storage/port.ts'
import { Leave, type LeaveRow, leaveStatuses } from './entity.ts'
import { leaveView, viewsOf } from './view.ts'

const status = z.enum(leaveStatuses)
/** Requests of a page where pages are numbered. */
export const pageSize = 25

/** Requests within one's reach, newest first. */
export const listLeave = operation({
  name: 'leave.list',
  summary: 'List leave',
  needs: 'attendance:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, employeeId: z.string().max(100).optional(), status: status.optional() }),
  output: pageOf(leaveView),
  async run(context, { limit, cursor, ...wanted }) {
    const selection = await selectionOf(context, wanted)
    if (selection === null) return { output: { items: [], nextCursor: null } }
    const page = await context.store.list(Leave, { ...selection, order: 'desc', limit: limit ?? 50, cursor: cursor ?? null })
    return { output: { items: await viewsOf(context.store, page.items), nextCursor: page.nextCursor } }
  },
})

type Wanted = { employeeId?: string | undefined; status?: (typeof leaveStatuses)[number] | undefined }

/** The requests that a context sees, narrowed; null when there can be none. */
export async function selectionOf(context: Context, { employeeId, status: only }: Wanted): Promise<Query | null> {
  const filter: Filter[] = only === undefined ? [] : [{ field: 'status', op: 'eq', value: only }]
  const reach = await visiblePeople(context)
  if (employeeId === undefined)
    return reach.everyone ? { index: 'byApplied', filter } : { index: 'byPerson', where: { userId: [...reach.ids] }, filter }
  const employee = await context.store.find(Employee, 'employeeId', [asEmployeeId(employeeId)])
  if (employee === null || !(reach.everyone || reach.ids.has(employee.id))) return null
  return { index: 'byPerson', where: { userId: employee.id }, filter }
}

/** One's own requests, newest first. */
export const listOwnLeave = operation({
  name: 'leave.own',
  summary: 'Read my leave',
  needs: 'attendance:own',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ items: z.array(leaveView) }),
  async run({ store, actor }) {
    const rows = await everyRow(store, Leave, { index: 'byPerson', where: { userId: actor.id ?? '' }, order: 'desc' })
    return { output: { items: await viewsOf(store, rows) } }
  },
})

/** A numbered page of everyone's requests, newest first. */
export const listLeavePage = operation({
  name: 'leave.pages',
  summary: 'List leave by pages',
  needs: 'attendance:report',
  readOnly: true,
  input: z.object({
    status: z.enum([...leaveStatuses, '']).optional(),
    page: z
      .string()
      .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
      .optional(),
  }),
  output: z.object({ count: z.int(), page: z.int(), pages: z.int(), items: z.array(leaveView) }),
  async run({ store }, { status: only, page: given }) {
    const page = Number(given ?? 1)
    const selection: Query = only ? { index: 'byStatus', where: { status: only } } : { index: 'byApplied' }
    const count = await store.count(Leave, selection)
    const pages = Math.ceil(count / pageSize)
    const rows = page > pages ? [] : await sliceOf(store, { ...selection, order: 'desc' }, (page - 1) * pageSize)
    return { output: { count, page, pages, items: await viewsOf(store, rows) } }
  },
})

async function sliceOf(store: TenantStore, query: Query, from: number): Promise<LeaveRow[]> {
  const rows: LeaveRow[] = []
  for (let cursor: string | null = null, at = 0; ; ) {
    const page: Page<LeaveRow> = await store.list(Leave, { ...query, cursor, limit: 200 })
    rows.push(...page.items.slice(Math.max(0, from - at), Math.max(0, from + pageSize - at)))
    at += page.items.length
    if (at >= from + pageSize || page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}
