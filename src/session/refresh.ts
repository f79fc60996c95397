import { z } from 'zod'
import { type Change, check, create, insert, patched, remove, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { AttendancePolicy, type AttendancePolicyRow } from '../policy/entity.ts'
import { defaultPolicy, policyId } from '../policy/policy.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { firstOfDay } from '../user/active-day.ts'
import { Credential, User } from '../user/entity.ts'
import { deviceToken } from './device.ts'
import { RefreshToken, Session } from './entity.ts'
import { accessTokenOf, type SessionTokens, sessionMs, sessionTokens } from './open-session.ts'
import { StaffMember } from './staff.ts'
import { digestToken, randomToken } from './tokens.ts'

/** A reply that was lost may be asked for again this long, as long as its successor is unused. */
export const graceMs = 10_000

type Token = Entity<typeof RefreshToken>
type Live = {
  store: TenantStore
  session: Entity<typeof Session>
  user: Entity<typeof User>
  credential: Entity<typeof Credential>
  /** Why the tenant's people may not work now. */
  licence: AppError | null
  /** Where the tenant's days begin and end. */
  timeZone: string
}

const invalid = () => new AppError('unauthenticated', 'invalid_token', 'The token is not valid any more. Sign in again.')

/**
 * Rotates a refresh token. The predecessor gives the same successor for ten seconds while that one is unused; any other replay ends the session before the reply (RFC 9700, section 4.14.2).
 * Errors: `invalid_token`, `refresh_reused`, `tenant_inactive`, `tenant_expired`.
 */
export const refreshSession = operation({
  name: 'session.refresh',
  summary: 'Exchange a refresh token for new tokens',
  needs: 'public',
  input: z.strictObject({ refreshToken: z.string().min(1).max(200) }),
  output: sessionTokens,
  async run(context, { refreshToken }): Promise<Outcome<SessionTokens>> {
    const [found] = await context.runtime.storage.platform().lookup(RefreshToken, 'byId', [digestToken(refreshToken)], 1)
    const live = found === undefined ? null : await liveSession(context, context.runtime.storage.tenant(found.tenantId), found.row)
    if (found === undefined || live === null) throw invalid()
    const token = found.row
    const { store, user, licence } = live
    const actor = { id: user.id, kind: isStaff(store) ? 'platform' : 'user', name: user.username } as const
    if (licence !== null)
      return { refuse: licence, store, actor, action: 'access.denied', detail: { operation: 'session.refresh', code: licence.code } }
    const about = { store, actor, entity: { type: Session.name, id: live.session.id } }
    if (token.usedAt !== null) {
      const again = await lostReply(context, live, token)
      if (again !== null) return { output: again }
      const refuse = new AppError(
        'unauthenticated',
        'refresh_reused',
        'This refresh token was used before; the session has been ended. Sign in again.',
      )
      return { ...about, refuse, changes: [remove(Session, live.session)], action: 'session.revoke', detail: { reason: 'refresh_reused' } }
    }
    return { ...about, ...rotate(context, live, token) }
  },
})

const isStaff = ({ tenantId }: TenantStore): boolean => tenantId === platformTenant

function rotate(context: Context, live: Live, token: Token): { output: SessionTokens; changes: Change[] } {
  const { realMs, services } = context
  const now = toTime(realMs)
  const expiresAt = toTime(realMs + sessionMs)
  const text = randomToken('hfr_')
  const next = create(
    RefreshToken,
    digestToken(text),
    { sessionId: live.session.id, usedAt: null, successor: null, successorId: null, expiresAt },
    now,
  )
  const successor = services.sealer.seal(text, sealedAt(live.store.tenantId, token.id))
  const used = patched(RefreshToken, token, { usedAt: now, successor, successorId: next.id }, now)
  const session = patched(Session, live.session, { lastSeenAt: now, expiresAt }, now)
  const entity = isStaff(live.store) ? StaffMember : User
  const active = firstOfDay(live.store, live.credential, { realMs, now, timeZone: live.timeZone })
  return {
    output: tokensOf(context, live, text),
    changes: [
      update(RefreshToken, token, used),
      insert(RefreshToken, next),
      update(Session, live.session, session),
      { ...check(User, live.user), entity } as Change,
      Object.keys(active.patch).length === 0
        ? check(Credential, live.credential)
        : update(Credential, live.credential, patched(Credential, live.credential, active.patch, now)),
      ...active.changes,
    ],
  }
}

/** The same successor again, or null when it is too late or the successor was used. */
async function lostReply(context: Context, live: Live, token: Token): Promise<SessionTokens | null> {
  const isRecent = token.usedAt !== null && context.realMs - Date.parse(token.usedAt) <= graceMs
  if (!isRecent || token.successor === null || token.successorId === null) return null
  const next = await live.store.get(RefreshToken, token.successorId)
  if (next === null || next.usedAt !== null) return null
  return tokensOf(context, live, context.services.sealer.open(token.successor, sealedAt(live.store.tenantId, token.id)))
}

async function liveSession(context: Context, store: TenantStore, token: Token): Promise<Live | null> {
  const session = await store.get(Session, token.sessionId)
  if (session === null || Date.parse(session.expiresAt) <= context.realMs || Date.parse(token.expiresAt) <= context.realMs) return null
  const [user, tenant, credential, policy] = (await store.read([
    { type: isStaff(store) ? StaffMember : User, id: session.userId },
    { type: Tenant, id: store.tenantId },
    { type: Credential, id: session.userId },
    { type: AttendancePolicy, id: policyId },
  ])) as [Entity<typeof User> | null, Entity<typeof Tenant> | null, Entity<typeof Credential> | null, AttendancePolicyRow | null]
  if (user === null || credential === null || !user.isActive || credential.sessionEpoch !== session.epoch) return null
  return {
    store,
    session,
    user,
    credential,
    licence: tenant === null ? null : licenceProblem(tenant, context.nowMs),
    timeZone: (policy ?? defaultPolicy).timeZone,
  }
}

function tokensOf(context: Context, { store: { tenantId }, session, user, credential }: Live, refreshToken: string): SessionTokens {
  const device = { tenantId, userId: user.id, passwordChangedAt: credential.passwordChangedAt }
  return {
    ...accessTokenOf(context, tenantId, session),
    refreshToken,
    user,
    deviceToken: deviceToken(context.services, device, context.realMs),
  }
}

const sealedAt = (tenant: string, id: string) => ({ tenant, entity: RefreshToken.name, id, field: 'successor' })
