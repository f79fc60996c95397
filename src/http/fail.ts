import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../kernel/errors.ts'
import { apiHeaders } from './headers.ts'
import { asAppError, problemBody, problemType } from './problem.ts'

const byFastifyCode: Readonly<Record<string, () => AppError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('too_large', 'body_too_large', 'The body is larger than this address takes.'),
  FST_ERR_BAD_URL: () => new AppError('invalid', 'bad_request', 'The address is not well-formed.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new AppError('invalid', 'bad_request', 'Content-Length does not fit the body.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new AppError('media_type', 'unsupported_media_type', 'Send the body as application/json.'),
  // no id, name or token is as long
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('not_found', 'unknown_path', 'There is nothing at this address.'),
}

/** The client left while it sent its body: Fastify passes the socket's error on, marked 400. A failure of the connection, not of ours. */
function brokenOff({ raw }: FastifyRequest, thrown: unknown): AppError | null {
  const { code, statusCode } = (thrown ?? {}) as { code?: string; statusCode?: number }
  if (!raw.readableAborted || code !== 'ECONNRESET' || statusCode !== 400) return null
  return bodyBrokeOff()
}

export const bodyBrokeOff = () => new AppError('invalid', 'bad_request', 'The body broke off before its end.')

/** Answers with whatever was thrown, in the words of the surface that the request came to. */
export function fail(request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = byFastifyCode[(thrown as { code?: string } | null)?.code ?? '']?.() ?? brokenOff(request, thrown) ?? asAppError(thrown)
  const visit = request.holdfast
  visit.error = error
  const { role } = visit.authenticated.principal
  const shown = visit.surface.problem(error, { method: request.method, path: request.url, operation: visit.operation, role })
  if (shown.status === 401) reply.header('WWW-Authenticate', 'Bearer')
  const retry = error.retryAfterSeconds ?? (shown.status === 503 ? 1 : undefined)
  if (retry !== undefined) reply.header('Retry-After', String(retry))
  return reply
    .code(shown.status)
    .header('content-type', problemType)
    .send(
      JSON.stringify(problemBody({ errors: error.errors, ...shown, extra: { ...error.extra, ...shown.extra } }, error.code, request.id)),
    )
}

const unreadable: Readonly<Record<string, { status: number; code: string; detail: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers_too_large', detail: 'The headers of this request are larger than 16 KiB.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'request_timeout', detail: 'The request did not arrive in time.' },
}
const notHttp = { status: 400, code: 'bad_request', detail: 'This is not a well-formed HTTP request.' }

/** Answers what is no HTTP, before there is a request: the same problem shape, written by hand, and the connection ends. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const { status, headers, body } = byHand(unreadable[error.code ?? ''] ?? notHttp, requestId)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

const unmet = { status: 417, code: 'expectation_failed', detail: 'The header Expect asks for something other than 100-continue.' }

/** Answers a request that expects what nobody here can do: Node asks before Fastify hears of it. Its body is not read, so the connection ends. */
export function refuseExpectation(response: ServerResponse, requestId: string): void {
  const { status, headers, body } = byHand(unmet, requestId)
  response.writeHead(status, headers).end(body)
}

function byHand({ status, code, detail }: { status: number; code: string; detail: string }, requestId: string) {
  const body = JSON.stringify(problemBody({ status, detail }, code, requestId))
  const headers = {
    ...apiHeaders,
    'X-Request-Id': requestId,
    'Content-Type': problemType,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }
  return { status, headers, body }
}
