import { z } from 'zod'
import { scopeOf } from '../access/permissions.ts'
import type { Change } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { policyOf } from '../policy/policy.ts'
import type { TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { Employee, type EmployeeRow } from './entity.ts'
import { readEmployeePatch, readNewEmployee } from './input.ts'
import { assertEmployeePassword, holderOf, invalidEmployee, planEmployees } from './plan.ts'
import { isEmployeeId } from './rules.ts'
import { planPersonUpdate } from './update.ts'

/** What our own interface shows of a user who is an employee, beside the user's own fields. Other users have none of it. */
const shownFields = Employee.public.pick({
  employeeId: true,
  firstName: true,
  lastName: true,
  contactNumber: true,
  designation: true,
  dccb: true,
  multipleDccb: true,
  department: true,
  reportingManager: true,
  dateOfJoining: true,
  officeLocation: true,
  officeAddress: true,
  attendanceRadius: true,
  isStaff: true,
  isSuperuser: true,
  isDemoUser: true,
  dateJoined: true,
  lastLogin: true,
  deletedAt: true,
})

/** A user on our own interface, with what an employee has besides. */
export const userView = User.public.extend(shownFields.partial().shape)

/** What may be written of an employee there; each field is checked by the rules of employees. */
const written = z.unknown().optional()
export const employeePatchFields = {
  firstName: written,
  lastName: written,
  contactNumber: written,
  designation: written,
  dccb: written,
  multipleDccb: written,
  department: written,
  reportingManager: written,
  officeLocation: written,
  officeAddress: written,
  attendanceRadius: written,
}
export const newEmployeeFields = { ...employeePatchFields, employeeId: written, dateOfJoining: written }

type Named = { id: string; username: string }
type Beside = Partial<Omit<EmployeeRow, keyof UserRow>>

/** Users with what they have as employees. Where nobody is one, the very same list. */
export async function withEmployees<T extends Named>(store: TenantStore, users: readonly T[]): Promise<readonly (T & Beside)[]> {
  const ids = users.filter(({ username }) => isEmployeeId(username)).map(({ id }) => id)
  if (ids.length === 0) return users
  const rows = (await store.read(ids.map((id) => ({ type: Employee, id })))) as (EmployeeRow | null)[]
  const byId = new Map(rows.flatMap((row) => (row === null ? [] : [[row.id, row] as const])))
  return users.map((user) => ({ ...byId.get(user.id), ...user }) as T & Beside)
}

export async function withEmployee<T extends Named>(store: TenantStore, user: T): Promise<T & Beside> {
  const [shown] = await withEmployees(store, [user])
  return shown ?? user
}

type Given = Readonly<Record<string, unknown>>

/** Whether a body names anything of an employee. */
export const namesEmployee = (given: Given): boolean => Object.keys(newEmployeeFields).some((field) => given[field] !== undefined)

const refused = (field: string, message: string) => invalidEmployee([{ field, message }])

/** A new user who is an employee. Without a password one who is invited. Errors: `forbidden`, and those of `createEmployee`. */
export async function planNewEmployee(context: Context, given: Given): Promise<{ user: UserRow & Beside; changes: Change[] }> {
  const { actor, store, services, origin } = context
  if (actor.role === null || scopeOf(actor.role, 'employee:manage', origin.surface) === null)
    throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  for (const field of ['username', 'fullName', 'role', 'managerId'])
    if (given[field] !== undefined && given[field] !== null) throw refused(field, 'follows from what else is said of an employee')
  const isInvited = given.password === undefined || given.password === null
  const read = readNewEmployee(isInvited ? { ...given, password: 'invited: nobody reads this' } : given, await policyOf(store))
  if ('errors' in read) throw invalidEmployee(read.errors)
  const { employee } = read
  if (!isInvited) await assertEmployeePassword(context, employee)
  const taken = await holderOf(store, employee)
  if (taken !== null) throw taken
  const passwordHash = isInvited ? null : await context.once('hash', () => services.hasher.hash(employee.password))
  const { people, changes } = await planEmployees(context, [{ employee, passwordHash }])
  const [person] = people
  if (person === undefined) throw new Error('one employee was planned')
  return { user: { ...person.employee, ...person.user }, changes }
}

/** A change of what an employee has beside the user, and of the mail address. Everything else is a request of its own. Errors: `validation_failed`, `contact_taken`, `email_taken`. */
export async function planEmployeeChange(
  context: Context,
  user: UserRow,
  given: Given,
): Promise<{ user: UserRow & Beside; changes: Change[] }> {
  const { store } = context
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const employee = await store.get(Employee, user.id)
  const first = Object.keys(fields).find((field) => field in employeePatchFields) ?? ''
  if (employee === null || employee.deletedAt !== null) throw refused(first, 'is a field of employees, and this user is none')
  const other = Object.keys(fields).find((field) => !(field in employeePatchFields) && field !== 'email')
  if (other !== undefined) throw refused(other, 'cannot change together with the fields of an employee: send it by itself')
  const read = readEmployeePatch(fields, employee, await policyOf(store))
  if ('errors' in read) throw invalidEmployee(read.errors)
  const taken = await holderOf(store, { contactNumber: read.patch.contactNumber ?? null, email: read.patch.email ?? null }, user.id)
  if (taken !== null) throw taken
  const { person, changes } = await planPersonUpdate(context, { employee, user, credential: null }, read.patch, { renews: true })
  return { user: { ...person.employee, ...person.user }, changes }
}
