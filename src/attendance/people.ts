import { type Reach, reachOf } from '../access/scope.ts'
import { Employee, type EmployeeRow } from '../employee/entity.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import type { Filter, TenantStore } from '../storage/port.ts'

/** How somebody is named in rows, for good: by the employee ID, who has none by the username, a machine by its name. */
export async function nameOfActor({ actor, store }: Context): Promise<string> {
  const employee = actor.kind === 'user' && actor.id !== null ? await store.get(Employee, actor.id) : null
  return employee?.employeeId ?? actor.user?.username ?? actor.name
}

/** The field officer who is asking. Errors: `forbidden` for everyone else. */
export async function actingOfficer({ actor, store }: Context): Promise<EmployeeRow> {
  const employee = actor.kind === 'user' && actor.id !== null ? await store.get(Employee, actor.id) : null
  if (employee?.role !== 'field_officer' || employee.deletedAt !== null)
    throw new AppError('forbidden', 'forbidden', 'This is for field officers.')
  return employee
}

/** Employees by their user's id; whoever is none is absent. */
export async function employeesOf(store: TenantStore, userIds: Iterable<string>): Promise<Map<string, EmployeeRow>> {
  const ids = [...new Set(userIds)]
  const rows = ids.length === 0 ? [] : ((await store.read(ids.map((id) => ({ type: Employee, id })))) as (EmployeeRow | null)[])
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row.id, row] as const])))
}

/** Field officers that are not deleted, by employee ID. */
export const officers = (store: TenantStore, filter: readonly Filter[] = []): Promise<EmployeeRow[]> =>
  everyRow(store, Employee, {
    index: 'byRole',
    where: { role: 'field_officer' },
    filter: [{ field: 'deletedAt', op: 'eq', value: null }, ...filter],
  })

/** The MT and Support of a DC's dccb. */
export const teamOf = (store: TenantStore, dc: EmployeeRow): Promise<EmployeeRow[]> =>
  dc.dccb === null
    ? Promise.resolve([])
    : officers(store, [
        { field: 'dccb', op: 'eq', value: dc.dccb },
        { field: 'designation', op: 'in', value: ['MT', 'Support'] },
      ])

/** Whose attendance and leave one sees: those of one's scope, and as a DC those of one's team. */
export async function visiblePeople(context: Context): Promise<Reach> {
  const { actor, store } = context
  const reach = await reachOf(context)
  if (reach.everyone || actor.kind !== 'user' || actor.id === null) return reach
  const self = await store.get(Employee, actor.id)
  if (self?.designation !== 'DC' || self.deletedAt !== null) return reach
  return { everyone: false, ids: new Set([...reach.ids, ...(await teamOf(store, self)).map(({ id }) => id)]) }
}
