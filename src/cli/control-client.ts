import { connect, type Socket } from 'node:net'
import { AppError } from '../kernel/errors.ts'
import { type Events, fromWire, type Request, type WireMessage } from './control-wire.ts'

/** An open connection to whoever listens, or null where nobody does: no socket, or one that a dead process left behind. */
export function dial(address: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    socket.once('connect', () => {
      socket.off('error', refused)
      resolve(socket)
    })
    socket.once('error', refused)
    function refused(error: NodeJS.ErrnoException) {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR') return resolve(null)
      const why = error.code === 'EACCES' ? 'it belongs to another user: run this command as the user that runs the server' : error.message
      reject(new AppError('unavailable', 'server_unreachable', `The server's socket ${address} cannot be used: ${why}.`, { cause: error }))
    }
  })
}

/** Sends a request to the running server and waits for its answer, however long that takes. Errors: whatever the server refuses; `server_gone` when it ends first. */
export async function ask(address: string, request: Request, events: Events = {}): Promise<unknown> {
  const socket = await dial(address)
  if (socket === null) throw gone('before the command reached it, so nothing was done. Run it again')
  socket.write(`${JSON.stringify(request)}\n`)
  try {
    for await (const line of linesOf(socket)) {
      const message = JSON.parse(line) as WireMessage
      if ('progress' in message) events.progress?.(message.progress)
      else if ('output' in message) return message.output
      else throw fromWire(message.error)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw gone(lost, error)
  } finally {
    socket.destroy()
  }
  throw gone(lost)
}

const lost = 'before it answered. Look whether the command took effect before you run it again'

const gone = (when: string, cause?: unknown) => new AppError('unavailable', 'server_gone', `The server ended ${when}.`, { cause })

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest: Buffer[] = []
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString()
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
}
