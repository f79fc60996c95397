import { Readable } from 'node:stream'
import helmet from '@fastify/helmet'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Origin, Principal, Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { perform, recordDenial } from '../kernel/perform.ts'
import type { TrustProxy } from '../kernel/services.ts'
import type { Authenticated } from '../session/authenticate.ts'
import type { KeyRing } from '../session/key-ring.ts'
import { nobody, principalOf } from './authenticate.ts'
import { createCors } from './cors.ts'
import { createRateLimit } from './limits.ts'
import { clientAddress, networkOf } from './network.ts'
import { asAppError, problemBody, problemType } from './problem.ts'
import type { Reply, Route, Surface } from './route.ts'
import { defaultInput, idempotencyOf, wireRequest } from './wire.ts'

export type HttpSettings = { corsOrigins: readonly string[]; trustProxy: TrustProxy; requestsPerMinute: number | null }

/** What an observer learns of every answered request: for metrics and the log. */
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
}

export type ServerParts = {
  runtime: Runtime
  keys: KeyRing
  surfaces: readonly Surface[]
  settings: HttpSettings
  /** Null when requests may be served, else why not yet, or not now. */
  unready(): AppError | null
  answered?(request: Answered): void
}

declare module 'fastify' {
  interface FastifyRequest {
    holdfast: {
      origin: Origin
      authenticated: Authenticated
      surface: Surface
      operation: string | null
      error: AppError | null
      startedMs: number
    }
  }
}

/** The door: limits, request id, credentials → principal, then the surface's table. It takes no business decision. */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { runtime, surfaces, settings } = parts
  const app = fastify({
    logger: false,
    bodyLimit: 1024 * 1024,
    forceCloseConnections: 'idle',
    requestTimeout: 60_000,
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: false },
    genReqId: () => runtime.ids.newId(),
    frameworkErrors: (error, request, reply) => void fail(request, reply, error),
  })
  const cors = createCors(settings.corsOrigins)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.decorateRequest('holdfast', null as never)
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: 'no-referrer' },
  })
  app.addHook('onRequest', async (request, reply) => {
    request.holdfast = contextOf(parts, request)
    reply.header('X-Request-Id', request.id).header('Cache-Control', 'no-store')
    if (cors(request, reply)) return reply
  })
  app.addHook('onResponse', async (request, reply) => {
    const { surface, operation, origin, authenticated, error, startedMs } = request.holdfast
    const path = request.routeOptions.url ?? '(unknown)'
    const seconds = (performance.now() - startedMs) / 1000
    const { principal } = authenticated
    parts.answered?.({
      surface: surface.name,
      operation: operation ?? '(none)',
      method: request.method,
      path,
      status: reply.statusCode,
      seconds,
      requestId: origin.requestId,
      principal,
      code: error?.code ?? null,
      error,
    })
  })
  app.addHook('preClose', async () => {
    // open streams end first; connections that fall idle after that are closed too, so that a kept-alive one does not hold up the stop
    runtime.hub.close()
    const sweep = setInterval(() => app.server.closeIdleConnections(), 50)
    app.server.once('close', () => clearInterval(sweep))
    if (!app.server.listening) clearInterval(sweep)
  })
  app.setErrorHandler((error, request, reply) => fail(request, reply, error))
  app.setNotFoundHandler((_request, _reply) => {
    throw new AppError('not_found', 'unknown_path', 'There is nothing at this address.')
  })
  const take = createRateLimit(settings.requestsPerMinute, runtime.clock.realMs)
  for (const surface of surfaces) for (const route of surface.routes) addRoute(app, parts, { surface, route, take })
  for (const surface of surfaces) refuseOtherMethods(app, surface)
  return app
}

type Placed = { surface: Surface; route: Route; take(principal: string): void }

function addRoute(app: FastifyInstance, parts: ServerParts, { surface, route, take }: Placed): void {
  const { operation, options } = route
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: options.bodyLimit ?? surface.bodyLimit,
    // before the body is read, so that a stranger's body is never looked at
    onRequest: async (request) => {
      const { holdfast } = request
      Object.assign(holdfast, { surface, operation: operation.name })
      holdfast.origin.surface = surface.name
      const why = parts.unready()
      if (why !== null) throw why
      if (operation.needs === 'public') return
      holdfast.authenticated = await principalOf(parts.runtime, parts.keys, credentialsOf(request))
      const { principal, licence } = holdfast.authenticated
      if (options.unlimited !== true) take(`${principal.kind} ${principal.id}`)
      if (licence !== null && operation.always !== true) {
        await recordDenial(parts.runtime, operation.name, { actor: principal, origin: holdfast.origin }, licence)
        throw licence
      }
    },
    handler: (request, reply) => serve(parts, { surface, route }, request, reply),
  })
}

async function serve(
  parts: ServerParts,
  { surface, route }: Pick<Placed, 'surface' | 'route'>,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { runtime } = parts
  const { origin, authenticated } = request.holdfast
  const { options, operation } = route
  const wire = wireRequest(request, surface, route, { principal: authenticated.principal, origin })
  const idempotency =
    options.notIdempotent === true || operation.readOnly === true ? null : idempotencyOf(wire, request.url.split('?')[0] ?? '')
  const performed = await perform(runtime, operation, {
    actor: authenticated.principal,
    origin,
    input: options.input === undefined ? defaultInput(wire) : options.input(wire),
    ...(idempotency === null ? {} : { idempotency }),
    encode(output) {
      const shown: Reply = options.reply?.(output as never, wire) ?? { body: output }
      const version = (output as { version?: unknown } | null)?.version
      const headers = {
        ...(typeof version === 'number' ? { ETag: `"${version}"` } : {}),
        ...options.headers?.(output as never),
        ...shown.headers,
      }
      const status = shown.status ?? options.status ?? 200
      return { status, body: status === 204 ? '' : typeof shown.body === 'string' ? shown.body : JSON.stringify(shown.body), headers }
    },
  })
  const { receipt, replayed, status, body, headers } = performed
  if (receipt !== null)
    reply.header('Holdfast-Commit', `${receipt.stream}/${receipt.sequence}`).header('Holdfast-Durability', receipt.durability.join(', '))
  if (replayed) reply.header('Idempotency-Replayed', 'true')
  reply.code(status).headers(headers ?? {})
  if (status === 204) return reply.send()
  if (options.stream !== undefined) {
    const start = { output: JSON.parse(body) as never, context: performed.context, runtime, again: () => principalNow(parts, request) }
    return reply.header('content-type', 'text/event-stream; charset=utf-8').send(Readable.from(options.stream(start)))
  }
  if (!reply.hasHeader('content-type')) reply.header('content-type', 'application/json; charset=utf-8')
  return reply.send(body)
}

const credentialsOf = ({ headers }: FastifyRequest) => {
  const apiKey = headers['x-api-key']
  return { authorization: headers.authorization, apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey }
}

/** Who the same credential stands for now: null once it is revoked, expired, or the tenant may not work. */
async function principalNow({ runtime, keys }: ServerParts, request: FastifyRequest): Promise<Principal | null> {
  try {
    const { principal, licence } = await principalOf(runtime, keys, credentialsOf(request))
    return licence === null && !principal.mustChangePassword ? principal : null
  } catch (error) {
    if (error instanceof AppError && error.kind === 'unauthenticated') return null
    throw error
  }
}

/** A known path with a method it lacks is 405, or, where the surface says so, like an unknown path. */
function refuseOtherMethods(app: FastifyInstance, surface: Surface): void {
  const known = new Map<string, Set<string>>()
  for (const { path, method } of surface.routes) known.set(path, (known.get(path) ?? new Set()).add(method))
  for (const [url, methods] of known) {
    const others = (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).filter((method) => !methods.has(method))
    const allow = [...methods].sort().join(', ')
    app.route({
      method: others,
      url,
      onRequest: async (request, reply) => {
        request.holdfast.surface = surface
        if (surface.wrongMethod === 404) throw new AppError('not_found', 'unknown_path', 'There is nothing at this address.')
        reply.header('Allow', allow)
        throw new AppError('method', 'method_not_allowed', `This address knows only ${allow}.`)
      },
      handler: async () => undefined,
    })
  }
}

function contextOf(parts: ServerParts, request: FastifyRequest): FastifyRequest['holdfast'] {
  const forwarded = request.headers['x-forwarded-for']
  const address = clientAddress(
    request.socket.remoteAddress ?? '127.0.0.1',
    Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    parts.settings.trustProxy,
  )
  const surface = surfaceOf(parts.surfaces, request.url)
  const origin: Origin = {
    requestId: request.id,
    surface: surface.name,
    network: networkOf(address),
    userAgent: request.headers['user-agent'] ?? null,
    deviceToken: /(?:^|; *)__Host-holdfast-device=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? null,
  }
  return { origin, authenticated: nobody, surface, operation: null, error: null, startedMs: performance.now() }
}

/** The surface whose prefix is the longest that fits. */
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

const byFastifyCode: Record<string, () => AppError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('too_large', 'body_too_large', 'The body is larger than this address takes.'),
  FST_ERR_BAD_URL: () => new AppError('invalid', 'bad_request', 'The address is not well-formed.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new AppError('invalid', 'bad_request', 'Content-Length does not fit the body.'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new AppError('invalid', 'malformed_json', 'The body is not well-formed JSON.'),
}

function fail(request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = byFastifyCode[(thrown as { code?: string }).code ?? '']?.() ?? asAppError(thrown)
  const { surface, operation } = request.holdfast ?? {}
  if (request.holdfast !== undefined) request.holdfast.error = error
  const shown = surface?.problem(error, { method: request.method, path: request.url, operation: operation ?? null }) ?? {
    status: error.status,
    detail: error.message,
  }
  if (shown.status === 401) reply.header('WWW-Authenticate', 'Bearer')
  const retry = error.retryAfterSeconds ?? (shown.status === 503 ? 1 : undefined)
  if (retry !== undefined) reply.header('Retry-After', String(retry))
  return reply
    .code(shown.status)
    .header('content-type', problemType)
    .send(JSON.stringify(problemBody({ errors: error.errors, ...shown }, error.code, request.id)))
}
