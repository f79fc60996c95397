import { z } from 'zod'
import { type Route, type RouteOptions, route, type WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'
import { isOwnOrigin, noSessionCookie, readSessionCookie, sessionCookie } from '../../session/console-cookie.ts'
import { deviceSeconds } from '../../session/device.ts'
import { type SessionTokens, sessionMs, sessionTokens } from '../../session/open-session.ts'
import { revokeCurrentSession } from '../../session/operations.ts'
import { refreshSession } from '../../session/refresh.ts'
import { createSession } from '../../session/sign-in.ts'
import * as described from './described.ts'

const shown = sessionTokens.pick({ expiresAt: true, user: true })

/** A sign-in that another site began would put its own account under the administrator's hands. */
function fromConsole({ headers }: WireRequest): void {
  if (!isOwnOrigin(headers, false))
    throw new AppError('unauthenticated', 'unauthenticated', 'Only the console of this server may use its cookie: use POST /v1/sessions.')
}

const inCookie = (tokens: SessionTokens) => ({
  body: { expiresAt: tokens.expiresAt, user: tokens.user },
  headers: {
    'Set-Cookie': [
      sessionCookie(tokens, sessionMs / 1000),
      `__Host-holdfast-device=${tokens.deviceToken}; Path=/; Max-Age=${deviceSeconds}; Secure; HttpOnly; SameSite=Strict`,
    ],
  },
})

const about = (problems: RouteOptions<never>['problems']) => ({
  problems: problems ?? {},
  responseSchema: shown,
  notIdempotent: true as const,
})

/** The console's session: the same sign-in, with the tokens in a cookie that no script can read (native-api.md section 1). */
export const consoleRoutes: readonly Route[] = [
  route('POST', '/v1/console/session', createSession, {
    ...about({ ...described.signIn.problems, 401: ['unauthenticated', 'invalid_credentials', 'second_factor_required'] }),
    status: 201,
    requestSchema: z.object({
      login: z.string(),
      password: z.string(),
      tenant: z.string().nullish(),
      code: z.string().nullish(),
    }),
    input(request) {
      fromConsole(request)
      return request.body
    },
    reply: inCookie,
  }),
  route('POST', '/v1/console/session/refresh', refreshSession, {
    ...about({ ...described.refresh.problems, 401: ['unauthenticated', 'invalid_token', 'refresh_reused'] }),
    requestSchema: z.object({}),
    input(request) {
      fromConsole(request)
      const refreshToken = readSessionCookie(request.headers.cookie)?.refreshToken
      if (refreshToken == null) throw new AppError('unauthenticated', 'unauthenticated', 'Sign in first.')
      return { refreshToken }
    },
    reply: inCookie,
  }),
  route('DELETE', '/v1/console/session', revokeCurrentSession, {
    status: 204,
    notIdempotent: true,
    input: () => ({}),
    headers: () => ({ 'Set-Cookie': noSessionCookie }),
  }),
]
