import { type AnyRole, mayGrant, type Role } from '../access/permissions.ts'
import { add, type Change, check, create, insert } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Taken } from '../kernel/operation.ts'
import { type PasswordProblem, passwordProblem } from '../session/password-rules.ts'
import { Tenant } from '../tenant/entity.ts'
import { Credential, newCredential, newStatus, ownersCounter, User } from './entity.ts'

export type UserRow = Entity<typeof User>

/** Refusals of the keys and counters that user commits are guarded by. */
export const userConflicts: Readonly<Record<string, Taken>> = {
  'user.username': ['username_taken', 'This username is taken.', 'username'],
  'user.email': ['email_taken', 'This e-mail address is taken.', 'email'],
  'user.number': ['number_taken', 'This number is taken.', 'number'],
  [`counter.${ownersCounter}`]: ['last_owner', 'This is the last active owner; make someone else an owner first.'],
}

export type NewUser = {
  username: string
  fullName?: string | null | undefined
  email?: string | null | undefined
  role?: Role | undefined
  managerId?: string | null | undefined
  /** Absent = invited: exists, cannot sign in, costs no hash. */
  password?: string | null | undefined
  /** A hash made elsewhere, already checked (stored-password.ts). */
  passwordHash?: string | null
  mustChangePassword?: boolean
  number?: number
  isActive?: boolean
  legacyId?: string | null
  createdAt?: string
}

/** Everything that makes a user, ready for one commit: the rows, and the owners' count. Errors: `role_not_grantable`, `weak_password`, `manager_invalid`. */
export async function planUser(context: Context, input: NewUser): Promise<{ user: UserRow; changes: Change[] }> {
  const { store, now } = context
  const role = input.role ?? 'member'
  assertMayGrant(context.actor.role, role)
  const passwordHash = input.passwordHash ?? (await hashNew(context, input))
  const manager = await findManager(context, input.managerId ?? null)
  const { user, changes } = userRows(context, {
    number: input.number ?? (await store.next(User.name)),
    username: input.username,
    email: input.email || null,
    fullName: input.fullName || null,
    role,
    managerId: manager?.id ?? null,
    isActive: input.isActive ?? true,
    mustChangePassword: input.mustChangePassword ?? false,
    legacyId: input.legacyId ?? null,
    passwordHash,
    createdAt: input.createdAt ?? now,
  })
  if (manager !== null) changes.push(check(User, manager))
  if (role === 'owner' && user.isActive) changes.push(add(ownersCounter, 1, now))
  return { user, changes }
}

type UserFields = Pick<
  UserRow,
  'number' | 'username' | 'email' | 'fullName' | 'role' | 'managerId' | 'isActive' | 'legacyId' | 'createdAt'
> & { passwordHash: string | null; mustChangePassword: boolean }

/**
 * The rows that make a user: the user, and the credential where there is anything to say. Someone invited has none until there is a password (credential.ts): it would be a third of the
 * writer's work. Nothing is checked here, and an owner has still to be counted.
 */
export function userRows(
  { newId, now }: Pick<Context, 'newId' | 'now'>,
  { passwordHash, mustChangePassword, createdAt, ...fields }: UserFields,
): { user: UserRow; credential: Entity<typeof Credential> | null; changes: Change[] } {
  const user = create(User, newId(), { ...newStatus, ...fields }, createdAt)
  const isInvited = passwordHash === null && !mustChangePassword
  const credential = isInvited ? null : newCredential(user.id, { passwordHash, mustChangePassword, now })
  return { user, credential, changes: [insert(User, user), ...(credential === null ? [] : [insert(Credential, credential)])] }
}

export function assertMayGrant(giver: AnyRole | null, role: Role): void {
  if (giver !== null && mayGrant(giver, role)) return
  throw new AppError('forbidden', 'role_not_grantable', 'You may only give or take roles up to your own.', {
    errors: [{ field: 'role', message: 'is above your own' }],
  })
}

/** The manager row, or null for none. Errors: `manager_invalid` for an absent, foreign or inactive one. */
export async function findManager({ store }: Context, managerId: string | null): Promise<UserRow | null> {
  if (managerId === null) return null
  const manager = await store.get(User, managerId)
  if (manager?.isActive) return manager
  const message = 'is not an active user of this tenant'
  throw new AppError('unprocessable', 'manager_invalid', `managerId: ${message}`, { errors: [{ field: 'managerId', message }] })
}

async function hashNew(context: Context, input: NewUser): Promise<string | null> {
  const { password } = input
  if (password === undefined || password === null) return null
  await assertGoodPassword(context, password, { username: input.username, fullName: input.fullName ?? null, email: input.email ?? null })
  return context.once('hash', () => context.services.hasher.hash(password))
}

const problems: Record<PasswordProblem, (minLength: number) => string> = {
  length: (minLength) => `Choose a password of ${minLength} to 1024 characters.`,
  common: () => 'Choose a password that is not among the most common ones.',
  own: () => 'Choose a password that does not contain your username, name, e-mail or organisation.',
}

type PasswordOwner = { username: string; fullName: string | null; email: string | null }

/** SECURITY.md, password rules. `field` is what the caller's input calls the password. Errors: `weak_password`, whose first `errors[].message` is one of the three sentences above. */
export async function assertGoodPassword(
  context: Context,
  password: string,
  { field = 'password', ...owner }: PasswordOwner & { field?: string | undefined },
): Promise<void> {
  const { actor, store } = context
  const tenant = actor.tenantId === store.tenantId && actor.tenant !== undefined ? actor.tenant : await store.get(Tenant, store.tenantId)
  const own = [owner.username, owner.fullName, owner.email, tenant?.name, tenant?.key].filter((text) => typeof text === 'string')
  const minLength = minLengthIn(tenant)
  const problem = passwordProblem(password, { minLength, own })
  if (problem === null) return
  const message = problems[problem](minLength)
  throw new AppError('unprocessable', 'weak_password', message, { errors: [{ field, message }] })
}

/** Where the password is the only proof that a tenant asks for, it has to be longer. */
const minLengthIn = (tenant: { passwordOnly: boolean | null } | null): number => (tenant?.passwordOnly === true ? 15 : 12)

/** Which rule a `weak_password` broke, and how long a password has to be, for surfaces with words of their own. */
export function weakness({ message }: AppError): { rule: PasswordProblem; minLength: number } {
  const minLength = /^Choose a password of (\d+) to/.exec(message)?.[1]
  if (minLength !== undefined) return { rule: 'length', minLength: Number(minLength) }
  return { rule: message === problems.own(0) ? 'own' : 'common', minLength: 0 }
}
