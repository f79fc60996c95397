import { type Change, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { User } from '../user/entity.ts'
import { Employee } from './entity.ts'
import { employeeRole } from './rules.ts'

type UserRow = Entity<typeof User>

/**
 * What a change of a user changes on the employee's row beside it. Errors: `employee_username`, an employee's username is the employee ID; `employee_deleted`, who was deleted comes back by a
 * restore alone.
 */
export async function mirrorOf({ store, now }: Context, before: UserRow, user: UserRow): Promise<Change[]> {
  const isSame =
    user.username === before.username && user.role === before.role && user.email === before.email && user.isActive === before.isActive
  const employee = isSame ? null : await store.get(Employee, user.id)
  if (employee === null) return []
  if (user.username !== before.username)
    throw new AppError('conflict', 'employee_username', "An employee's username is the employee ID and stays.", {
      errors: [{ field: 'username', message: 'is the employee ID and stays' }],
    })
  if (user.isActive && employee.deletedAt !== null) throw employeeDeleted()
  const after = patched(Employee, employee, { role: employeeRole(user.role), email: user.email, isActive: user.isActive }, now)
  return [update(Employee, employee, after)]
}

export const employeeDeleted = () => new AppError('conflict', 'employee_deleted', 'Employee ID belongs to a deleted employee')
