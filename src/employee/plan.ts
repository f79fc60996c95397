import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError, type FieldError } from '../kernel/errors.ts'
import type { Taken } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { zonedTime } from '../policy/time.ts'
import type { TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import { assertGoodPassword, assertMayGrant, userRows } from '../user/plan.ts'
import { Employee } from './entity.ts'
import { badId, type NewEmployee } from './input.ts'
import { type Links, linksOf } from './link.ts'
import { employeeDeleted } from './mirror.ts'
import { canonicalRole } from './rules.ts'
import type { Person } from './view.ts'

const idTaken = 'Employee ID already exists'
const contactTaken = 'Contact number already exists'
const emailTaken = 'Email already exists'

/** Refusals of the keys that commits of employees are guarded by. */
export const employeeConflicts: Readonly<Record<string, Taken>> = {
  'employee.employeeId': ['employee_id_taken', idTaken, 'employeeId'],
  'employee.contact': ['contact_taken', contactTaken, 'contactNumber'],
  'user.username': ['username_taken', idTaken, 'employeeId'],
  'user.email': ['email_taken', emailTaken, 'email'],
}

const alreadyHeld = (code: string, message: string, field: string): AppError =>
  new AppError('conflict', code, message, { errors: [{ field, message }] })

type Wanted = { employeeId?: string; contactNumber?: string | null; email?: string | null }

/** Who holds what someone wants, if it is somebody else: the first refusal, or null. */
export async function holderOf(
  store: TenantStore,
  { employeeId, contactNumber, email }: Wanted,
  selfId: string | null = null,
): Promise<AppError | null> {
  if (employeeId !== undefined) {
    const holder = await store.find(Employee, 'employeeId', [employeeId])
    if (holder !== null) return holder.deletedAt === null ? alreadyHeld('employee_id_taken', idTaken, 'employeeId') : employeeDeleted()
    if ((await store.find(User, 'username', [fold(employeeId)])) !== null) return alreadyHeld('employee_id_taken', idTaken, 'employeeId')
  }
  const contact = contactNumber == null ? null : await store.find(Employee, 'contact', [contactNumber])
  if (contact !== null && contact.id !== selfId) return alreadyHeld('contact_taken', contactTaken, 'contactNumber')
  const mail = email == null ? null : await store.find(User, 'email', [fold(email)])
  return mail !== null && mail.id !== selfId ? alreadyHeld('email_taken', emailTaken, 'email') : null
}

/** The refusal of fields that are not valid. */
export function invalidEmployee(errors: FieldError[]): AppError {
  const [first] = errors
  if (first?.field === 'employeeId' && first.message === badId)
    return new AppError('unprocessable', 'employee_id_invalid', badId, { errors })
  return new AppError('unprocessable', 'validation_failed', `${first?.field}: ${first?.message}`, { errors })
}

/** Errors: `weak_password`. */
export function assertEmployeePassword(context: Context, { password, employeeId, firstName, lastName, email }: NewEmployee): Promise<void> {
  return assertGoodPassword(context, password, { username: employeeId, fullName: fullNameOf(firstName, lastName), email })
}

export const fullNameOf = (firstName: string, lastName: string): string => `${firstName} ${lastName}`.trim()

type Hashed = { employee: NewEmployee; passwordHash: string | null }

/** New employees as changes for one commit, in their order, with their managers and those who waited for one of them. Errors: `role_not_grantable`. */
export async function planEmployees(context: Context, newcomers: readonly Hashed[]): Promise<{ people: Person[]; changes: Change[] }> {
  const { store, now, nowMs, newId, actor } = context
  const { timeZone } = await policyOf(store)
  const first = await store.next(User.name, newcomers.length)
  const dateJoined = zonedTime(nowMs, timeZone)
  const rows = newcomers.map(({ employee: { password: _password, mustChangePassword: _must, ...written } }, at) => {
    assertMayGrant(actor.role, canonicalRole[written.role])
    return create(
      Employee,
      newId(),
      {
        ...written,
        number: first + at,
        dateJoined,
        legacyUsername: null,
        lastLogin: null,
        isActive: true,
        deletedAt: null,
        wasActive: null,
      },
      now,
    )
  })
  const links = await linksOf(
    store,
    rows.map((employee) => ({ employee, managerId: null })),
  )
  const people: Person[] = []
  const changes: Change[] = []
  for (const [at, employee] of rows.entries()) {
    const given = newcomers[at] as Hashed
    const made = userRows(
      { newId: () => employee.id, now },
      {
        number: employee.number,
        username: employee.employeeId,
        email: employee.email,
        fullName: fullNameOf(employee.firstName, employee.lastName),
        role: canonicalRole[employee.role],
        managerId: links.managers.get(employee.id) ?? null,
        isActive: true,
        legacyId: null,
        passwordHash: given.passwordHash,
        mustChangePassword: given.employee.mustChangePassword,
        createdAt: now,
      },
    )
    changes.push(...made.changes, insert(Employee, employee))
    people.push({ employee, user: made.user, credential: made.credential })
  }
  return { people, changes: [...changes, ...linkChanges(links, now)] }
}

/** Managers who were there are pinned, and whoever waited gets theirs. */
export const linkChanges = ({ waiting, pinned }: Links, now: string): Change[] => [
  ...pinned.map((user) => check(User, user)),
  ...waiting.map(({ user, managerId }) => update(User, user, patched(User, user, { managerId }, now))),
]
