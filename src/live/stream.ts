import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { knownCode } from './words.ts'

/** What a client may leave unread before its socket is closed, in bytes. */
const mostUnsent = 1024 * 1024
const messagesPerSecond = 100

type Message = { error?: { code: string } }

/** A text frame as a server sends it: whole, not masked (RFC 6455, section 5.2). */
export function frameOf(text: string): Buffer {
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

function textOf(message: Message): string {
  const { error } = message
  return JSON.stringify(error === undefined ? message : { ...message, error: { ...error, code: knownCode(error.code) } })
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
    if (this.isTaking()) this.socket.send(textOf(message))
    done()
  }

  /**
   * Sends frames that many are sent. Nothing of ours is compressed or divided, so that whole frames may go to the connection between two of `ws`: the kernel's work is most of what hundreds of listeners cost, and
   * one write of one buffer is a third less of it than a header and a text, made anew for each.
   */
  pass(frames: Buffer): void {
    if (this.isTaking()) (this.socket as unknown as { _socket: Socket })._socket.write(frames)
  }

  /** False when nothing can be sent. Who leaves too much unread is cut off. */
  private isTaking(): boolean {
    const { socket } = this
    if (socket.readyState !== socket.OPEN) return false
    if (socket.bufferedAmount <= mostUnsent) return true
    socket.terminate()
    return false
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
