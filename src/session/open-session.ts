import { z } from 'zod'
import { type Change, create, insert } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { User } from '../user/entity.ts'
import { deviceToken } from './device.ts'
import { RefreshToken, Session } from './entity.ts'
import { StaffMember } from './staff.ts'
import { digestToken, randomToken } from './tokens.ts'
import { whence } from './whence.ts'

/** A session ends this long after its last refresh. */
export const sessionMs = 7 * 24 * 60 * 60 * 1000

/** Older surfaces keep their hour (DESIGN.md section 9). */
const hourLong = new Set(['vantagepoint', 'prework'])

export const sessionTokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresAt: z.iso.datetime({ precision: 3 }),
  expiresInSeconds: z.int(),
  user: z.union([User.public, StaffMember.public]),
  deviceToken: z.string(),
})
export type SessionTokens = z.input<typeof sessionTokens>

type Who = { tenantId: string; user: { id: string }; credential: { sessionEpoch: number; passwordChangedAt: string } }

/** A new session with its first tokens, as changes for the sign-in's commit. */
export async function openSession(
  context: Context,
  { tenantId, user, credential: { sessionEpoch, passwordChangedAt } }: Who,
): Promise<{ changes: Change[]; tokens: SessionTokens; sessionId: string }> {
  const { realMs, origin, services } = context
  const now = toTime(realMs)
  const expiresAt = toTime(realMs + sessionMs)
  const accessSeconds = hourLong.has(origin.surface) ? 3600 : services.settings.accessTokenSeconds
  const session = create(
    Session,
    context.newId(),
    {
      userId: user.id,
      epoch: sessionEpoch,
      surface: origin.surface,
      accessSeconds,
      lastSeenAt: now,
      expiresAt,
      ...whence(context),
    },
    now,
  )
  const refreshToken = randomToken('hfr_')
  const refresh = create(
    RefreshToken,
    digestToken(refreshToken),
    { sessionId: session.id, usedAt: null, successor: null, successorId: null, expiresAt },
    now,
  )
  return {
    sessionId: session.id,
    changes: [insert(Session, session), insert(RefreshToken, refresh)],
    tokens: {
      ...accessTokenOf(context, tenantId, session),
      refreshToken,
      user: user as SessionTokens['user'],
      deviceToken: deviceToken(services, { tenantId, userId: user.id, passwordChangedAt }, realMs),
    },
  }
}

/** A fresh access token of a session. */
export function accessTokenOf(context: Context, tenantId: string, session: { id: string; userId: string; accessSeconds: number }) {
  const nowSeconds = Math.floor(context.realMs / 1000)
  const claims = { sub: session.userId, sid: session.id, tid: tenantId, jti: context.newId() }
  return {
    accessToken: context.services.tokens.issue(claims, nowSeconds, session.accessSeconds),
    expiresAt: toTime((nowSeconds + session.accessSeconds) * 1000),
    expiresInSeconds: session.accessSeconds,
  }
}
