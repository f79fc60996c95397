import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { User } from '../user/entity.ts'
import { readNewEmployee } from './input.ts'
import { assertEmployeePassword, employeeConflicts, holderOf, invalidEmployee, planEmployees } from './plan.ts'
import { employeeView, viewsOf } from './view.ts'

/** Makes an employee: a user, and what belongs to the workforce beside it, in one commit. Errors: `employee_id_invalid`, `validation_failed`, `weak_password`, `employee_id_taken`, `employee_deleted`, `contact_taken`, `email_taken`. */
export const createEmployee = operation({
  name: 'employee.create',
  summary: 'Create an employee',
  needs: 'employee:manage',
  input: z.looseObject({ employeeId: z.unknown() }),
  output: employeeView,
  conflicts: employeeConflicts,
  async run(context, given) {
    const read = readNewEmployee(given, await policyOf(context.store))
    if ('errors' in read) throw invalidEmployee(read.errors)
    const { employee } = read
    await assertEmployeePassword(context, employee)
    const taken = await holderOf(context.store, employee)
    if (taken !== null) throw taken
    const passwordHash = await context.once('hash', () => context.services.hasher.hash(employee.password))
    const { people, changes } = await planEmployees(context, [{ employee, passwordHash }])
    const [view] = await viewsOf(context.store, people)
    const id = people[0]?.user.id ?? ''
    return { output: view as NonNullable<typeof view>, changes, entity: { type: User.name, id } }
  },
})
