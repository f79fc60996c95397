import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { Hasher } from '../session/hasher.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

test('a body that breaks off is the client’s failure, not ours', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const mine = await logging.signIn()
  const port = Number(new URL(await logging.listen()).port)
  const head = `POST /v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mine}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"user`
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head, () => setTimeout(() => socket.destroy(), 100)))
    socket.on('close', () => resolve())
  })
  const lineOf = () => logging.logged.map((line) => JSON.parse(line)).find(({ operation }) => operation === 'user.create')
  await expect.poll(lineOf, { timeout: 60_000 }).toMatchObject({ outcome: 'aborted', status: 400, code: 'bad_request' })
  await logging.close()
})

test('an answer that arrives is no aborted one', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const base = await logging.listen()
  await (await fetch(`${base}/health`)).text()
  await logging.send('GET', '/health')
  await expect.poll(() => logging.logged.filter((line) => line.includes('/health')).length).toBe(2)
  for (const line of logging.logged.filter((one) => one.includes('/health'))) expect(JSON.parse(line).outcome).toBe('done')
  await logging.close()
})

/** Sends a user to be made, and calls `sent` when the connection has taken it. */
async function sendUser(server: TestServer, username: string, sent: (socket: Socket) => void): Promise<string> {
  const mine = await server.signIn()
  const port = Number(new URL(await server.listen()).port)
  const body = JSON.stringify({ username, password: 'a good long passphrase' })
  const head = `POST /v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mine}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head + body, () => sent(socket)))
    socket.on('close', () => resolve())
  })
  return mine
}

const linesOf = ({ logged }: TestServer) => logged.map((line) => JSON.parse(line)).filter(({ operation }) => operation === 'user.create')

test('work whose client left is told of when it has ended, once', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const { stats } = logging.holdfast.runtime.services.hasher as Hasher
  const mine = await sendUser(logging, 'left', (socket) => {
    // its password is worked on
    const looking = setInterval(() => {
      if (stats().active === 0) return
      clearInterval(looking)
      socket.destroy()
    }, 1)
  })
  await expect.poll(() => linesOf(logging).length, { timeout: 60_000 }).toBe(1)
  expect(linesOf(logging)[0]).toMatchObject({ outcome: 'aborted', status: 201 })
  const { body: users } = await logging.send('GET', '/v1/users?q=left', { token: mine })
  expect(users.items).toHaveLength(1)
  await logging.close()
})

test('a client that leaves at once is told of too, and what it sent is done or not', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const mine = await sendUser(logging, 'gone', (socket) => socket.destroy())
  await expect.poll(() => linesOf(logging).length, { timeout: 60_000 }).toBe(1)
  const [{ outcome, status }] = linesOf(logging)
  expect(outcome).toBe('aborted')
  const { body: users } = await logging.send('GET', '/v1/users?q=gone', { token: mine })
  expect([status, users.items.length]).toEqual(status === 201 ? [201, 1] : [400, 0])
  await logging.close()
})
