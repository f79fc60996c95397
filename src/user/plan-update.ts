import type { z } from 'zod'
import { mirrorOf } from '../employee/mirror.ts'
import { add, type Change, check, checkAbsent, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { credentialOf, renewedCredential } from './credential.ts'
import { Credential, ownersCounter, User } from './entity.ts'
import type { patchFields } from './input.ts'
import { passwordPatch } from './password.ts'
import { assertMayGrant, findManager, type UserRow } from './plan.ts'

export type UserPatch = z.output<z.ZodObject<typeof patchFields>>

/**
 * A change of a user as changes for one commit, with all its guards: roles one may give and take, an active manager without a cycle, the last owner, the end of sessions.
 * Errors: `role_not_grantable`, `manager_invalid`, `manager_cycle`, `weak_password`; `last_owner` and taken names come from the commit (`userConflicts`).
 */
export async function planUpdate(
  context: Context,
  before: UserRow,
  patch: UserPatch,
  newPassword: string | null = null,
): Promise<{ user: UserRow; changes: Change[] }> {
  const { user, changes } = await planUserUpdate(context, before, patch, newPassword)
  return { user, changes: [...changes, ...(await mirrorOf(context, before, user))] }
}

/** The same without the employee's row, which the caller writes. */
export async function planUserUpdate(
  context: Context,
  before: UserRow,
  patch: UserPatch,
  newPassword: string | null = null,
): Promise<{ user: UserRow; changes: Change[] }> {
  const { now } = context
  const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<UserRow>
  if (set.status !== undefined) Object.assign(set, activityOf(set.status))
  else if (set.isActive !== undefined) set.isSuspended = false
  for (const field of ['email', 'fullName'] as const) if (set[field] === '') set[field] = null
  // one's own row one may write without being able to give its role to others
  if (before.id !== context.actor.id) assertMayGrant(context.actor.role, before.role)
  if (set.role !== undefined && set.role !== before.role) assertMayGrant(context.actor.role, set.role)
  const guards = set.managerId == null || set.managerId === before.managerId ? [] : await guardManager(context, before, set.managerId)
  const after = patched(User, before, set, now)
  const change = update(User, before, after)
  const isSame = change.op === 'update' && change.fields.every((field) => field === 'version' || field === 'updatedAt')
  const user = isSame ? before : after
  const owned = Number(before.isActive && before.role === 'owner')
  const owns = Number(user.isActive && user.role === 'owner')
  const count = owns === owned ? [] : [add(ownersCounter, owns - owned, now, { min: 1 })]
  const ends = before.isActive && !user.isActive
  const renewal = ends || newPassword !== null ? await renewed(context, user, newPassword) : []
  return { user, changes: [...(isSame ? [] : [change, ...guards, ...count]), ...renewal] }
}

/** `isActive` is `status` = active; both in one request mean what `status` says (contracts/salesbrain.md section 8). */
const activityOf = (status: UserRow['status']) => ({ isActive: status === 'active', isSuspended: status === 'suspended' })

/** The end of every session, with a new password or without. */
async function renewed(context: Context, user: UserRow, newPassword: string | null): Promise<Change[]> {
  const stored = await context.store.get(Credential, user.id)
  // someone invited has no session to end
  if (stored === null && newPassword === null) return [checkAbsent(Credential, user.id)]
  const credential = credentialOf(user, stored)
  const patch = newPassword === null ? {} : await passwordPatch(context, user, newPassword)
  return [renewedCredential(credential, { ...patch, sessionEpoch: credential.sessionEpoch + 1 }, context.now).change]
}

/** Every row on the way up is pinned, so that two changes at once cannot close a circle. */
async function guardManager(context: Context, user: UserRow, managerId: string): Promise<Change[]> {
  const guards: Change[] = []
  const seen = new Set<string>()
  let above = await findManager(context, managerId)
  while (above !== null && !seen.has(above.id)) {
    if (above.id === user.id)
      throw new AppError('conflict', 'manager_cycle', 'This would make someone their own manager.', {
        errors: [{ field: 'managerId', message: 'would close a circle' }],
      })
    seen.add(above.id)
    guards.push(check(User, above))
    above = above.managerId === null ? null : await context.store.get(User, above.managerId)
  }
  return guards
}
