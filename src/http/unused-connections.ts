import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Connections on which nothing was ever asked, as clients open them in advance, count as none: Node waits for them when it closes, for as long as the client likes. */
export function endUnusedConnections(app: FastifyInstance): void {
  const open = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  app.addHook('preClose', async () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
  })
}
