import { Connection, type Doc, types } from 'sharedb/lib/client/index.js'
import { WebSocket } from 'ws'
import { documentType, type Op } from '../document/json1.ts'

types.register(documentType as never)

export type LiveDoc = Doc & { version: number; data: never }

export type LiveClient = {
  connection: Connection
  socket: WebSocket
  closed: Promise<{ code: number; reason: string }>
  /** A document, followed from now on. */
  follow(id: string): Promise<LiveDoc>
  close(): void
}

/** Opens a socket as ShareDB's own client does. `ticket` null = none. */
export function openSocket(base: string, ticket: string | null, headers: Record<string, string> = {}): WebSocket {
  const query = ticket === null ? '' : `?ticket=${encodeURIComponent(ticket)}`
  return new WebSocket(`${base.replace(/^http/, 'ws')}/v1/documents${query}`, { headers })
}

export async function connectLive(base: string, ticket: string): Promise<LiveClient> {
  const socket = openSocket(base, ticket)
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const connection = new Connection(socket as never)
  // tests look at the errors of what they asked for
  connection.on('error', () => undefined)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    connection.once('connected', () => resolve())
  })
  return {
    connection,
    socket,
    closed,
    follow: (id) =>
      new Promise((resolve, reject) => {
        const doc = connection.get('checklists', id)
        doc.on('error', () => undefined)
        doc.subscribe((error) => (error ? reject(error as unknown as Error) : resolve(doc as unknown as LiveDoc)))
      }),
    close: () => socket.close(),
  }
}

/** Goes on over another socket, as a client does that was cut off. */
export const rebind = ({ connection }: LiveClient, socket: WebSocket): void =>
  (connection as unknown as { bindToSocket(socket: unknown): void }).bindToSocket(socket)

/** Submits an operation and resolves when it is acknowledged, or rejects with the server's error. */
export const submit = (doc: Doc, op: Op): Promise<void> =>
  new Promise((resolve, reject) => doc.submitOp(op as never, undefined, (error) => (error ? reject(error as unknown as Error) : resolve())))

/** Resolves once something holds; fails after a while. */
export async function until(holds: () => boolean, ms = 5_000): Promise<void> {
  for (const endMs = performance.now() + ms; !holds(); ) {
    if (performance.now() > endMs) throw new Error('it did not come to hold')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
