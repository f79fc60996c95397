import { z } from 'zod'
import { type Change, check, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { User } from '../user/entity.ts'
import { planUserUpdate } from '../user/plan-update.ts'
import { Employee, type EmployeeRow } from './entity.ts'
import { personOf } from './find.ts'
import { readEmployeePatch } from './input.ts'
import { linksOf } from './link.ts'
import { employeeConflicts, fullNameOf, holderOf, invalidEmployee } from './plan.ts'
import { employeeView, type Person, viewOfPerson } from './view.ts'

/** Changes what people write of an employee. Errors: `validation_failed` (also for an unknown field and for none at all), `contact_taken`, `email_taken`. */
export const updateEmployee = operation({
  name: 'employee.update',
  summary: 'Change an employee',
  needs: 'employee:manage',
  input: z.object({ employeeId: z.string(), fields: z.record(z.string(), z.unknown()) }),
  output: employeeView,
  conflicts: employeeConflicts,
  async run(context, { employeeId, fields }) {
    const before = await personOf(context.store, employeeId)
    if (Object.keys(fields).length === 0) throw invalidEmployee([{ field: 'body', message: 'must name at least one field' }])
    const read = readEmployeePatch(fields, before.employee, await policyOf(context.store))
    if ('errors' in read) throw invalidEmployee(read.errors)
    const taken = await holderOf(
      context.store,
      { contactNumber: read.patch.contactNumber ?? null, email: read.patch.email ?? null },
      before.user.id,
    )
    if (taken !== null) throw taken
    const { person, changes } = await planPersonUpdate(context, before, read.patch)
    return { output: await viewOfPerson(context.store, person), changes, entity: { type: User.name, id: person.user.id } }
  },
})

/**
 * A change of an employee on both rows. A new name may be the one that somebody waited for, a new manager's name is looked up. `renews`: the user gets a new version even where nothing of it changes, for
 * interfaces that show both rows as one.
 */
export async function planPersonUpdate(
  context: Context,
  before: Person,
  patch: Partial<EmployeeRow>,
  { renews = false } = {},
): Promise<{ person: Person; changes: Change[] }> {
  const { store, now } = context
  const employee = patched(Employee, before.employee, patch, now)
  const isRelinked = employee.reportingFold !== before.employee.reportingFold
  const isRenamed = employee.nameFold !== before.employee.nameFold
  const managerId = isRelinked ? null : before.user.managerId
  const links = isRelinked || isRenamed ? await linksOf(store, [{ employee, managerId }]) : null
  const planned = await planUserUpdate(context, before.user, {
    ...(isRenamed ? { fullName: fullNameOf(employee.firstName, employee.lastName) } : {}),
    ...(employee.email === before.employee.email ? {} : { email: employee.email }),
    ...(isRelinked ? { managerId: links?.managers.get(employee.id) ?? null } : {}),
  })
  const named = new Set(
    planned.changes.flatMap((change) =>
      change.entity === User && 'row' in change ? [change.row.id] : change.op === 'check' ? [change.id] : [],
    ),
  )
  const waiting = links?.waiting ?? []
  const isSame = !named.has(before.user.id)
  const user = isSame && renews ? patched(User, before.user, {}, now) : planned.user
  return {
    person: { ...before, employee, user },
    changes: [
      // pins the user when nothing of it changes, so that a deactivation meanwhile is not overlooked
      ...(isSame ? [renews ? update(User, before.user, user) : check(User, before.user)] : []),
      ...planned.changes,
      update(Employee, before.employee, employee),
      ...waiting
        .filter(({ user }) => !named.has(user.id))
        .map(({ user, managerId: above }) => update(User, user, patched(User, user, { managerId: above }, now))),
    ],
  }
}
