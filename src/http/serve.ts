import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Principal } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { StoredReply } from '../kernel/idempotency.ts'
import type { AnyOperation } from '../kernel/operation.ts'
import { perform, recordDenial } from '../kernel/perform.ts'
import { redeemTicket } from '../session/ticket.ts'
import { principalOf } from './authenticate.ts'
import { type Rate, type Share, showShare, wholeShare } from './limits.ts'
import type { ServerParts } from './parts.ts'
import { addressesOf, type Reply, type Route, type RouteOptions, type Surface } from './route.ts'
import { cookieCredential } from './session-cookie.ts'
import { defaultInput, idempotencyOf, wireRequest } from './wire.ts'

/** Where the answer has to be whole before it leaves, as behind AWS Lambda. */
export const noStreams = () =>
  new AppError('unsupported', 'streams_unsupported', 'Event streams and WebSockets do not work here: read GET /v1/audit from time to time.')

type Placed = { surface: Surface; route: Route; take(principal: string, rate?: Rate): Share }

/** Puts one line of a surface's table in front of its operation. */
export function addRoute(app: FastifyInstance, parts: ServerParts, { surface, route, take }: Placed): void {
  const { operation, options } = route

  /** Says who asks, and refuses whom the tenant's licence does. */
  async function enter(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { holdfast } = request
    const { ticket } = request.query as { ticket?: unknown }
    if (options.ticket === true && typeof ticket === 'string' && !hasCredential(request)) {
      const redeemed = await redeemTicket(parts.runtime, ticket)
      holdfast.authenticated = redeemed
      holdfast.again = redeemed.again
    } else holdfast.authenticated = await principalOf(parts.runtime, parts.keys, credentialsOf(request))
    const { principal, licence } = holdfast.authenticated
    if (options.unlimited !== true) count(reply, `${principal.kind} ${principal.id}`)
    if (licence === null || operation.always === true) return
    await recordDenial(parts.runtime, operation.name, { actor: principal, origin: holdfast.origin }, licence)
    throw licence
  }

  /** Takes one request of the share, and says what is left. */
  function count(reply: FastifyReply, who: string): void {
    if (surface.showsRate === true)
      show(reply, { ...wholeShare(parts.settings.requestsPerMinute, options.rate), remaining: 0, resetSeconds: 60 })
    const share = take(who, options.rate)
    if (surface.showsRate === true) show(reply, share)
  }

  const show = (reply: FastifyReply, share: Share): void => showShare(reply, share, parts.runtime.clock.realMs())

  const declared: RouteOptionsOf = {
    method: route.method,
    url: route.path,
    bodyLimit: options.bodyLimit ?? surface.bodyLimit,
    // before the body is read, so that a stranger's body is never looked at
    onRequest: async (request, reply) => {
      const { holdfast } = request
      if (surface.showsRate === true) show(reply, wholeShare(parts.settings.requestsPerMinute, options.rate))
      Object.assign(holdfast, { surface, operation: operation.name })
      holdfast.origin.surface = surface.name
      const why = options.evenUnready === true ? null : parts.unready()
      if (why !== null) throw why
      const isAsked = !isOpen(operation, parts) || (surface.knowsCallers === true && hasCredential(request))
      if (isAsked) await enter(request, reply)
      const { principal } = holdfast.authenticated
      const { params, query } = request as { params: Record<string, string>; query: Record<string, string> }
      await options.admit?.({ runtime: parts.runtime, principal, origin: holdfast.origin, params, query })
    },
    handler: (request, reply) => serve(parts, { surface, route }, request, reply),
  }
  for (const url of addressesOf(surface, route)) app.route({ ...declared, url })
}

type RouteOptionsOf = Parameters<FastifyInstance['route']>[0]

async function serve(
  parts: ServerParts,
  { surface, route }: Pick<Placed, 'surface' | 'route'>,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { runtime } = parts
  const { origin, authenticated } = request.holdfast
  const { options, operation } = route
  if (options.stream !== undefined && !parts.settings.streams) throw noStreams()
  const wire = wireRequest(request, surface, route, { principal: authenticated.principal, origin })
  const idempotency =
    options.notIdempotent === true || operation.readOnly === true
      ? null
      : idempotencyOf(wire, request.url.split('?')[0] ?? '', surface.idempotencyKey)
  const performed = await perform(runtime, operation, {
    actor: authenticated.principal,
    origin,
    input: options.input === undefined ? defaultInput(wire) : options.input(wire),
    ...(idempotency === null ? {} : { idempotency }),
    encode: (output) => shownReply(options.reply?.(output as never, wire) ?? { body: output }, output, options),
    ...(options.reply === undefined ? { wrap: (text, output) => shownReply({ body: text }, output, options) } : {}),
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
  if (options.isBase64 === true) return reply.send(Buffer.from(body, 'base64'))
  return options.compress === true ? reply.compress(body) : reply.send(body)
}

/** The reply's status, body and headers; a row's version is its ETag. A body that is a text is sent as it is. */
function shownReply(shown: Reply, output: unknown, options: RouteOptions<never>): StoredReply {
  const version = (output as { version?: unknown } | null)?.version
  const headers = {
    ...(typeof version === 'number' ? { ETag: `"${version}"` } : {}),
    ...options.headers?.(output as never),
    ...shown.headers,
  }
  const status = shown.status ?? options.status ?? 200
  return { status, body: status === 204 ? '' : typeof shown.body === 'string' ? shown.body : JSON.stringify(shown.body), headers }
}

/** Whether strangers may ask. */
const isOpen = ({ needs, opens }: AnyOperation, { runtime }: ServerParts): boolean =>
  needs === 'public' || opens?.(runtime.services.settings) === true

const hasCredential = ({ headers }: FastifyRequest): boolean => headers.authorization !== undefined || headers['x-api-key'] !== undefined

const credentialsOf = ({ headers, method }: FastifyRequest) => {
  const apiKey = headers['x-api-key']
  const cookie = cookieCredential({ headers, method })
  return { authorization: headers.authorization, apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey, cookie }
}

/** Who the same credential stands for now: null once it is revoked, expired, or the tenant may not work. */
async function principalNow({ runtime, keys }: ServerParts, request: FastifyRequest): Promise<Principal | null> {
  try {
    const { principal, licence } = await (request.holdfast.again?.() ?? principalOf(runtime, keys, credentialsOf(request)))
    return licence === null && !principal.mustChangePassword ? principal : null
  } catch (error) {
    if (error instanceof AppError && error.kind === 'unauthenticated') return null
    throw error
  }
}
