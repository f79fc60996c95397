import { z } from 'zod'
import { type Change, check, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { type Entity, fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { Tenant } from '../tenant/entity.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { Credential, User } from '../user/entity.ts'
import { isKnownDevice } from './device.ts'
import { Throttle } from './entity.ts'
import { type Candidate, findLogin } from './find-login.ts'
import { openSession, type SessionTokens, sessionTokens } from './open-session.ts'
import { checkSecondFactor } from './second-factor.ts'
import {
  accountThrottleId,
  assertNetworkFree,
  cleared,
  countNetworkFailure,
  failed,
  freeFailures,
  heldForMs,
  tooManyAttempts,
  unchanged,
} from './throttle.ts'

export const invalidCredentials = () => new AppError('unauthenticated', 'invalid_credentials', 'The login or the password is wrong.')

const input = z.strictObject({
  login: z.string().min(1).max(320),
  password: z.string().min(1).max(4096),
  tenant: z.string().min(1).max(200).nullish(),
  /** A TOTP or recovery code, where a second factor is set up. */
  code: z.string().min(1).max(64).nullish(),
})

/** Surfaces on which an account that must change its password is refused at sign-in, because their clients cannot change it there. */
const refusedWhileMustChange = new Set(['vantagepoint'])

type Attempt = { candidate: Candidate | null; credential: Entity<typeof Credential> | null; throttleId: string; storeTenant: string }

/**
 * Signs someone in. Unknown, wrong, disabled, invited and ambiguous answer alike and take the same work. Of one account only as many attempts run at once as it has free failures left, so that
 * parallel guesses win nothing. Errors: `invalid_credentials`, `throttled`, `network_throttled`, `second_factor_required`, `tenant_inactive`, `tenant_expired`, `password_change_required`, `busy`.
 */
export const createSession = operation({
  name: 'session.create',
  summary: 'Sign in',
  needs: 'public',
  input,
  output: sessionTokens,
  async serial(context, { login, tenant }) {
    const { throttleId, storeTenant } = await attemptOf(context, login, tenant ?? null)
    const row = await context.runtime.storage.tenant(storeTenant).get(Throttle, throttleId)
    return { key: `sign-in ${throttleId}`, width: Math.max(1, freeFailures - (row?.failures ?? 0)) }
  },
  async run(context, { login, password, tenant, code }): Promise<Outcome<SessionTokens>> {
    const platform = context.runtime.storage.platform()
    await assertNetworkFree(context, platform)
    const attempt = await attemptOf(context, login, tenant ?? null)
    const { candidate, credential, throttleId, storeTenant } = attempt
    const store = context.runtime.storage.tenant(storeTenant)
    const throttle = await store.get(Throttle, throttleId)
    const held = heldForMs(throttle, context.runtime.clock.realMs())
    if (held > 0 && !isKnown(context, attempt)) {
      await context.once('network', () => countNetworkFailure(context, platform))
      throw tooManyAttempts(held)
    }
    const stored = credential?.passwordHash ?? null
    const { hasher } = context.services
    const isRight = await context.once('verify', async () =>
      stored === null ? hasher.burn().then(() => false) : hasher.verify(stored, password),
    )
    const nowMs = context.runtime.clock.realMs()
    const entity = candidate === null ? { type: Throttle.name, id: throttleId } : { type: candidate.entity.name, id: candidate.row.id }
    const failure = { refuse: invalidCredentials(), store, action: 'session.fail', entity }
    if (!isRight || candidate === null || credential === null) {
      await context.once('network', () => countNetworkFailure(context, platform))
      return { ...failure, changes: [failed(throttleId, throttle, nowMs)] }
    }
    const factorId = accountThrottleId(storeTenant, `second factor of ${candidate.row.id}`)
    const factorThrottle = credential.totpSecret === null ? null : await store.get(Throttle, factorId)
    if (heldForMs(factorThrottle, nowMs) > 0) throw tooManyAttempts(heldForMs(factorThrottle, nowMs))
    const factor = checkSecondFactor(context, storeTenant, credential, code ?? null)
    if (factor?.refused === 'missing')
      throw new AppError('unauthenticated', 'second_factor_required', 'Send the code of your second factor too.')
    if (factor?.refused === 'wrong') {
      await context.once('network', () => countNetworkFailure(context, platform))
      return { ...failure, changes: [failed(factorId, factorThrottle, nowMs)] }
    }
    const { row } = candidate
    const actor = { id: row.id, kind: candidate.entity === User ? 'user' : 'platform', name: row.username } as const
    const licence = candidate.entity === User ? await licenceOf(context, storeTenant) : null
    const mustChange = row.mustChangePassword && refusedWhileMustChange.has(context.origin.surface)
    const denied = licence ?? (mustChange ? new AppError('forbidden', 'password_change_required', 'Change your password first.') : null)
    if (denied !== null)
      return { refuse: denied, store, actor, action: 'access.denied', detail: { operation: 'session.create', code: denied.code } }

    const opened = await openSession(context, { tenantId: storeTenant, user: row, passwordChangedAt: credential.passwordChangedAt })
    const changes: Change[] = [
      ...opened.changes,
      candidate.entity === User
        ? check(User, row as Entity<typeof User>)
        : { op: 'check', entity: candidate.entity, id: row.id, expect: row.version },
      throttle === null ? unchanged(throttleId, null) : cleared(throttleId, throttle),
      ...(factorThrottle === null ? [] : [cleared(factorId, factorThrottle)]),
      await credentialAfter(context, credential, password, factor?.patch ?? {}),
    ]
    return { output: opened.tokens, changes, store, actor, entity: { type: 'session', id: opened.sessionId } }
  },
})

async function attemptOf(context: Context, login: string, tenant: string | null): Promise<Attempt> {
  const named = tenant ?? (context.origin.surface === 'vantagepoint' ? context.services.settings.vantagepointTenant : null)
  const candidate = await context.once('candidate', () => findLogin(context, login, named))
  if (candidate === null)
    return { candidate, credential: null, throttleId: accountThrottleId(named ?? '', fold(login)), storeTenant: 'platform' }
  const { tenantId, row, entity } = candidate
  const store = context.runtime.storage.tenant(tenantId)
  const [credential, fresh] = (await store.read([
    { type: Credential, id: row.id },
    { type: entity, id: row.id },
  ])) as [Entity<typeof Credential> | null, Candidate['row'] | null]
  return {
    candidate: fresh === null ? null : { ...candidate, row: fresh },
    credential,
    throttleId: accountThrottleId(tenantId, row.id),
    storeTenant: tenantId,
  }
}

function isKnown(context: Context, { candidate, credential, storeTenant }: Attempt): boolean {
  if (candidate === null || credential === null) return false
  const device = { tenantId: storeTenant, userId: candidate.row.id, passwordChangedAt: credential.passwordChangedAt }
  return isKnownDevice(context.services, context.origin.deviceToken, device, context.realMs)
}

async function licenceOf(context: Context, tenantId: string): Promise<AppError | null> {
  const tenant = await context.runtime.storage.tenant(tenantId).get(Tenant, tenantId)
  return tenant === null ? new AppError('forbidden', 'tenant_inactive', 'Tenant is inactive') : licenceProblem(tenant, context.nowMs)
}

/** Replaces a weaker stored form by plain argon2id, and remembers a used code; else only pins the row, so that a password changed meanwhile wins. */
async function credentialAfter(
  context: Context,
  credential: Entity<typeof Credential>,
  password: string,
  factor: Partial<Entity<typeof Credential>>,
): Promise<Change> {
  const { hasher } = context.services
  const isWeak = credential.passwordHash !== null && hasher.needsRehash(credential.passwordHash)
  const patch = isWeak ? { ...factor, passwordHash: await context.once('rehash', () => hasher.hash(password)) } : factor
  if (Object.keys(patch).length === 0) return check(Credential, credential)
  return update(Credential, credential, patched(Credential, credential, patch, context.now))
}
