import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { knownCode } from './words.ts'

/** What a client may leave unread before its socket is closed, in bytes. */
const mostUnsent = 1024 * 1024
const messagesPerSecond = 100

/** One frame for the many sockets that an operation goes to: they are sent the very same object. */
const frames = new WeakMap<object, { key: string; frame: Buffer }>()

type Message = { error?: { code: string }; a?: unknown; op?: unknown; v?: unknown; src?: unknown; seq?: unknown; d?: unknown }

/** A text frame as a server sends it: whole, not masked (RFC 6455, section 5.2). */
function frameOf(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafeSlow(start + length)
  frame[0] = 0x81
  frame[1] = length < 126 ? length : length < 65_536 ? 126 : 127
  if (start === 4) frame.writeUInt16BE(length, 2)
  if (start === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.write(text, start)
  return frame
}

/** The frame of an operation that goes to many; null for a message that goes to one. */
function sharedFrame(message: Message): Buffer | null {
  const { a, op, v, src, seq, d, error } = message
  if (a !== 'op' || error !== undefined || typeof op !== 'object' || op === null) return null
  const key = `${d} ${v} ${src} ${seq}`
  const known = frames.get(op)
  if (known?.key === key) return known.frame
  const frame = frameOf(JSON.stringify(message))
  frames.set(op, { key, frame })
  return frame
}

function textOf(message: Message): string {
  const { error } = message
  return JSON.stringify(error === undefined ? message : { ...message, error: { ...error, code: knownCode(error.code) } })
}

/** Streams that have frames to write at the end of this turn of the event loop. */
let waiting: SocketStream[] = []

function flushAll(): void {
  const all = waiting
  waiting = []
  for (const stream of all) stream.flush()
}

/** A WebSocket as ShareDB wants it: a stream of messages, with bounds on what comes in and on what is not taken out. */
export class SocketStream extends Duplex {
  private readonly socket: WebSocket
  private unwritten: Buffer[] = []
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
      else this.send(message)
    }
    done()
  }

  /**
   * Nothing of ours is compressed or divided, so a whole frame may go to the connection between two of `ws`. The kernel's work is most of what hundreds of listeners cost: one write of one buffer instead of a
   * header and a text, made anew for each, is a third less of it; and operations that became durable together, as they do when a server has much to do, leave in one write.
   */
  private send(message: Message): void {
    const frame = sharedFrame(message)
    if (frame === null) {
      this.flush()
      this.socket.send(textOf(message))
      return
    }
    if (this.unwritten.length === 0 && waiting.push(this) === 1) setImmediate(flushAll)
    this.unwritten.push(frame)
  }

  /** Writes the frames of this turn. */
  flush(): void {
    const { unwritten, socket } = this
    this.unwritten = []
    if (unwritten.length === 0 || socket.readyState !== socket.OPEN) return
    const connection = (socket as unknown as { _socket: Socket })._socket
    if (unwritten.length > 1) connection.cork()
    for (const frame of unwritten) connection.write(frame)
    if (unwritten.length > 1) connection.uncork()
  }

  close(code: number, reason: string): void {
    this.flush()
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
