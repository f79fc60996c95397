import { z } from 'zod'
import { check, create, insert, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import type { TenantStore } from '../storage/port.ts'
import { credentialOf } from '../user/credential.ts'
import { Credential, User } from '../user/entity.ts'
import { password } from '../user/input.ts'
import { planPassword } from '../user/password.ts'
import { assertMayGrant } from '../user/plan.ts'
import { PasswordReset } from './entity.ts'
import { countNetworkFailure, tokenMisses, withinNetwork } from './network-throttle.ts'
import { digestToken, randomToken } from './tokens.ts'

const resetMs = 24 * 60 * 60 * 1000

/** Gives out a single-use token with which a user sets a new password; an invited user's first one too. It lives 24 hours. */
export const createPasswordReset = operation({
  name: 'password-reset.create',
  summary: 'Make a password reset token for a user',
  needs: 'user:set-password',
  input: z.strictObject({ id: z.string() }),
  output: z.object({ token: z.string(), expiresAt: z.iso.datetime({ precision: 3 }) }),
  async run(context, { id }) {
    const found = await userWithCredential(context.store, id)
    if (found === null) throw notFound()
    const { user, credential } = found
    assertMayGrant(context.actor.role, user.role)
    const token = await context.once('token', async () => randomToken('hfw_'))
    const expiresAt = toTime(context.realMs + resetMs)
    const row = create(
      PasswordReset,
      digestToken(token),
      { userId: id, passwordChangedAt: credential.passwordChangedAt, expiresAt },
      context.now,
    )
    return { output: { token, expiresAt }, changes: [insert(PasswordReset, row)], entity: { type: User.name, id } }
  },
})

/** Sets the password that a reset token allows, once, and ends every session of that user. Errors: `not_found` for an unknown, used or expired token; `token_misses`; `weak_password`. */
export const redeemPasswordReset = operation({
  name: 'password-reset.redeem',
  summary: 'Set a new password with a reset token',
  needs: 'public',
  elsewhere: true,
  input: z.strictObject({ token: z.string().min(1).max(200), newPassword: password }),
  output: z.null(),
  async run(context, { token, newPassword }): Promise<Outcome<null>> {
    const found = await usable(context, token)
    if (found === null) return withinNetwork(context, tokenMisses, () => miss(context))
    const { reset, user, credential, store } = found
    const renewed = await planPassword({ ...context, store }, user, newPassword, { credential })
    const changes = [remove(PasswordReset, reset), check(User, user), ...renewed]
    return {
      output: null,
      changes,
      store,
      actor: { id: user.id, kind: 'user', name: user.username },
      entity: { type: User.name, id: user.id },
    }
  },
})

type Person = { user: Entity<typeof User>; credential: Entity<typeof Credential> }
type Usable = Person & { reset: Entity<typeof PasswordReset>; store: TenantStore }

/** Whoever is active. */
async function userWithCredential(store: TenantStore, id: string): Promise<Person | null> {
  const [user, stored] = (await store.read([
    { type: User, id },
    { type: Credential, id },
  ])) as [Person['user'] | null, Person['credential'] | null]
  return user?.isActive ? { user, credential: credentialOf(user, stored) } : null
}

async function usable({ runtime, realMs }: Context, token: string): Promise<Usable | null> {
  const [found] = await runtime.storage.platform().lookup(PasswordReset, 'byId', [digestToken(token)], 1)
  if (found === undefined || Date.parse(found.row.expiresAt) <= realMs) return null
  const store = runtime.storage.tenant(found.tenantId)
  const person = await userWithCredential(store, found.row.userId)
  return person?.credential.passwordChangedAt === found.row.passwordChangedAt ? { reset: found.row, store, ...person } : null
}

async function miss(context: Context): Promise<never> {
  await context.once('miss', () => countNetworkFailure(context, tokenMisses))
  throw new AppError('not_found', 'not_found', 'This reset token is wrong, was used before or has expired. Ask for a new one.')
}
