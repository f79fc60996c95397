import { z } from 'zod'
import { type Change, check, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { planUserUpdate } from '../user/plan-update.ts'
import { Employee, type EmployeeRow } from './entity.ts'
import { personOf } from './find.ts'
import { linksOf } from './link.ts'
import { employeeConflicts } from './plan.ts'
import { employeeView, type Person, viewOfPerson } from './view.ts'

const input = z.object({ employeeId: z.string() })
const named = z.object({ employeeId: z.string() })
const shared = { needs: 'employee:manage', input, output: named, conflicts: employeeConflicts } as const

/** A change of both rows of a person, and the end of every session where they may not come in any more. */
async function planActivity(
  context: Context,
  before: Person,
  patch: Partial<EmployeeRow> & { isActive: boolean },
): Promise<{ person: Person; changes: Change[] }> {
  const employee = patched(Employee, before.employee, patch, context.now)
  const { user, changes } = await planUserUpdate(context, before.user, { isActive: patch.isActive })
  // nothing of the user may change (an inactive one is deleted): then it is pinned
  const pin = changes.length === 0 ? [check(User, before.user)] : []
  return { person: { ...before, employee, user }, changes: [...changes, ...pin, update(Employee, before.employee, employee)] }
}

/**
 * Another active administrator of the workforce, pinned: of two who remove each other at once one finds the other changed, and is refused.
 * Errors: `employee_protected`, `removes_self`, `last_admin`.
 */
async function guardRemoval({ actor, store }: Context, { employee, user }: Person): Promise<Change[]> {
  if (employee.isDemoUser) throw new AppError('forbidden', 'employee_protected', 'Demo users cannot be removed')
  if (actor.id === user.id) throw new AppError('conflict', 'removes_self', 'You cannot remove yourself')
  if (employee.role !== 'admin' || !employee.isActive) return []
  const { items } = await store.list(Employee, {
    index: 'byRole',
    where: { role: 'admin' },
    filter: [{ field: 'isActive', op: 'eq', value: true }],
    limit: 2,
  })
  const other = items.find(({ id }) => id !== employee.id)
  if (other === undefined) throw new AppError('conflict', 'last_admin', 'The last active admin cannot be removed')
  return [check(Employee, other)]
}

/** Deactivates an employee and ends every session. Errors: `employee_inactive`, and those of `guardRemoval`. */
export const deactivateEmployee = operation({
  ...shared,
  name: 'employee.deactivate',
  summary: 'Deactivate an employee',
  async run(context, { employeeId }) {
    const before = await personOf(context.store, employeeId)
    if (!before.user.isActive) throw new AppError('conflict', 'employee_inactive', 'Employee already inactive')
    const guards = await guardRemoval(context, before)
    const { changes } = await planActivity(context, before, { isActive: false })
    return { output: before.employee, changes: [...guards, ...changes], entity: { type: User.name, id: before.user.id } }
  },
})

/** Lets an employee in again. Errors: `employee_active`. */
export const activateEmployee = operation({
  ...shared,
  name: 'employee.activate',
  summary: 'Activate an employee',
  async run(context, { employeeId }) {
    const before = await personOf(context.store, employeeId)
    if (before.user.isActive) throw new AppError('conflict', 'employee_active', 'Employee already active')
    const { changes } = await planActivity(context, before, { isActive: true })
    return { output: before.employee, changes, entity: { type: User.name, id: before.user.id } }
  },
})

/** Deletes an employee: nobody signs in, lists or counts them any more; rows and history stay, and the id stays taken. Errors: those of `guardRemoval`. */
export const removeEmployee = operation({
  ...shared,
  name: 'employee.remove',
  summary: 'Delete an employee',
  async run(context, { employeeId }) {
    const before = await personOf(context.store, employeeId)
    const guards = await guardRemoval(context, before)
    const { changes } = await planActivity(context, before, { isActive: false, deletedAt: context.now, wasActive: before.user.isActive })
    return { output: before.employee, changes: [...guards, ...changes], entity: { type: User.name, id: before.user.id } }
  },
})

/** Brings a deleted employee back: the same user, with password and history. Errors: `not_found` for one who is not deleted. */
export const restoreEmployee = operation({
  ...shared,
  name: 'employee.restore',
  summary: 'Bring a deleted employee back',
  output: employeeView,
  async run(context, { employeeId }) {
    const before = await personOf(context.store, employeeId, { deleted: true })
    const { person, changes } = await planRevival(context, before)
    return { output: await viewOfPerson(context.store, person), changes, entity: { type: User.name, id: person.user.id } }
  },
})

/** A deleted person as they were, and whoever waited for them linked to them. */
export async function planRevival(context: Context, before: Person): Promise<{ person: Person; changes: Change[] }> {
  const { store, now } = context
  const isActive = before.employee.wasActive ?? true
  const employee = patched(Employee, before.employee, { isActive, deletedAt: null, wasActive: null }, now)
  const links = await linksOf(store, [{ employee, managerId: before.user.managerId }])
  const managerId = links.managers.get(employee.id) ?? null
  const { user, changes } = await planUserUpdate(context, before.user, { isActive, managerId })
  const pin = changes.length === 0 ? [check(User, before.user)] : []
  const pinned = new Set(changes.flatMap((change) => (change.op === 'check' ? [change.id] : [])))
  const waiting = links.waiting.filter(({ user: { id } }) => !pinned.has(id))
  return {
    person: { ...before, employee, user },
    changes: [
      ...changes,
      ...pin,
      update(Employee, before.employee, employee),
      ...waiting.map((one) => update(User, one.user, patched(User, one.user, { managerId: one.managerId }, now))),
    ],
  }
}
