import { z } from 'zod'
import { type Change, check, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { tell } from '../metrics/series.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { firstOfDay } from '../user/active-day.ts'
import { Credential, User } from '../user/entity.ts'
import { type Attempt, endSeries, foreseeAttempt, takeAttempt } from './attempt.ts'
import { Throttle } from './entity.ts'
import type { Candidate } from './find-login.ts'
import { countNetworkFailure, signInFailures, withinNetwork } from './network-throttle.ts'
import { openSession, type SessionTokens, sessionTokens } from './open-session.ts'
import { checkSecondFactor } from './second-factor.ts'
import { accountThrottleId, cleared, failed, freeFailures, heldForMs, tooManyAttempts } from './throttle.ts'
import { whence } from './whence.ts'

export const invalidCredentials = () => new AppError('unauthenticated', 'invalid_credentials', 'The login or the password is wrong.')

const longestLogin = 320

const input = z.strictObject({
  login: z.string().min(1).max(longestLogin),
  // verified as it is stored, and imported ones may have any length: the body's limit is the bound
  password: z.string().min(1),
  tenant: z.string().min(1).max(200).nullish(),
  /** A TOTP or recovery code, where a second factor is set up. */
  code: z.string().min(1).max(64).nullish(),
})

/** For clients that hear of every wrong login the same, after the same work: too long a one is cut to one that is still too long to be anybody's. */
export const asLogin = (text: string): string => text.slice(0, longestLogin).toWellFormed()

/** For the same clients: a tenant that is no text, or too long a one, is a text that names no tenant. */
export const anyTenant = z
  .unknown()
  .transform((given) => (given == null ? null : typeof given === 'string' && given.length <= 200 ? given : '(none)'))
  .optional()

/** Surfaces on which an account that must change its password is refused at sign-in, because their clients cannot change it there. */
const refusedWhileMustChange = new Set(['vantagepoint'])

/** Attempts of one account that may wait for their turn; the rest is told to come again. */
const waiting = 100

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
    const { id, row } = (await foreseeAttempt(context, login, tenant ?? null)).series
    return { key: `sign-in ${id}`, width: Math.max(1, freeFailures - (row?.failures ?? 0)), waiting }
  },
  run: (context, given) => withinNetwork(context, signInFailures, () => signIn(context, given)),
})

async function signIn(context: Context, { login, password, tenant, code }: z.output<typeof input>): Promise<Outcome<SessionTokens>> {
  const attempt = await takeAttempt(context, login, tenant ?? null)
  const { candidate, credential, store, series } = attempt
  const held = heldForMs(series.row, context.runtime.clock.realMs())
  if (held > 0) {
    await context.once('network', () => countNetworkFailure(context, signInFailures))
    throw tooManyAttempts(held)
  }
  const isRight = await isPassword(context, attempt, password)
  const nowMs = context.runtime.clock.realMs()
  const entity = candidate === null ? { type: Throttle.name, id: series.id } : { type: candidate.entity.name, id: candidate.row.id }
  const failure = { refuse: invalidCredentials(), store, action: 'session.fail', entity, detail: whence(context) }
  if (!isRight || candidate === null || credential === null) {
    await context.once('network', () => countNetworkFailure(context, signInFailures))
    return { ...failure, changes: [failed(series.id, series.row, nowMs)] }
  }
  const factorId = accountThrottleId(store.tenantId, `second factor of ${candidate.row.id}`)
  const factorThrottle = credential.totpSecret === null ? null : await store.get(Throttle, factorId)
  const factorHeld = heldForMs(factorThrottle, nowMs)
  if (factorHeld > 0) throw tooManyAttempts(factorHeld)
  const factor = checkSecondFactor(context, store.tenantId, credential, code ?? null)
  if (factor?.refused === 'missing')
    throw new AppError('unauthenticated', 'second_factor_required', 'Send the code of your second factor too.')
  if (factor?.refused === 'wrong') {
    await context.once('network', () => countNetworkFailure(context, signInFailures))
    return { ...failure, changes: [failed(factorId, factorThrottle, nowMs)] }
  }
  const { row } = candidate
  const actor = { id: row.id, kind: candidate.entity === User ? 'user' : 'platform', name: row.username } as const
  const denied = denialOf(context, attempt)
  if (denied !== null)
    return { refuse: denied, store, actor, action: 'access.denied', detail: { operation: 'session.create', code: denied.code } }

  const active = firstOfDay(store, credential, { realMs: nowMs, now: context.now, timeZone: attempt.timeZone })
  const opened = await openSession(context, { tenantId: store.tenantId, user: row, credential })
  const changes: Change[] = [
    ...opened.changes,
    pinned(candidate),
    ...endSeries(series),
    ...(factorThrottle === null ? [] : [cleared(factorId, factorThrottle)]),
    await credentialAfter(context, credential, password, { ...active.patch, ...factor?.patch }),
    ...active.changes,
  ]
  const after = () => tell('holdfast_user_logins_total', store.tenantId, { role: row.role })
  return { output: opened.tokens, changes, store, actor, entity: { type: 'session', id: opened.sessionId }, after }
}

/** The stored form belongs to the name: a password that changes while a lost race is run again is asked anew. A refusal takes as long as the dearest stored form that is in use. */
function isPassword(context: Context, { candidate, credential }: Attempt, password: string): Promise<boolean> {
  const { hasher } = context.services
  const { isGone } = context.origin
  const stored = candidate?.row.isActive ? (credential?.passwordHash ?? null) : null
  return context.once(`verify ${stored}`, async () => {
    const startedMs = performance.now()
    const isRight = stored === null ? await hasher.burn(isGone).then(() => false) : await hasher.verify(stored, password, isGone)
    const early = startedMs + hasher.dearestMs() - performance.now()
    if (!isRight && early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    return isRight
  })
}

/** Why someone who has proved who they are may still not come in, or null. */
function denialOf({ nowMs, origin }: Context, { candidate, credential, tenant }: Attempt): AppError | null {
  const isUser = candidate?.entity === User
  if (isUser && tenant === null) return new AppError('forbidden', 'tenant_inactive', 'Tenant is inactive')
  const licence = isUser && tenant !== null ? licenceProblem(tenant, nowMs) : null
  if (licence !== null) return licence
  const mustChange = credential?.mustChangePassword === true && refusedWhileMustChange.has(origin.surface)
  return mustChange ? new AppError('forbidden', 'password_change_required', 'Change your password first.') : null
}

/** Pins the person as read, so that a deactivation meanwhile wins. */
const pinned = ({ entity, row }: Candidate): Change => ({ op: 'check', entity, id: row.id, expect: row.version })

/** Replaces a weaker stored form by plain argon2id, and remembers a used code and the day; else only pins the row, so that a password changed meanwhile wins. */
async function credentialAfter(
  context: Context,
  credential: Entity<typeof Credential>,
  password: string,
  more: Partial<Entity<typeof Credential>>,
): Promise<Change> {
  const { hasher } = context.services
  const isWeak = credential.passwordHash !== null && hasher.needsRehash(credential.passwordHash)
  const patch = isWeak ? { ...more, passwordHash: await context.once('rehash', () => hasher.hash(password)) } : more
  if (Object.keys(patch).length === 0) return check(Credential, credential)
  return update(Credential, credential, patched(Credential, credential, patch, context.now))
}
