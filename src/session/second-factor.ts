import { z } from 'zod'
import { patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { Credential, User } from '../user/entity.ts'
import { issuer } from './key-ring.ts'
import { createRecoveryCodes, findRecoveryCode } from './recovery-codes.ts'
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
    return { output: { secret, uri: totpUri({ secret, account: context.actor.name, issuer }) }, changes, entity: subject(credential) }
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
      entity: subject(credential),
    }
  },
})

/** Removes the second factor, with the password or one of its own codes as proof. Errors: `wrong_code`, `wrong_password`. */
export const removeSecondFactor = operation({
  name: 'second-factor.remove',
  summary: 'Remove the second factor',
  needs: 'second-factor:manage',
  input: z.strictObject({ password: z.string().min(1).max(4096) }),
  output: z.null(),
  async run(context, { password }) {
    const credential = await ownCredential(context)
    const stored = credential.passwordHash
    const isRight = stored !== null && (await context.once('verify', () => context.services.hasher.verify(stored, password)))
    if (!isRight) throw new AppError('forbidden', 'wrong_password', 'The current password is wrong.')
    if (credential.totpSecret === null && credential.totpPending === null) return { output: null }
    const patch = { totpSecret: null, totpPending: null, totpLastStep: null, recoveryDigests: [] }
    return {
      output: null,
      changes: [update(Credential, credential, patched(Credential, credential, patch, context.now))],
      entity: subject(credential),
    }
  },
})

const wrongCode = () =>
  new AppError('unprocessable', 'wrong_code', 'The code is wrong or was used before.', {
    errors: [{ field: 'code', message: 'is wrong or was used before' }],
  })

async function ownCredential(context: Context): Promise<CredentialRow> {
  const credential = context.actor.id === null ? null : await context.store.get(Credential, context.actor.id)
  if (credential === null) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  return credential
}

const subject = (credential: CredentialRow) => ({ type: User.name, id: credential.id })
const sealedAt = (tenant: string, id: string, field: string) => ({ tenant, entity: Credential.name, id, field })
