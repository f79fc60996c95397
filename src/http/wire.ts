import type { FastifyRequest } from 'fastify'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { Origin, Principal } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { IdempotencyCall } from '../kernel/idempotency.ts'
import { parseBody } from './body.ts'
import type { Method, Route, Surface, WireRequest } from './route.ts'

const bulkArray = 1_000_000

/** The request as the surface sees it: body parsed strictly, texts without NUL. */
export function wireRequest(
  request: FastifyRequest,
  surface: Surface,
  route: Route,
  who: { principal: Principal; origin: Origin },
): WireRequest {
  const params = withoutNul(request.params as Record<string, string>)
  const query = withoutNul(flat(request.query as Record<string, string | string[]>))
  // Node joins repeated headers into one text, all but Set-Cookie, which no request has (node:http, message.headers)
  const headers = request.headers as Record<string, string | undefined>
  return { method: request.method as Method, params, query, headers, ...who, body: bodyOf(request, surface, route) }
}

function bodyOf(request: FastifyRequest, surface: Surface, route: Route): unknown {
  const bytes = request.body as Buffer | undefined
  if (route.options.upload !== undefined) return bytes ?? Buffer.alloc(0)
  if (bytes === undefined || bytes.length === 0) return surface.emptyBody === 'object' && request.method !== 'GET' ? {} : undefined
  const type = request.headers['content-type'] ?? ''
  const isJson = /^application\/(?:[\w.+-]+\+)?json *(?:;|$)/i.test(type)
  if (!surface.anyMediaType && !isJson) throw new AppError('media_type', 'unsupported_media_type', 'Send the body as application/json.')
  if (request.headers['content-encoding'] !== undefined)
    throw new AppError('media_type', 'unsupported_media_type', 'Send the body without Content-Encoding.')
  return parseBody(bytes, route.options.bodyLimit !== undefined || surface.anyMediaType ? bulkArray : undefined)
}

const flat = (query: Record<string, string | string[]>): Record<string, string> =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? (value.at(-1) ?? '') : value]))

function withoutNul(texts: Record<string, string>): Record<string, string> {
  for (const [name, text] of Object.entries(texts))
    if (name.includes('\0') || text.includes('\0')) throw new AppError('invalid', 'bad_request', 'The address holds a NUL character.')
  return texts
}

/** Body, query, path, and the version from `If-Match`, as one input. What the path names may not be named by the body again. */
export function defaultInput({ body, query, params, headers }: WireRequest): unknown {
  if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body))) {
    throw new AppError('unprocessable', 'validation_failed', 'The body must be a JSON object.', {
      errors: [{ field: '', message: 'must be an object' }],
    })
  }
  const twice = Object.keys(body ?? {}).find((key) => key in params || key in query)
  if (twice !== undefined)
    throw new AppError('unprocessable', 'validation_failed', `${twice}: is not a known field`, {
      errors: [{ field: twice, message: 'is not a known field' }],
    })
  const version = versionOf(headers['if-match'])
  return { ...(version === null || (body !== undefined && 'version' in (body as object)) ? {} : { version }), ...body, ...query, ...params }
}

function versionOf(header: string | undefined): number | null {
  if (header === undefined) return null
  const version = /^"(\d{1,15})"$/.exec(header)?.[1]
  if (version !== undefined) return Number(version)
  throw new AppError('unprocessable', 'validation_failed', 'If-Match must be the ETag of the row, "<version>".', {
    errors: [{ field: 'If-Match', message: 'must be "<version>"' }],
  })
}

const visible = /^[\x21-\x7e]{1,255}$/

/** The idempotency of a call, or null without the header. Errors: `idempotency_key_invalid`. */
export function idempotencyOf(request: WireRequest, path: string, allowed = visible): IdempotencyCall | null {
  const key = request.headers['idempotency-key']
  if (key === undefined || request.method === 'GET') return null
  if (!allowed.test(key))
    throw new AppError(
      'unprocessable',
      'idempotency_key_invalid',
      allowed === visible ? 'Idempotency-Key must be 1 to 255 visible ASCII characters.' : 'Idempotency-Key is too long or not printable.',
    )
  const body = Buffer.isBuffer(request.body) ? sha256(request.body) : ((request.body ?? null) as Json)
  const digest = sha256(canonical({ body, query: request.query }))
  return { key, method: request.method, path, bodyDigest: digest }
}
