import type { Change } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { type Credential, User } from '../user/entity.ts'
import { Throttle } from './entity.ts'
import { countNetworkFailure, signInFailures } from './network-throttle.ts'
import { StaffMember } from './staff.ts'
import { accountThrottleId, failed, heldForMs, tooManyAttempts, unchanged } from './throttle.ts'
import { type Whence, whence } from './whence.ts'

type Refused = { refuse: AppError; changes: Change[]; action: string; entity: { type: string; id: string }; detail: Whence }
export type Proof = { isRight: true; guards: Change[] } | { isRight: false; refused: Refused }

/**
 * Whether someone who is signed in knows their own password. A wrong one counts as a failed sign-in of the account and the network. What holds further tries is a series of its own, so
 * that strangers who fail at the sign-in do not keep the owner from changing the password. Errors: `throttled`; the refusal is `wrong_password`.
 */
export async function proveOwnPassword(
  context: Context,
  credential: Entity<typeof Credential>,
  password: string,
  field: string,
): Promise<Proof> {
  const { actor, store, runtime, services } = context
  const id = accountThrottleId(store.tenantId, `own password of ${credential.id}`)
  const series = await store.get(Throttle, id)
  const held = heldForMs(series, runtime.clock.realMs())
  if (held > 0) throw tooManyAttempts(held)
  const stored = credential.passwordHash
  const isRight = stored !== null && (await context.once(`verify ${stored}`, () => services.hasher.verify(stored, password)))
  if (isRight) return { isRight, guards: [unchanged(id, series)] }
  await context.once('network', () => countNetworkFailure(context, signInFailures))
  const nowMs = runtime.clock.realMs()
  const accountId = accountThrottleId(store.tenantId, credential.id)
  const account = await store.get(Throttle, accountId)
  return {
    isRight,
    refused: {
      refuse: new AppError('forbidden', 'wrong_password', 'The current password is wrong.', { errors: [{ field, message: 'is wrong' }] }),
      changes: [failed(id, series, nowMs), failed(accountId, account, nowMs)],
      action: 'session.fail',
      entity: { type: (actor.kind === 'platform' ? StaffMember : User).name, id: credential.id },
      detail: whence(context),
    },
  }
}
