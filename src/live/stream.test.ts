import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { frameOf, SocketStream } from './stream.ts'

let server: WebSocketServer
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
})
afterAll(() => server.close())

async function connected(): Promise<{ stream: SocketStream; told: string[]; close: () => void }> {
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const told: string[] = []
  client.on('message', (data) => told.push(String(data)))
  const [socket] = await accepted
  return { stream: new SocketStream(socket), told, close: () => client.close() }
}

const operation = (text: string) => ({ a: 'op', op: [text], v: 1, src: 's', seq: 1, d: 'd' })
/** An operation whose message has so many bytes of UTF-8. */
function ofBytes(bytes: number, sign: string) {
  const rest = bytes - Buffer.byteLength(JSON.stringify(operation('')))
  const width = Buffer.byteLength(sign)
  const message = operation(sign.repeat(Math.floor(rest / width)) + 'x'.repeat(rest % width))
  expect(Buffer.byteLength(JSON.stringify(message))).toBe(bytes)
  return message
}

test.each(['x', 'é', '\u{1f4a7}'])('frames that many are sent are whole on both sides of each length of a header (%s)', async (sign) => {
  const messages = [125, 126, 127, 65_535, 65_536, 200_000].map((bytes) => ofBytes(bytes, sign))
  const readers = [await connected(), await connected()]
  for (const message of messages)
    for (const { stream } of readers) {
      stream.pass(frameOf(JSON.stringify(message)))
      stream.write({ a: 'r', between: sign })
    }
  const wanted = messages.flatMap((message) => [JSON.stringify(message), JSON.stringify({ a: 'r', between: sign })])
  for (const { told, close } of readers) {
    await expect.poll(() => told.length).toBe(wanted.length)
    expect(told).toEqual(wanted)
    close()
  }
})

test('what goes to many, what goes to one between, and what came before an end arrive in their order', async () => {
  const { stream, told } = await connected()
  const sent = [operation('1'), operation('2'), { a: 'r', of: 'one' }, operation('3')]
  for (const message of sent) message.a === 'op' ? stream.pass(frameOf(JSON.stringify(message))) : stream.write(message)
  stream.end()
  await expect.poll(() => told.map((text) => JSON.parse(text))).toEqual(sent)
})
