import { afterEach, beforeEach, expect, test } from 'vitest'
import { moveClock } from '../testing/clock.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const days = 24 * 60 * 60 * 1000
const keys = () => server.holdfast.runtime.services.keys
const kids = () =>
  keys()
    .list()
    .filter(({ state }) => state === 'active')
    .map(({ kid }) => kid)

test('keys younger than 90 days stay', async () => {
  moveClock(server, 90 * days - 60_000)
  expect(await keys().rotateIfDue()).toBe(false)
})

test('keys of 90 days get successors, and what the former ones signed stays good', async () => {
  const token = await server.signIn()
  const before = kids()
  moveClock(server, 90 * days + 1000)
  expect(await keys().rotateIfDue()).toBe(true)
  expect(kids()).toHaveLength(2)
  expect(kids()).not.toEqual(before)
  moveClock(server, -90 * days)
  expect((await server.send('GET', '/v1/me', { token })).status).toBe(200)
  expect((await server.send('GET', '/v1/integrity', { token })).body.problems).toEqual([])
})

test('a retired token key leaves at the rotation after its week, a log key never', async () => {
  await server.signIn()
  for (let count = 0; count < 3; count++) {
    moveClock(server, 91 * days)
    await keys().rotateIfDue()
  }
  const of = (purpose: string) =>
    keys()
      .list()
      .filter((key) => key.purpose === purpose)
  expect(of('log')).toHaveLength(4)
  expect(of('token')).toHaveLength(2)
  await server.restart()
  expect(of('log')).toHaveLength(4)
})
