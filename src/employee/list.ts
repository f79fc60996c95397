import { z } from 'zod'
import { fold } from '../kernel/entity.ts'
import { operation } from '../kernel/operation.ts'
import type { Filter, TenantStore } from '../storage/port.ts'
import { Employee, type EmployeeRow } from './entity.ts'
import { personOf } from './find.ts'
import { employeeView, peopleOf, viewOfPerson, viewsOf } from './view.ts'

export const pageSize = 25

const input = z.object({
  search: z.string().max(200).optional(),
  dccb: z.string().max(100).optional(),
  designation: z.string().max(100).optional(),
  status: z.enum(['active', 'inactive', '']).optional(),
  role: z.enum(['admin', 'field_officer', 'all', '']).optional(),
  page: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
    .optional(),
})

/** Employees by their id, page by page; field officers unless `role` says otherwise. Deleted ones are in no list. */
export const listEmployees = operation({
  name: 'employee.list',
  summary: 'List employees',
  needs: 'employee:read',
  readOnly: true,
  input,
  output: z.object({ count: z.int(), page: z.int(), pages: z.int(), items: z.array(employeeView) }),
  async run({ store }, given) {
    const page = Number(given.page ?? 1)
    const filter = filtersOf(given)
    const roles = given.role === 'all' ? (['admin', 'field_officer'] as const) : [given.role || 'field_officer']
    const selection = { index: 'byRole', where: { role: roles }, filter }
    const count = await store.count(Employee, selection)
    const pages = Math.ceil(count / pageSize)
    const rows = page > pages ? [] : await sliceOf(store, selection, (page - 1) * pageSize)
    return { output: { count, page, pages, items: await viewsOf(store, await peopleOf(store, rows)) } }
  },
})

function filtersOf({ search, dccb, designation, status }: z.output<typeof input>): Filter[] {
  const filters: Filter[] = [{ field: 'deletedAt', op: 'eq', value: null }]
  const text = search?.trim()
  if (text) filters.push({ field: 'searchText', op: 'contains', value: fold(text) })
  if (dccb) filters.push({ field: 'dccb', op: 'eq', value: dccb })
  if (designation) filters.push({ field: 'designation', op: 'eq', value: designation })
  if (status) filters.push({ field: 'isActive', op: 'eq', value: status === 'active' })
  return filters
}

/** One page of a selection that is ordered by employee id, `from` rows after its beginning. */
async function sliceOf(store: TenantStore, selection: object, from: number): Promise<EmployeeRow[]> {
  const rows: EmployeeRow[] = []
  for (let cursor: string | null = null, at = 0; ; ) {
    const page: { items: EmployeeRow[]; nextCursor: string | null } = await store.list(Employee, { ...selection, cursor, limit: 200 })
    rows.push(...page.items.slice(Math.max(0, from - at), from + pageSize - at))
    at += page.items.length
    if (rows.length >= pageSize || page.nextCursor === null) return rows.slice(0, pageSize)
    cursor = page.nextCursor
  }
}

/** One employee. Errors: `not_found`. */
export const getEmployee = operation({
  name: 'employee.get',
  summary: 'Read an employee',
  needs: 'employee:read',
  readOnly: true,
  input: z.object({ employeeId: z.string() }),
  output: employeeView,
  async run({ store }, { employeeId }) {
    return { output: await viewOfPerson(store, await personOf(store, employeeId)) }
  },
})
