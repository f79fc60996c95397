import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/services.ts'
import type { Holdfast } from '../main.ts'
import { dial } from './control-client.ts'
import { type Events, longestRequest, type Request, socketAddress, socketFile, toWire, type WireMessage } from './control-wire.ts'
import { execute } from './execute.ts'
import { shownError } from './shown-error.ts'

export type ControlServer = {
  /** Takes no more requests, and resolves when those that run are done. */
  close(): Promise<void>
}

type Parts = { folder: string; holdfast: Holdfast; log: Logger }

/**
 * Listens in the data folder. A socket file on which nobody listens is a dead process's, and is replaced; where somebody listens, the folder is that one's, whatever the storage: SQLite has
 * locked it anyway, the others lock nothing in it. Errors: `folder_in_use`.
 */
export async function openControlServer({ folder, holdfast, log }: Parts): Promise<ControlServer> {
  // with a database elsewhere and the key in the settings nobody has made it yet
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    answer(socket, holdfast, log).catch((error: unknown) => {
      log.error({ err: error }, 'the control socket failed')
      socket.destroy()
    })
  })
  const address = socketAddress(folder)
  const other = await dial(address)
  other?.destroy()
  if (other !== null) throw inUse(folder)
  rmSync(join(folder, socketFile), { force: true })
  const listening = once(server, 'listening')
  // bound within this call, so the socket appears under its final mode: no moment in which others could connect
  const mask = process.umask(0o177)
  server.listen(address)
  process.umask(mask)
  await listening
  chmodSync(join(folder, socketFile), 0o600)
  return { close: () => new Promise((resolve) => server.close(() => resolve())) }
}

const inUse = (folder: string): AppError =>
  new AppError(
    'conflict',
    'folder_in_use',
    `The data folder ${folder} is in use by another server. Stop that one first, or choose another folder with HOLDFAST_DATA.`,
  )

async function answer(socket: Socket, holdfast: Holdfast, log: Logger): Promise<void> {
  const line = await firstLine(socket)
  if (line === null) return void socket.end()
  const send = (message: WireMessage): void => {
    if (socket.writable) socket.write(`${JSON.stringify(message)}\n`)
  }
  const startedMs = performance.now()
  const tell = (request: string, outcome: string) =>
    log.info({ surface: 'cli', operation: request, outcome, ms: Math.round(performance.now() - startedMs) }, 'command')
  let name = '(unreadable)'
  const events: Events = { progress: (progress) => send({ progress }) }
  try {
    const request = JSON.parse(line) as Request
    name = request.name
    const output = (await execute(holdfast, request, events, true)) ?? null
    tell(name, 'done')
    send({ output })
  } catch (error) {
    const shown = shownError(error)
    if (shown.code !== 'internal') tell(name, shown.code)
    else log.error({ surface: 'cli', operation: name, err: error }, 'command')
    send({ error: toWire(shown) })
  }
  socket.end()
}

/** The request, or null when the other side only looked whether anyone is there. */
async function firstLine(socket: Socket): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve) => {
    socket.on('close', () => resolve(null))
    socket.on('end', () => resolve(null))
    socket.on('data', (chunk: Buffer) => {
      const end = chunk.indexOf(10)
      chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
      length += chunk.length
      if (end !== -1) resolve(Buffer.concat(chunks).toString())
      else if (length > longestRequest) socket.destroy()
    })
  })
}
