import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { Credential, User } from '../user/entity.ts'
import { assertMayGrant } from '../user/plan.ts'
import { issuer } from './key-ring.ts'
import { proveOwnPassword } from './own-password.ts'
import { createRecoveryCodes, findRecoveryCode } from './recovery-codes.ts'
import { StaffMember } from './staff.ts'
import { createTotpSecret, totpUri, verifyTotp } from './totp.ts'

type CredentialRow = Entity<typeof Credential>

/** Null = none is set up. A used code is remembered by `patch`, in the commit of the sign-in. */
export type SecondFactor = { refused: 'missing' | 'wrong' | null; patch: Partial<CredentialRow> }

/** Checks a TOTP code (RFC 6238) or a recovery code, each good for one use. Errors of its own: none; the caller decides. */
export function checkSecondFactor(context: Context, tenant: string, credential: CredentialRow, code: string | null): SecondFactor | null {
  if (credential.totpSecret === null) return null
  if (code === null) return { refused: 'missing', patch: {} }
  const secret = context.services.sealer.open(credential.totpSecret, sealedAt(tenant, credential.id, 'totpSecret'))
  const step = verifyTotp(secret, code, context.realMs, credential.totpLastStep)
  if (step !== null) return { refused: null, patch: { totpLastStep: step } }
  const used = findRecoveryCode(credential.recoveryDigests, code)
  if (used < 0) return { refused: 'wrong', patch: {} }
  return { refused: null, patch: { recoveryDigests: credential.recoveryDigests.filter((_, index) => index !== used) } }
}

/** Starts the set-up of a second factor: a secret that counts only once a first code has confirmed it. Errors: `second_factor_exists`. */
export const startSecondFactor = operation({
  name: 'second-factor.start',
  summary: 'Start setting up a second factor (TOTP)',
  needs: 'second-factor:manage',
  input: z.strictObject({}),
  output: z.object({ secret: z.string(), uri: z.string() }),
  async run(context) {
    const credential = await ownCredential(context)
    if (credential.totpSecret !== null)
      throw new AppError('conflict', 'second_factor_exists', 'A second factor is set up already. Remove it first.')
    const secret = await context.once('secret', async () => createTotpSecret(context.random))
    const totpPending = context.services.sealer.seal(secret, sealedAt(context.store.tenantId, credential.id, 'totpPending'))
    const changes = [update(Credential, credential, patched(Credential, credential, { totpPending }, context.now))]
    return {
      output: { secret, uri: totpUri({ secret, account: context.actor.name, issuer }) },
      changes,
      entity: subject(context, credential),
    }
  },
})

/** Confirms the set-up with a first code and gives ten recovery codes, shown only here. Errors: `second_factor_not_started`, `wrong_code`. */
export const confirmSecondFactor = operation({
  name: 'second-factor.confirm',
  summary: 'Confirm the second factor with a first code',
  needs: 'second-factor:manage',
  input: z.strictObject({ code: z.string().min(1).max(64) }),
  output: z.object({ recoveryCodes: z.array(z.string()) }),
  async run(context, { code }) {
    const credential = await ownCredential(context)
    if (credential.totpPending === null)
      throw new AppError('conflict', 'second_factor_not_started', 'Start setting up the second factor first.')
    const secret = context.services.sealer.open(credential.totpPending, sealedAt(context.store.tenantId, credential.id, 'totpPending'))
    const step = verifyTotp(secret, code, context.realMs, null)
    if (step === null) throw wrongCode()
    const { codes, digests } = await context.once('codes', async () => createRecoveryCodes(context.random))
    const totpSecret = context.services.sealer.seal(secret, sealedAt(context.store.tenantId, credential.id, 'totpSecret'))
    const patch = { totpSecret, totpPending: null, totpLastStep: step, recoveryDigests: digests }
    return {
      output: { recoveryCodes: codes },
      changes: [update(Credential, credential, patched(Credential, credential, patch, context.now))],
      entity: subject(context, credential),
    }
  },
})

/** Removes one's own second factor, with the password as proof. Errors: `wrong_password`, `throttled`. */
export const removeSecondFactor = operation({
  name: 'second-factor.remove',
  summary: 'Remove the second factor',
  needs: 'second-factor:manage',
  input: z.strictObject({ password: z.string().min(1) }),
  output: z.null(),
  async run(context, { password }): Promise<Outcome<null>> {
    const credential = await ownCredential(context)
    const proof = await proveOwnPassword(context, credential, password, 'password')
    if (!proof.isRight) return proof.refused
    const changes = withoutFactor(context, credential)
    return changes.length === 0
      ? { output: null }
      : { output: null, changes: [...changes, ...proof.guards], entity: subject(context, credential) }
  },
})

/** Removes the second factor of someone who has lost it. Errors: `not_found`, `role_not_grantable`. */
export const resetSecondFactor = operation({
  name: 'second-factor.reset',
  summary: 'Remove the second factor of a user who has lost it',
  needs: 'user:set-password',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run(context, { id }) {
    const [user, credential] = (await context.store.read([
      { type: User, id },
      { type: Credential, id },
    ])) as [Entity<typeof User> | null, CredentialRow | null]
    if (user === null) throw notFound()
    assertMayGrant(context.actor.role, user.role)
    return { output: null, changes: credential === null ? [] : withoutFactor(context, credential), entity: { type: User.name, id } }
  },
})

/** Whether a second factor is set up, and how many recovery codes are left. */
export const getSecondFactor = operation({
  name: 'second-factor.get',
  summary: 'Whether my second factor is set up',
  needs: 'second-factor:manage',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ isActive: z.boolean(), recoveryCodesLeft: z.int() }),
  async run(context) {
    const { totpSecret, recoveryDigests } = await ownCredential(context)
    return { output: { isActive: totpSecret !== null, recoveryCodesLeft: recoveryDigests.length } }
  },
})

function withoutFactor({ now }: Context, credential: CredentialRow): Change[] {
  if (credential.totpSecret === null && credential.totpPending === null) return []
  const patch = { totpSecret: null, totpPending: null, totpLastStep: null, recoveryDigests: [] }
  return [update(Credential, credential, patched(Credential, credential, patch, now))]
}

const wrongCode = () =>
  new AppError('unprocessable', 'wrong_code', 'The code is wrong or was used before.', {
    errors: [{ field: 'code', message: 'is wrong or was used before' }],
  })

async function ownCredential(context: Context): Promise<CredentialRow> {
  const credential = context.actor.id === null ? null : await context.store.get(Credential, context.actor.id)
  if (credential === null) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  return credential
}

const subject = ({ actor }: Context, { id }: CredentialRow) => ({ type: (actor.kind === 'platform' ? StaffMember : User).name, id })
const sealedAt = (tenant: string, id: string, field: string) => ({ tenant, entity: Credential.name, id, field })
