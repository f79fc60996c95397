import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownerPassword, startTestServer, type TestServer } from '../testing/server.ts'
import type { Hasher } from './hasher.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

/** A sign-in each of another name: of one name only a few are tried at once. */
function asked(index: number): string {
  const body = JSON.stringify({ login: `nobody-${index}`, password: 'a good long passphrase' })
  return `POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

test('sign-ins whose clients have gone away are not worked for, and count as no failure', async () => {
  const { stats } = server.holdfast.runtime.services.hasher as Hasher
  const port = Number(new URL(await server.listen()).port)
  const sockets = await Promise.all(
    Array.from(
      { length: 60 },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket)).on('error', () => {})
        }),
    ),
  )
  for (const [index, socket] of sockets.entries()) socket.write(asked(index))
  await expect.poll(() => stats().queued, { interval: 1 }).toBeGreaterThan(5)
  for (const socket of sockets) socket.resetAndDestroy()
  await expect.poll(() => stats().active + stats().queued).toBe(0)

  // thirty failures a minute of one network are the limit: had all of them been worked for, this one would be refused
  const { status } = await server.send('POST', '/v1/sessions', { body: { login: 'owner', password: ownerPassword } })
  expect(status).toBe(201)
})
