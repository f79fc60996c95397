import { anonymous, type Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { type Authenticated, authenticate } from '../session/authenticate.ts'
import type { KeyRing } from '../session/key-ring.ts'

/** The principal of a request's headers. Errors: `unauthenticated` without a credential, `invalid_token` with a bad one. */
export async function principalOf(
  runtime: Runtime,
  keys: KeyRing,
  headers: { authorization?: string | undefined; apiKey: string | undefined; cookie?: string | null },
): Promise<Authenticated> {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return authenticate(runtime, keys, { bearer })
  if (headers.authorization === undefined && headers.apiKey !== undefined) return authenticate(runtime, keys, { apiKey: headers.apiKey })
  if (headers.authorization === undefined && headers.cookie != null) return authenticate(runtime, keys, { bearer: headers.cookie })
  throw new AppError('unauthenticated', 'unauthenticated', 'Sign in first: send a bearer token or an API key.')
}

export const nobody: Authenticated = { principal: anonymous, licence: null }
