import { notFound } from '../kernel/errors.ts'
import type { TenantStore } from '../storage/port.ts'
import { Employee } from './entity.ts'
import { asEmployeeId } from './rules.ts'
import { type Person, peopleOf } from './view.ts'

/** The person with this employee id. Errors: `not_found`, for a deleted one too unless `deleted` asks for those. */
export async function personOf(store: TenantStore, employeeId: string, { deleted = false } = {}): Promise<Person> {
  const employee = await store.find(Employee, 'employeeId', [asEmployeeId(employeeId)])
  if (employee === null || (employee.deletedAt !== null) !== deleted) throw notFound()
  const [person] = await peopleOf(store, [employee])
  if (person === undefined) throw notFound()
  return person
}
