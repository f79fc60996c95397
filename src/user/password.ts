import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { Session } from '../session/entity.ts'
import { proveOwnPassword } from '../session/own-password.ts'
import { StaffMember } from '../session/staff.ts'
import { platformTenant } from '../storage/port.ts'
import { credentialOf, renewedCredential } from './credential.ts'
import { Credential, User } from './entity.ts'
import { password } from './input.ts'
import { assertGoodPassword, assertMayGrant } from './plan.ts'

type Owner = { id: string; username: string; fullName: string | null; email: string | null }

/** A new password as a patch of the credential: the hash, the end of every session, and no more "must change". Errors: `weak_password`. */
export async function passwordPatch(context: Context, owner: Omit<Owner, 'id'> & { field?: string }, newPassword: string) {
  await assertGoodPassword(context, newPassword, owner)
  const passwordHash = await context.once('hash', () => context.services.hasher.hash(newPassword))
  return { passwordHash, passwordChangedAt: toTime(context.realMs), mustChangePassword: false }
}

type Renewal = {
  /** The session that stays. */
  keep?: string | null
  /** The credential as it was when the right to change it was proved; default: as it is now. */
  credential?: Entity<typeof Credential> | null
}

/** A new password, `newPassword` in every input, as changes. It ends every session but `keep`. Errors: `weak_password`. */
export async function planPassword(
  context: Context,
  owner: Owner,
  newPassword: string,
  { keep = null, credential: proved = null }: Renewal = {},
): Promise<Change[]> {
  const { store, now } = context
  const patch = await passwordPatch(context, { ...owner, field: 'newPassword' }, newPassword)
  const before = proved ?? credentialOf({ id: owner.id, createdAt: now }, await store.get(Credential, owner.id))
  const { credential, change } = renewedCredential(before, { ...patch, sessionEpoch: before.sessionEpoch + 1 }, now)
  const session = keep === null ? null : await store.get(Session, keep)
  return [
    change,
    ...(session === null ? [] : [update(Session, session, patched(Session, session, { epoch: credential.sessionEpoch }, now))]),
  ]
}

/**
 * Sets a password. One's own needs `currentPassword`, whose failures count as failed sign-ins; another's needs the right to.
 * Errors: `wrong_password`, `weak_password`, `throttled`, `not_found`, `forbidden`.
 */
export const changePassword = operation({
  name: 'user.password',
  summary: 'Set a password',
  needs: 'password:change',
  whileMustChange: true,
  input: z.strictObject({ id: z.string(), newPassword: password, currentPassword: z.string().nullish() }),
  output: z.null(),
  async run(context, { id, newPassword, currentPassword }): Promise<Outcome<null>> {
    const { actor, store } = context
    if (id === actor.id) return changeOwn(context, newPassword, currentPassword ?? null)
    if (actor.mustChangePassword) throw new AppError('forbidden', 'password_change_required', 'Change your password first.')
    const isAllowed = actor.role === 'owner' || actor.role === 'admin' || actor.role === 'platform_admin'
    if (!isAllowed) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
    const user = await store.get(User, id)
    if (user === null) throw notFound()
    assertMayGrant(actor.role, user.role)
    return { output: null, changes: await planPassword(context, user, newPassword), entity: { type: User.name, id } }
  },
})

async function changeOwn(context: Context, newPassword: string, currentPassword: string | null): Promise<Outcome<null>> {
  const { actor, store } = context
  if (currentPassword === null)
    throw new AppError('unprocessable', 'validation_failed', 'currentPassword: is required', {
      errors: [{ field: 'currentPassword', message: 'is required' }],
    })
  const id = actor.id ?? ''
  const credential = await store.get(Credential, id)
  const owner = await ownerOf(context, id)
  if (owner === null || credential === null) throw notFound()
  const proof = await proveOwnPassword(context, credential, currentPassword, 'currentPassword')
  if (!proof.isRight) return proof.refused
  const changes = [...(await planPassword(context, owner, newPassword, { keep: actor.sessionId, credential })), ...proof.guards]
  return { output: null, changes, entity: { type: entityOf(context).name, id } }
}

/** Staff have passwords too, but neither name nor address. */
async function ownerOf(context: Context, id: string): Promise<Owner | null> {
  if (entityOf(context) === User) return context.store.get(User, id)
  const staff = await context.store.get(StaffMember, id)
  return staff === null ? null : { ...staff, fullName: null, email: null }
}

const entityOf = ({ store }: Context) => (store.tenantId === platformTenant ? StaffMember : User)
