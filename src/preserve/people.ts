import { Employee, type EmployeeRow } from '../employee/entity.ts'
import { type Person, peopleOf } from '../employee/view.ts'
import { fold } from '../kernel/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import type { Tombstone } from './form.ts'

/** Everyone of a workforce, and who was deleted, as the rows are now. */
export type Roll = {
  /** In the order of creation; deleted ones are not among them. */
  people: Person[]
  deleted: EmployeeRow[]
  /** Employees whose user is not there. */
  lost: EmployeeRow[]
}

/** Reads everyone. Whether a user's row is there is asked of the table, not of rows that were read before: this is what finds out that one is missing. */
export async function rollOf(store: TenantStore): Promise<Roll> {
  const roll: Roll = { people: [], deleted: [], lost: [] }
  for (let cursor: string | null = null; ; ) {
    const page: { items: EmployeeRow[]; nextCursor: string | null } = await store.list(Employee, { index: 'byNumber', cursor, limit: 200 })
    const living = page.items.filter(({ deletedAt }) => deletedAt === null)
    roll.deleted.push(...page.items.filter(({ deletedAt }) => deletedAt !== null))
    const there = await usersThere(store, living)
    roll.lost.push(...living.filter(({ id }) => !there.has(id)))
    roll.people.push(
      ...(await peopleOf(
        store,
        living.filter(({ id }) => there.has(id)),
      )),
    )
    if (page.nextCursor === null) return roll
    cursor = page.nextCursor
  }
}

async function usersThere(store: TenantStore, employees: readonly EmployeeRow[]): Promise<Set<string>> {
  const users = await Promise.all(employees.map(({ employeeId }) => store.find(User, 'username', [fold(employeeId)])))
  return new Set(users.flatMap((user: UserRow | null) => (user === null ? [] : [user.id])))
}

export const tombstonesOf = ({ deleted }: Roll): Tombstone[] =>
  deleted.map(({ employeeId, deletedAt }) => ({ employee_id: employeeId, deleted_at: deletedAt ?? '' }))
