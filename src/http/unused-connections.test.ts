import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startTestServer } from '../testing/server.ts'

test('a server stops though somebody holds a connection on which nothing was asked', async () => {
  const server = await startTestServer()
  const { hostname, port } = new URL(await server.listen())
  const socket = connect(Number(port), hostname)
  await new Promise((resolve) => socket.once('connect', resolve))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const ended = new Promise((resolve) => socket.once('close', resolve))
  await server.close()
  await ended
  expect(socket.destroyed).toBe(true)
}, 60_000)
