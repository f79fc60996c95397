// Stock ShareDB in memory, with the same type: what live documents are measured against (bench/documents.ts).
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import ShareDB from 'sharedb'
import { type WebSocket, WebSocketServer } from 'ws'
import { documentType } from '../src/document/json1.ts'

ShareDB.types.register(documentType as never)
const backend = new ShareDB({ doNotForwardSendPresenceErrorsToClient: true })
const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false })

function streamOf(socket: WebSocket): Duplex {
  const stream = new Duplex({
    objectMode: true,
    read: () => undefined,
    write(message, _encoding, done) {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
      done()
    },
  })
  socket.on('message', (data) => stream.push(JSON.parse(String(data))))
  socket.on('close', () => {
    stream.push(null)
    stream.destroy()
  })
  return stream
}
sockets.on('connection', (socket) => backend.listen(streamOf(socket)))

const doc = backend.connect().get('checklists', 'one')
doc.create(JSON.parse(process.argv[2] ?? '{}') as never, documentType.uri, () =>
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port })),
)
