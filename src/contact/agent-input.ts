import { z } from 'zod'
import type { Role } from '../access/permissions.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { User } from '../user/entity.ts'
import { email } from '../user/input.ts'
import { assertGoodPassword, type UserRow } from '../user/plan.ts'
import { fieldError, limits, readNumber, readText } from './text-rules.ts'

/** The roles of a sales team: administrators, managers, and their agents. */
const teamRoles: readonly unknown[] = ['admin', 'manager', 'member'] satisfies Role[]

/** A user as it was sent; what is wrong with it is said in the order clients rely on. `manager` is a user's number. */
export const agentInput = z
  .object({
    username: z.unknown(),
    fullName: z.unknown(),
    role: z.unknown(),
    password: z.unknown(),
    manager: z.unknown(),
    email: z.unknown(),
    createdBy: z.unknown(),
  })
  .partial()
export type AgentInput = z.output<typeof agentInput>

/** Errors: `username_required`, `username_invalid`. */
export function readUsername(value: unknown): string {
  if (value === undefined || value === null || value === '') throw fieldError('username_required', 'username', 'is required')
  if (typeof value === 'string' && /^[A-Za-z0-9_.@-]{3,64}$/.test(value)) return value
  throw fieldError('username_invalid', 'username', 'must be 3 to 64 letters, digits or _ . @ -')
}

/** Errors: `role_invalid`, `agents_only`. */
export function readRole(value: unknown, { scope }: Context): 'admin' | 'manager' | 'member' {
  const role = value ?? 'member'
  if (!teamRoles.includes(role)) throw fieldError('role_invalid', 'role', 'must be admin, manager or agent')
  if (scope !== 'tenant' && role !== 'member') throw new AppError('forbidden', 'agents_only', 'Managers can only create agents.')
  return role as 'admin' | 'manager' | 'member'
}

/** A password that may be set. Errors: `password_required`, `weak_password`. */
export async function readPassword(
  context: Context,
  value: unknown,
  owner: { username: string; fullName: unknown; email: unknown },
): Promise<string> {
  if (value === undefined || value === null || value === '') throw fieldError('password_required', 'password', 'is required')
  const password = typeof value === 'string' ? value : ''
  const ownText = (text: unknown): string | null => (typeof text === 'string' ? text : null)
  await assertGoodPassword(context, password, { username: owner.username, fullName: ownText(owner.fullName), email: ownText(owner.email) })
  return password
}

/** Errors: those of `readText`, `email_invalid`. */
export function readEmail(value: unknown): string | null {
  const text = readText('email', value, limits.email)
  if (text === null || email.safeParse(text).success) return text
  throw fieldError('email_invalid', 'email', 'must look like name@example.org')
}

/** Without a name of their own, people are called by their username: `jane.doe` is Jane Doe. Errors: those of `readText`. */
export const readFullName = (value: unknown, username: string): string => readText('fullName', value, limits.name) ?? nameOf(username)

export function nameOf(username: string): string {
  const words = username.split(/[_.@-]/).filter((word) => word !== '')
  return words.length === 0 ? username : words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()).join(' ')
}

/** The manager of an agent, by number, or null for none. Errors: `manager_invalid`. */
export async function readManager({ store }: Context, value: unknown): Promise<UserRow | null> {
  if (value === undefined || value === null || value === '' || value === 0 || value === '0') return null
  const number = readNumber(value)
  const manager = number === null ? null : await store.find(User, 'number', [number])
  if (manager?.isActive && isManager(manager)) return manager
  throw fieldError('manager_invalid', 'managerId', 'is not an active manager of this tenant')
}

export const isManager = ({ role }: { role: Role }): boolean => role === 'manager' || role === 'supervisor'
