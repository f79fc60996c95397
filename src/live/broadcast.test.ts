import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import ShareDB from 'sharedb'
import type Agent from 'sharedb/lib/agent.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { broadcast, type Listeners, type OpStream } from './broadcast.ts'
import type { Caller } from './rights.ts'
import { SocketStream } from './stream.ts'

const OwnStream = createRequire(import.meta.url)('sharedb/lib/op-stream.js') as new () => OpStream
const id = '01a2218a-0000-7000-8000-000000000001'

let server: WebSocketServer
let backend: ShareDB
beforeAll(async () => {
  backend = new ShareDB({ doNotForwardSendPresenceErrorsToClient: true })
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
})
afterAll(() => {
  backend.close()
  server.close()
})

/** Somebody who follows the document and was found to be allowed to. */
async function listener() {
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const versions: number[] = []
  client.on('message', (data) => {
    const { a, v } = JSON.parse(String(data))
    if (a === 'op') versions.push(v)
  })
  const [socket] = await accepted
  const stream = new SocketStream(socket)
  const agent = backend.listen(stream) as Agent<Caller>
  const readable = new Map([[id, { epoch: 1, atMs: performance.now() }]])
  agent.custom = { readable, judging: 0, rights: { epoch: () => 1, settled: () => null } } as unknown as Caller
  const ops = new OwnStream()
  const inner = agent as unknown as { subscribedDocs: object; _src(): string }
  inner.subscribedDocs = { checklists: { [id]: ops } }
  const listeners: Listeners = new Map([[stream, agent]])
  const send = (...sent: { v: number; src?: string }[]) =>
    broadcast(
      listeners,
      id,
      sent.map(({ v, src = 'another' }) => ({ src, seq: v, v, op: ['x'] })),
    ).has(ops)
  return { agent, ops, versions, send, src: inner._src() }
}

test('operations go to whoever may read them and waits for nothing, in one go', async () => {
  const { ops, versions, send } = await listener()
  ops.on('data', () => undefined)
  expect(send({ v: 1 })).toBe(true)
  expect(send({ v: 2 }, { v: 3 })).toBe(true)
  await expect.poll(() => versions).toEqual([1, 2, 3])
})

test('whoever sent one of them is served, and is sent the others alone', async () => {
  const { ops, versions, send, src } = await listener()
  ops.on('data', () => undefined)
  expect(send({ v: 1, src })).toBe(true)
  expect(send({ v: 2 }, { v: 3, src }, { v: 4 })).toBe(true)
  await expect.poll(() => versions).toEqual([2, 4])
})

test('whoever has to be judged, or is being judged, is left to ShareDB', async () => {
  const { agent, ops, versions, send } = await listener()
  ops.on('data', () => undefined)
  agent.custom.judging = 1
  expect(send({ v: 1 })).toBe(false)
  agent.custom.judging = 0
  // what ShareDB was left may still be on its way through this turn
  expect(send({ v: 2 })).toBe(false)
  await turn()
  expect(send({ v: 3 })).toBe(true)
  agent.custom.readable.set(id, { epoch: 0, atMs: performance.now() })
  expect(send({ v: 4 })).toBe(false)
  agent.custom.readable.set(id, { epoch: 1, atMs: performance.now() - 40_000 })
  await turn()
  expect(send({ v: 5 })).toBe(false)
  await expect.poll(() => versions).toEqual([3])
})

test('whoever still waits for the document is left to ShareDB until that has sent what it holds back', async () => {
  const { ops, send } = await listener()
  expect(send({ v: 1 })).toBe(false)
  ops.pushData({ v: 1 })
  await turn()
  expect(send({ v: 2 })).toBe(false)
  ops.pushData({ v: 2 })
  const heard: unknown[] = []
  ops.on('data', ({ v }) => heard.push(v))
  expect(send({ v: 3 })).toBe(false)
  await turn()
  expect(heard).toEqual([1, 2])
  expect(send({ v: 4 })).toBe(true)
})
