import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { knownCode } from './words.ts'

/** What a client may leave unread before its socket is closed, in bytes. */
const mostUnsent = 1024 * 1024
const messagesPerSecond = 100

/** One text for the many sockets that an operation goes to: they are sent the very same object. */
const texts = new WeakMap<object, { key: string; text: string }>()

type Message = { error?: { code: string }; a?: unknown; op?: unknown; v?: unknown; src?: unknown; seq?: unknown; d?: unknown }

function textOf(message: Message): string {
  const { a, op, v, src, seq, d, error } = message
  if (error !== undefined) return JSON.stringify({ ...message, error: { ...error, code: knownCode(error.code) } })
  if (a !== 'op' || typeof op !== 'object' || op === null) return JSON.stringify(message)
  const key = `${d} ${v} ${src} ${seq}`
  const known = texts.get(op)
  if (known?.key === key) return known.text
  const text = JSON.stringify(message)
  texts.set(op, { key, text })
  return text
}

/** A WebSocket as ShareDB wants it: a stream of messages, with bounds on what comes in and on what is not taken out. */
export class SocketStream extends Duplex {
  private readonly socket: WebSocket
  private received = 0
  private secondStartedMs = performance.now()

  constructor(socket: WebSocket) {
    super({ objectMode: true, autoDestroy: true })
    this.socket = socket
    socket.on('message', (data, isBinary) => this.accept(isBinary ? null : String(data)))
    socket.on('close', () => {
      this.push(null)
      this.destroy()
    })
    socket.on('error', () => this.end())
    this.on('finish', () => this.close(1000, 'ended'))
  }

  override _read(): void {}

  override _write(message: Message, _encoding: string, done: () => void): void {
    const { socket } = this
    if (socket.readyState === socket.OPEN) {
      if (socket.bufferedAmount > mostUnsent) socket.terminate()
      else socket.send(textOf(message))
    }
    done()
  }

  close(code: number, reason: string): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.close(code, reason)
  }

  private accept(text: string | null): void {
    const nowMs = performance.now()
    if (nowMs - this.secondStartedMs >= 1_000) {
      this.secondStartedMs = nowMs
      this.received = 0
    }
    this.received += 1
    if (this.received > messagesPerSecond) {
      this.close(1008, 'too many messages')
      return
    }
    const message = parsed(text)
    if (message === null) this.close(1007, 'no JSON object')
    else this.push(message)
  }
}

function parsed(text: string | null): object | null {
  try {
    const message: unknown = text === null ? null : JSON.parse(text)
    return typeof message === 'object' && message !== null && !Array.isArray(message) ? message : null
  } catch {
    return null
  }
}
