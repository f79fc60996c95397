import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { Session, Throttle } from '../session/entity.ts'
import { StaffMember } from '../session/staff.ts'
import { accountThrottleId, failed, heldForMs, tooManyAttempts, unchanged } from '../session/throttle.ts'
import { Credential, User } from './entity.ts'
import { password } from './input.ts'
import { assertGoodPassword, assertMayGrant, type UserRow } from './plan.ts'

/** A new password as changes: the hash, the end of every other session, and no more "must change". `keep` is the session that stays. */
export async function planPassword(context: Context, user: UserRow, newPassword: string, keep: string | null): Promise<Change[]> {
  const { store, now, services } = context
  await assertGoodPassword(context, newPassword, user)
  const credential = await store.get(Credential, user.id)
  if (credential === null) throw notFound()
  const passwordHash = await context.once('hash', () => services.hasher.hash(newPassword))
  const entity = entityOf(context)
  const changedAt = toTime(context.realMs)
  const next = patched(entity, user, { sessionEpoch: user.sessionEpoch + 1, mustChangePassword: false }, now)
  const session = keep === null ? null : await store.get(Session, keep)
  return [
    update(entity, user, next),
    update(Credential, credential, patched(Credential, credential, { passwordHash, passwordChangedAt: changedAt }, now)),
    ...(session === null ? [] : [update(Session, session, patched(Session, session, { epoch: next.sessionEpoch }, now))]),
  ]
}

/** Staff have passwords too; their rows share the fields that matter here. */
const entityOf = (context: Context): typeof User => (context.store.tenantId === 'platform' ? (StaffMember as unknown as typeof User) : User)

/**
 * Sets a password. One's own needs `currentPassword`, whose failures count as failed sign-ins; another's needs the right to.
 * Errors: `wrong_password`, `weak_password`, `throttled`, `not_found`, `forbidden`.
 */
export const changePassword = operation({
  name: 'user.password',
  summary: 'Set a password',
  needs: 'password:change',
  always: true,
  input: z.strictObject({ id: z.string(), newPassword: password, currentPassword: password.nullish() }),
  output: z.null(),
  async run(context, { id, newPassword, currentPassword }): Promise<Outcome<null>> {
    const { actor, store } = context
    if (actor.kind === 'user' || actor.kind === 'platform') {
      if (id === actor.id) return changeOwn(context, newPassword, currentPassword ?? null)
    }
    if (actor.mustChangePassword) throw new AppError('forbidden', 'password_change_required', 'Change your password first.')
    const isAllowed = actor.role === 'owner' || actor.role === 'admin' || actor.role === 'platform_admin'
    const user = await store.get(User, id)
    if (user === null) throw notFound()
    if (!isAllowed) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
    assertMayGrant(actor.role, user.role)
    return { output: null, changes: await planPassword(context, user, newPassword, null), entity: { type: User.name, id } }
  },
})

async function changeOwn(context: Context, newPassword: string, currentPassword: string | null): Promise<Outcome<null>> {
  const { actor, store, services } = context
  const user = await store.get(entityOf(context), actor.id ?? '')
  const credential = user === null ? null : await store.get(Credential, user.id)
  if (user === null || credential === null) throw notFound()
  const throttleId = accountThrottleId(store.tenantId, user.id)
  const throttle = await store.get(Throttle, throttleId)
  const held = heldForMs(throttle, context.realMs)
  if (held > 0) throw tooManyAttempts(held)
  const stored = credential.passwordHash
  const isRight =
    currentPassword !== null && stored !== null && (await context.once('verify', () => services.hasher.verify(stored, currentPassword)))
  const entity = { type: entityOf(context).name, id: user.id }
  if (!isRight) {
    const refuse = new AppError('forbidden', 'wrong_password', 'The current password is wrong.', {
      errors: [{ field: 'currentPassword', message: 'is wrong' }],
    })
    if (currentPassword === null) throw refuse
    return { refuse, changes: [failed(throttleId, throttle, context.realMs)], action: 'session.fail', entity }
  }
  const changes = [...(await planPassword(context, user, newPassword, actor.sessionId)), unchanged(throttleId, throttle)]
  return { output: null, changes, entity }
}
