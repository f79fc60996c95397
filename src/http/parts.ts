import type { FastifyRequest } from 'fastify'
import type { Origin, Principal, Runtime } from '../kernel/context.ts'
import type { AppError } from '../kernel/errors.ts'
import type { TrustProxy } from '../kernel/services.ts'
import type { Authenticated } from '../session/authenticate.ts'
import type { KeyRing } from '../session/key-ring.ts'
import { nobody } from './authenticate.ts'
import { clientAddress, networkOf } from './network.ts'
import type { Surface } from './route.ts'

export type HttpSettings = {
  corsOrigins: readonly string[]
  trustProxy: TrustProxy
  requestsPerMinute: number | null /** Whether an answer can stay open. */
  streams: boolean
}

/** What an observer learns of every answered request: for metrics and the log. `path` is the route's pattern. */
export type Answered = {
  surface: string
  operation: string
  method: string
  path: string
  status: number
  seconds: number
  requestId: string
  principal: Principal
  code: string | null
  error: AppError | null
  /** The client was gone before it had the whole answer. */
  isAborted: boolean
}

export type ServerParts = {
  runtime: Runtime
  keys: KeyRing
  surfaces: readonly Surface[]
  settings: HttpSettings
  /** Null when requests may be served, else why not yet, or not now. */
  unready(): AppError | null
  answered(request: Answered): void
}

/** What the door knows of one request. */
export type Visit = {
  origin: Origin
  authenticated: Authenticated
  surface: Surface
  operation: string | null
  error: AppError | null
  startedMs: number
}

declare module 'fastify' {
  interface FastifyRequest {
    holdfast: Visit
  }
}

export function visitOf({ surfaces, settings }: Pick<ServerParts, 'surfaces' | 'settings'>, request: FastifyRequest): Visit {
  const forwarded = request.headers['x-forwarded-for']
  const address = clientAddress(
    request.socket.remoteAddress ?? '127.0.0.1',
    Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    settings.trustProxy,
  )
  const surface = surfaceOf(surfaces, request.url)
  const origin: Origin = {
    requestId: request.id,
    surface: surface.name,
    network: networkOf(address),
    userAgent: request.headers['user-agent'] ?? null,
    deviceToken: /(?:^|; *)__Host-holdfast-device=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? null,
  }
  return { origin, authenticated: nobody, surface, operation: null, error: null, startedMs: performance.now() }
}

/** The surface whose prefix is the longest that fits, else the first. */
function surfaceOf(surfaces: readonly Surface[], url: string): Surface {
  const fitting = surfaces.filter(
    ({ prefix }) => url === prefix || url.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`) || url.startsWith(`${prefix}?`),
  )
  const best = fitting.reduce<Surface | undefined>(
    (longest, surface) => (surface.prefix.length >= (longest?.prefix.length ?? 0) ? surface : longest),
    undefined,
  )
  const fallback = best ?? surfaces[0]
  if (fallback === undefined) throw new Error('a server needs at least one surface')
  return fallback
}
