import type { AnyRole } from '../access/permissions.ts'
import { ApiKey } from '../apikey/entity.ts'
import type { Principal, Runtime } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { Credential, User } from '../user/entity.ts'
import { Session } from './entity.ts'
import type { KeyRing } from './key-ring.ts'
import { StaffMember } from './staff.ts'
import { digestToken } from './tokens.ts'

export type Credentials = { bearer: string } | { apiKey: string }
/** The licence's refusal is kept beside the principal, because sign-out works all the same. */
export type Authenticated = { principal: Principal; licence: AppError | null }

const refused = () => new AppError('unauthenticated', 'invalid_token', 'The token is not valid any more. Sign in again.')

/**
 * The principal of a token or key, read from the store on every request: session, user, role and licence are never taken from the token.
 * Errors: `invalid_token` for anything unknown, expired, revoked or deactivated.
 */
export async function authenticate(runtime: Runtime, keys: KeyRing, credentials: Credentials): Promise<Authenticated> {
  return 'bearer' in credentials ? byToken(runtime, keys, credentials.bearer) : byKey(runtime, credentials.apiKey)
}

type Stored = [
  Entity<typeof Session> | null,
  Entity<typeof User> | null,
  Entity<typeof Credential> | null,
  Entity<typeof Tenant> | null | undefined,
]

async function byToken(runtime: Runtime, keys: KeyRing, token: string): Promise<Authenticated> {
  const claims = await keys.verify(token, Math.floor(runtime.clock.realMs() / 1000))
  if (claims === null) throw refused()
  return bySession(runtime, { tenantId: claims.tid, userId: claims.sub, sessionId: claims.sid })
}

/** The principal of a session, as it is now: of whoever showed its token some time ago and is still there. Errors: `invalid_token`. */
export async function bySession(
  { storage, clock }: Runtime,
  { tenantId, userId, sessionId }: { tenantId: string; userId: string; sessionId: string },
): Promise<Authenticated> {
  const isStaff = tenantId === platformTenant
  const [session, user, credential, tenant] = (await storage
    .tenant(tenantId)
    .read([
      { type: Session, id: sessionId },
      { type: isStaff ? StaffMember : User, id: userId },
      { type: Credential, id: userId },
      ...(isStaff ? [] : [{ type: Tenant, id: tenantId }]),
    ])) as Stored
  if (session === null || user === null || credential === null || session.userId !== user.id) throw refused()
  if (session.epoch !== credential.sessionEpoch || !user.isActive || Date.parse(session.expiresAt) <= clock.realMs()) throw refused()
  const licence = tenant == null ? null : licenceProblem(tenant, clock.businessMs())
  if (!isStaff && tenant == null) throw refused()
  return {
    licence,
    principal: {
      kind: isStaff ? 'platform' : 'user',
      tenantId,
      id: user.id,
      name: user.username,
      role: user.role as AnyRole,
      sessionId: session.id,
      mustChangePassword: credential.mustChangePassword,
      user: isStaff ? null : user,
      ...(tenant == null ? {} : { tenant: shownTenant(tenant) }),
    },
  }
}

const shownTenant = ({ name, key, passwordOnly }: Entity<typeof Tenant>) => ({ name, key, passwordOnly })

async function byKey({ storage, clock }: Runtime, text: string): Promise<Authenticated> {
  const refused = () =>
    new AppError(
      'unauthenticated',
      'invalid_token',
      'This API key is not known, has expired or was removed. Ask an administrator for a new one.',
    )
  const [found] = text.length > 100 ? [] : await storage.platform().lookup(ApiKey, 'byDigest', [digestToken(text)], 1)
  if (found === undefined) throw refused()
  const { row, tenantId } = found
  if (row.expiresAt !== null && Date.parse(row.expiresAt) <= clock.realMs()) throw refused()
  const tenant = await storage.tenant(tenantId).get(Tenant, tenantId)
  if (tenant === null) throw refused()
  return {
    licence: licenceProblem(tenant, clock.businessMs()),
    principal: {
      kind: 'apiKey',
      tenantId,
      id: row.id,
      name: row.name,
      role: row.role,
      sessionId: null,
      mustChangePassword: false,
      user: null,
      tenant: shownTenant(tenant),
    },
  }
}
