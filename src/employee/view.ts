import { z } from 'zod'
import type { Entity } from '../kernel/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { Credential, User } from '../user/entity.ts'
import { Employee, type EmployeeRow, employeeRoles } from './entity.ts'
import { employeeRole } from './rules.ts'

const text = z.string().nullable()

/** An employee as people see one. Of a user who is none, all that belongs to employees is null. */
export const employeeView = z.object({
  employeeId: text,
  username: z.string(),
  firstName: text,
  lastName: text,
  contactNumber: text,
  email: text,
  role: z.enum(employeeRoles),
  designation: text,
  dccb: text,
  multipleDccb: z.array(z.string()).nullable(),
  reportingManager: text,
  managerEmployeeId: text,
  department: text,
  dateOfJoining: text,
  officeLocation: text,
  officeAddress: text,
  attendanceRadius: z.number().nullable(),
  isActive: z.boolean(),
  isStaff: z.boolean(),
  isSuperuser: z.boolean(),
  isDemoUser: z.boolean(),
  dateJoined: text,
  lastLogin: text,
  mustChangePassword: z.boolean(),
})
export type EmployeeView = z.output<typeof employeeView>

type UserRow = Entity<typeof User>
type CredentialRow = Entity<typeof Credential>

/** An employee with the rows beside it. */
export type Person = { employee: EmployeeRow; user: UserRow; credential: CredentialRow | null }

export function viewOf({ employee, user, credential }: Person, manager: EmployeeRow | null): EmployeeView {
  return {
    ...employee,
    username: user.username,
    email: user.email,
    role: employeeRole(user.role),
    isActive: user.isActive,
    managerEmployeeId: manager?.employeeId ?? null,
    mustChangePassword: credential?.mustChangePassword ?? false,
  }
}

/** The view of a user who is no employee. */
export function viewOfUser(user: UserRow, mustChangePassword: boolean): EmployeeView {
  return {
    employeeId: null,
    username: user.username,
    firstName: null,
    lastName: null,
    contactNumber: null,
    email: user.email,
    role: employeeRole(user.role),
    designation: null,
    dccb: null,
    multipleDccb: null,
    reportingManager: null,
    managerEmployeeId: null,
    department: null,
    dateOfJoining: null,
    officeLocation: null,
    officeAddress: null,
    attendanceRadius: null,
    isActive: user.isActive,
    isStaff: false,
    isSuperuser: false,
    isDemoUser: false,
    dateJoined: null,
    lastLogin: null,
    mustChangePassword,
  }
}

/** The rows beside employees, in one round trip. Whose user is missing is left out. */
export async function peopleOf(store: TenantStore, employees: readonly EmployeeRow[]): Promise<Person[]> {
  const rows = await store.read(
    employees.flatMap(({ id }) => [
      { type: User, id },
      { type: Credential, id },
    ]),
  )
  return employees.flatMap((employee, at) => {
    const user = rows[2 * at] as UserRow | null
    return user === null ? [] : [{ employee, user, credential: rows[2 * at + 1] as CredentialRow | null }]
  })
}

/** Views of people, their managers looked up once each. */
export async function viewsOf(store: TenantStore, people: readonly Person[]): Promise<EmployeeView[]> {
  const ids = [...new Set(people.flatMap(({ user }) => (user.managerId === null ? [] : [user.managerId])))]
  const managers = (await store.read(ids.map((id) => ({ type: Employee, id })))) as (EmployeeRow | null)[]
  const managerOf = new Map(ids.map((id, at) => [id, managers[at] ?? null]))
  return people.map((person) => viewOf(person, managerOf.get(person.user.managerId ?? '') ?? null))
}

/** The view of one person. */
export async function viewOfPerson(store: TenantStore, person: Person): Promise<EmployeeView> {
  const { managerId } = person.user
  return viewOf(person, managerId === null ? null : await store.get(Employee, managerId))
}
