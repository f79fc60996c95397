import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { clientAddress, networkOf } from '../http/network.ts'
import type { ServerParts } from '../http/parts.ts'
import { asAppError, problemBody, problemType } from '../http/problem.ts'
import type { Origin } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { redeemTicket } from '../session/ticket.ts'
import type { Connections } from './connections.ts'

const path = '/v1/documents'
/** One message, in bytes (contracts/prework.md, section 8). */
const mostBytes = 64 * 1024
const socketsPerUser = 20

type Parts = Pick<ServerParts, 'runtime' | 'settings' | 'unready'>

/** Answers `GET /v1/documents?ticket=` with a WebSocket that speaks ShareDB's JSON protocol; anything else that asks for another protocol is refused before. */
export function addSocket(app: FastifyInstance, parts: Parts): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: mostBytes, perMessageDeflate: false })
  const open = new Map<string, number>()
  let connections: Promise<Connections> | null = null
  let isClosing = false

  async function enter(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname !== path) throw new AppError('not_found', 'unknown_path', 'There is nothing at this address.')
    const why = isClosing ? unavailable() : parts.unready()
    if (why !== null) throw why
    assertOrigin(request, parts.settings.corsOrigins)
    const caller = await redeemTicket(parts.runtime, url.searchParams.get('ticket') ?? '')
    const { principal, licence } = caller
    if (licence !== null) throw licence
    const who = `${principal.tenantId} ${principal.id}`
    const mine = open.get(who) ?? 0
    if (mine >= socketsPerUser)
      throw new AppError('limited', 'too_many_streams', `At most ${socketsPerUser} sockets may be open at once.`, { retryAfterSeconds: 5 })
    open.set(who, mine + 1)
    try {
      // ShareDB is loaded when the first document is opened: most servers never need it
      connections ??= import('./connections.ts').then(({ createConnections }) => createConnections(parts.runtime))
      const ready = await connections
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on('close', () => freed(who))
        ready.connect(ws, caller, originOf(parts, request))
      })
    } catch (error) {
      freed(who)
      throw error
    }
  }

  function freed(who: string): void {
    const left = (open.get(who) ?? 1) - 1
    if (left === 0) open.delete(who)
    else open.set(who, left)
  }

  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    enter(request, socket, head).catch((error: unknown) => refuse(parts, socket, error))
  })
  app.addHook('preClose', async () => {
    isClosing = true
    for (const ws of sockets.clients as Set<WebSocket>) ws.close(1012, 'the server stops')
    const timer = setTimeout(() => {
      for (const ws of sockets.clients as Set<WebSocket>) ws.terminate()
    }, 1_000).unref()
    await (await connections)?.close()
    clearTimeout(timer)
    for (const ws of sockets.clients as Set<WebSocket>) ws.terminate()
  })
}

const unavailable = () => new AppError('unavailable', 'stopping', 'The server stops. Try again in a moment.', { retryAfterSeconds: 1 })

/** A page of another site may not open a socket as whoever reads it (RFC 6455, section 10.2). */
function assertOrigin({ headers }: IncomingMessage, listed: readonly string[]): void {
  const { origin, host } = headers
  if (origin === undefined || listed.includes(origin)) return
  const isOurs = URL.canParse(origin) && new URL(origin).host === host
  if (!isOurs) throw new AppError('forbidden', 'forbidden', 'Pages of this origin may not open a socket here.')
}

function originOf({ runtime, settings }: Parts, { socket, headers }: IncomingMessage): Origin {
  const forwarded = headers['x-forwarded-for']
  const address = clientAddress(
    socket.remoteAddress ?? '127.0.0.1',
    Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    settings.trustProxy,
  )
  return {
    requestId: runtime.ids.newId(),
    surface: 'prework',
    network: networkOf(address),
    address,
    userAgent: headers['user-agent'] ?? null,
    deviceToken: null,
  }
}

/** Answers before the upgrade, in the shape of every error. */
function refuse({ runtime }: Parts, socket: Duplex, thrown: unknown): void {
  const error = asAppError(thrown)
  const requestId = runtime.ids.newId()
  if (error.kind === 'internal') runtime.services.log.error({ err: error.cause ?? error, requestId }, 'a socket cannot be opened')
  const body = JSON.stringify(problemBody({ status: error.status, detail: error.message }, error.code, requestId))
  const head = {
    'X-Request-Id': requestId,
    'Content-Type': problemType,
    'Content-Length': Buffer.byteLength(body),
    ...(error.retryAfterSeconds === undefined ? {} : { 'Retry-After': error.retryAfterSeconds }),
    Connection: 'close',
  }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${error.status} Refused\r\n${lines.join('')}\r\n${body}`)
}
