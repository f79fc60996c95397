import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { AnyEntity } from '../kernel/entity.ts'
import { Idempotency } from '../kernel/idempotency.ts'
import { platformTenant } from '../storage/port.ts'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enterOwner, found, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { PasswordReset, RefreshToken, Session, Throttle } from './entity.ts'
import { pruneExpired } from './prune.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
beforeEach(async () => {
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const day = 24 * 60 * 60 * 1000
const prune = () => pruneExpired(server.holdfast.runtime)
const counts = async (tenantId: string) => {
  const store = server.holdfast.runtime.storage.tenant(tenantId)
  const count = (type: AnyEntity) => store.count(type, {})
  return {
    sessions: await count(Session),
    tokens: await count(RefreshToken),
    throttles: await count(Throttle),
    resets: await count(PasswordReset),
    answers: await count(Idempotency),
  }
}

/** One row of each kind that expires, and the platform's row of the network. */
async function fill(by: Person): Promise<void> {
  const ann = await join(server, by)
  await attempt(server, { login: ann.username, password: 'a wrong passphrase', tenant: by.tenantId })
  await server.send('POST', `/v1/users/${ann.id}/password-resets`, {
    token: by.token,
    body: {},
    headers: { 'idempotency-key': ann.username },
  })
}

test('what lives is left, and then there is no commit', async () => {
  await fill(owner)
  const before = await counts(owner.tenantId)
  for (const count of Object.values(before)) expect(count).toBeGreaterThan(0)
  const actions = await actionsOf(server, async () => expect(await prune()).toBe(0))
  expect(actions).toEqual([])
  expect(await counts(owner.tenantId)).toEqual(before)
})

test('each kind goes at its own time, in every tenant', async () => {
  const other = await found(server)
  for (const by of [owner, other]) await fill(by)
  moveClock(server, 60_001)
  await prune()
  expect(await counts(platformTenant)).toMatchObject({ throttles: 0 })
  expect(await counts(other.tenantId)).toEqual({ sessions: 2, tokens: 2, throttles: 1, resets: 1, answers: 1 })
  moveClock(server, day)
  await prune()
  for (const { tenantId } of [owner, other]) expect(await counts(tenantId)).toMatchObject({ throttles: 0, resets: 0, answers: 0 })
  expect(await counts(other.tenantId)).toMatchObject({ sessions: 2, tokens: 2 })
  moveClock(server, 6 * day)
  expect(await prune()).toBeGreaterThan(0)
  for (const { tenantId } of [owner, other])
    expect(await counts(tenantId)).toEqual({ sessions: 0, tokens: 0, throttles: 0, resets: 0, answers: 0 })
})

test('it is the system that does it, in small commits', async () => {
  for (let time = 0; time < 30; time++)
    await attempt(server, { login: 'owner', password: 'correct horse battery staple', tenant: owner.tenantId })
  moveClock(server, 7 * day)
  const actions = await actionsOf(server, prune)
  expect(new Set(actions)).toEqual(new Set(['maintenance.prune']))
  owner = await enterOwner(server)
  const { items } = (await server.send('GET', '/v1/audit?action=maintenance.prune', { token: owner.token })).body
  expect(items[0]).toMatchObject({ actor: { id: null, kind: 'system', name: 'system' }, entity: null })
  for (const { changes } of items) expect(changes.length).toBeLessThanOrEqual(50)
})

test('a session refreshed in the meantime is left, and so is whoever runs at the same time', async () => {
  const { runtime } = server.holdfast
  const people = [owner, await join(server, owner), await join(server, owner)]
  moveClock(server, 7 * day - 1)
  const refreshed = await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: owner.refreshToken } })
  moveClock(server, 1)
  const removed = await Promise.all([pruneExpired(runtime), pruneExpired(runtime)])
  expect(Math.max(...removed)).toBeGreaterThanOrEqual(people.length)
  expect((await server.send('GET', '/v1/me', { token: String(refreshed.body.accessToken) })).status).toBe(200)
  const integrity = await server.send('GET', '/v1/integrity', { token: String(refreshed.body.accessToken) })
  expect(integrity.body).toMatchObject({ status: 'ok', problems: [] })
})
