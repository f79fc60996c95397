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
  /** The origin that files are shown from beside our own: their bucket's, or null. */
  pictures: string | null
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
  /** Who came with a ticket, as they are now. */
  again?: () => Promise<Authenticated>
}

declare module 'fastify' {
  interface FastifyRequest {
    holdfast: Visit
  }
}

export function visitOf({ surfaces, settings }: Pick<ServerParts, 'surfaces' | 'settings'>, request: FastifyRequest): Visit {
  const { cookie, 'x-forwarded-for': forwarded } = request.headers
  const address = clientAddress(
    request.socket.remoteAddress ?? '127.0.0.1',
    Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    settings.trustProxy,
  )
  const surface = surfaceOf(surfaces, request.url)
  const startedMs = performance.now()
  const origin: Origin = {
    requestId: request.id,
    surface: surface.name,
    network: networkOf(address),
    address,
    userAgent: request.headers['user-agent'] ?? null,
    deviceToken: cookie === undefined ? null : (/(?:^|; *)__Host-holdfast-device=([^;]+)/.exec(cookie)?.[1] ?? null),
    receivedMs: startedMs,
    isGone: () => request.socket.destroyed,
  }
  return { origin, authenticated: nobody, surface, operation: null, error: null, startedMs }
}

/** The surface whose prefix is the longest that fits, else the first. */
function surfaceOf(surfaces: readonly Surface[], url: string): Surface {
  let best: Surface | undefined
  for (const surface of surfaces) if (surface.prefix.length >= (best?.prefix.length ?? 0) && isUnder(url, surface.prefix)) best = surface
  best ??= surfaces[0]
  if (best === undefined) throw new Error('a server needs at least one surface')
  return best
}

/** Whether an address is the prefix itself, or goes on after it with a path or a query. Asked on every request, so no text is built. */
function isUnder(url: string, prefix: string): boolean {
  if (!url.startsWith(prefix)) return false
  const next = url[prefix.length]
  return next === undefined || next === '/' || next === '?' || prefix.endsWith('/')
}
