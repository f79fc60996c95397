import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Surface } from './route.ts'

const methods = 'GET, POST, PUT, PATCH, DELETE, OPTIONS'
const allowed = 'Content-Type, Authorization, X-Request-ID, Idempotency-Key, If-Match, X-Api-Key, Last-Event-ID, X-Onboarding-Session'
const exposed = 'X-Request-ID, Retry-After, ETag, Location, Holdfast-Commit, Holdfast-Durability, Idempotency-Replayed'

/** Cross-origin rules (Fetch standard): an exact allow-list, never reflection, on every response to a listed origin, errors too. Answers a preflight of any path. */
export function createCors(origins: readonly string[]) {
  const list = new Set(origins)
  return function cors(request: FastifyRequest, reply: FastifyReply, { preflight }: Pick<Surface, 'preflight'>): boolean {
    const { origin } = request.headers
    if (list.size > 0) reply.header('Vary', 'Origin')
    const isListed = origin !== undefined && list.has(origin)
    if (isListed) reply.header('Access-Control-Allow-Origin', origin).header('Access-Control-Expose-Headers', exposed)
    if (request.method !== 'OPTIONS') return false
    if (isListed)
      reply
        .header('Access-Control-Allow-Methods', preflight?.methods ?? methods)
        .header('Access-Control-Allow-Headers', preflight?.headers ?? allowed)
        .header('Access-Control-Max-Age', '600')
    if (preflight === undefined) reply.code(204).send()
    else reply.code(preflight.status).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(preflight.body))
    return true
  }
}
