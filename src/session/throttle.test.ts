import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { attempt, cookieOf, enterOwner, found, freshAddress, goodPassword, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { Throttle } from './entity.ts'
import { delayMs, heldForMs } from './throttle.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
// the clock goes on, so each test signs in anew
beforeEach(async () => {
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const wrong = 'a wrong passphrase'

/** Fails so often, each time from another network, and says how each attempt was answered. */
async function fail(login: string, times: number, more: { cookie?: string; tenant?: string | null } = {}): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let time = 0; time < times; time++) answers.push(await attempt(server, { login, password: wrong, ...more }))
  return answers
}

const statuses = (answers: Answer[]) => answers.map(({ status }) => status)

describe('the delay', () => {
  test.each([
    [0, 0],
    [5, 0],
    [6, 2_000],
    [7, 4_000],
    [8, 8_000],
    [14, 512_000],
    [15, 900_000],
    [16, 900_000],
    [1_000, 900_000],
  ])('after %i failures is %i ms', (failures, ms) => expect(delayMs(failures)).toBe(ms))

  test('is never longer than fifteen minutes, though a clock was set back', () => {
    const row = { heldUntil: '2030-01-01T00:00:00.000Z' }
    expect(heldForMs(row, Date.parse('2026-01-01T00:00:00Z'))).toBe(900_000)
    expect(heldForMs(row, Date.parse('2030-01-01T00:00:00Z'))).toBe(0)
  })
})

describe('an account', () => {
  test('has five free failures; the sixth starts two seconds in which even the right password is refused', async () => {
    const ann = await join(server, owner)
    expect(statuses(await fail(ann.username, 6))).toEqual([401, 401, 401, 401, 401, 401])
    const held = await attempt(server, { login: ann.username })
    expect(held).toMatchObject({ status: 429, headers: { 'retry-after': '2' }, body: { code: 'throttled' } })
    expect(held.headers['holdfast-commit']).toBeUndefined()
    moveClock(server, 2_001)
    expect((await attempt(server, { login: ann.username })).status).toBe(201)
  })

  test('is free again after five failures and a good sign-in', async () => {
    const ann = await join(server, owner)
    for (let round = 0; round < 2; round++) {
      expect(statuses(await fail(ann.username, 5))).toEqual([401, 401, 401, 401, 401])
      expect((await attempt(server, { login: ann.username })).status).toBe(201)
    }
  })

  test('waits twice as long with each further failure, and an attempt in the delay does not lengthen it', async () => {
    const ann = await join(server, owner)
    await fail(ann.username, 6)
    for (const seconds of [2, 4, 8]) {
      const [first, second] = await fail(ann.username, 2)
      expect([first?.status, first?.headers['retry-after'], second?.headers['retry-after']]).toEqual([429, `${seconds}`, `${seconds}`])
      moveClock(server, seconds * 1000 + 1)
      expect(statuses(await fail(ann.username, 1))).toEqual([401])
    }
  })

  test('is the same by username, by address, in any case, with its tenant or without', async () => {
    const ann = await join(server, owner)
    const { body } = await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })
    const address = `${ann.username}@example.org`
    await server.send('PATCH', `/v1/users/${ann.id}`, { token: owner.token, body: { version: body.version, email: address } })
    await fail(ann.username, 2)
    await fail(address.toUpperCase(), 2)
    await fail(ann.username.toUpperCase(), 2, { tenant: owner.tenantId })
    expect((await attempt(server, { login: ann.username })).status).toBe(429)
  })

  test('does not hold its namesake of another tenant', async () => {
    const other = await found(server)
    const ann = await join(server, owner)
    await join(server, other, { username: ann.username })
    await fail(ann.username, 6, { tenant: owner.tenantId })
    expect((await attempt(server, { login: ann.username, tenant: owner.tenantId })).status).toBe(429)
    expect((await attempt(server, { login: ann.username, tenant: other.tenantId })).status).toBe(201)
  })

  test('forgets its failures a day after the last one', async () => {
    const ann = await join(server, owner)
    await fail(ann.username, 6)
    moveClock(server, 24 * 60 * 60 * 1000 + 1)
    expect(statuses(await fail(ann.username, 5))).toEqual([401, 401, 401, 401, 401])
    expect((await attempt(server, { login: ann.username })).status).toBe(201)
  })

  test('that does not exist is held in the same way, with the same words', async () => {
    const ann = await join(server, owner)
    for (const tenant of [owner.tenantId, null]) {
      const [real, invented] = [await fail(ann.username, 7, { tenant }), await fail(`nobody-${randomUUID()}`, 7, { tenant })]
      const seen = (answers: Answer[]) =>
        answers.map(({ status, headers, body }) => [status, headers['retry-after'], { ...body, requestId: 0 }])
      expect(seen(invented)).toEqual(seen(real))
      moveClock(server, 24 * 60 * 60 * 1000 + 1)
    }
  })

  test('that does not exist is the same with its tenant by id and by key', async () => {
    const other = await found(server)
    const login = `nobody-${randomUUID()}`
    await fail(login, 3, { tenant: other.tenantId })
    await fail(login, 3, { tenant: other.key })
    expect((await attempt(server, { login, tenant: other.tenantId })).status).toBe(429)
  })

  test.each([
    ['wrong ones alone', false],
    ['the right one among them', true],
  ])('grants parallel guesses no more than its free ones: %s', async (_what, hasRight) => {
    const ann = await join(server, owner)
    const guesses = Array.from({ length: 30 }, (_, at) => (hasRight && at === 29 ? goodPassword : `${wrong} ${at}`))
    const answers = await Promise.all(guesses.map((password) => attempt(server, { login: ann.username, password })))
    const checked = answers.filter(({ status }) => status !== 429)
    expect(statuses(checked)).toEqual([401, 401, 401, 401, 401, 401])
  })
})

test('of very many attempts at one account at once the last ones are told to come again', async () => {
  const ann = await join(server, owner)
  const answers = await Promise.all(
    Array.from({ length: 130 }, (_, at) => attempt(server, { login: ann.username, password: `${wrong} ${at}` })),
  )
  const of = (status: number) => answers.filter((answer) => answer.status === status)
  expect([of(401).length, of(401).length + of(429).length + of(503).length]).toEqual([6, 130])
  expect(of(503).length).toBeGreaterThan(0)
  for (const { headers, body } of of(503)) expect([headers['retry-after'], body.code]).toEqual(['1', 'busy'])
})

describe('a known device', () => {
  test('lets its owner in while the account is held', async () => {
    const ann = await join(server, owner)
    const cookie = cookieOf(await attempt(server, { login: ann.username }))
    await fail(ann.username, 6)
    expect((await attempt(server, { login: ann.username })).status).toBe(429)
    expect((await attempt(server, { login: ann.username, cookie: `a=b; ${cookie}; c=d` })).status).toBe(201)
  })

  test('is no way around the throttle for whoever stole it', async () => {
    const ann = await join(server, owner)
    const cookie = cookieOf(await attempt(server, { login: ann.username }))
    expect(statuses(await fail(ann.username, 7, { cookie }))).toEqual([401, 401, 401, 401, 401, 401, 429])
    expect((await attempt(server, { login: ann.username })).status).toBe(201)
  })

  test('is known for one user alone, until the password changes, and not when it was tampered with', async () => {
    const [ann, bob] = [await join(server, owner), await join(server, owner)]
    const cookie = cookieOf(await attempt(server, { login: ann.username }))
    for (const person of [ann, bob]) await fail(person.username, 6)
    const [name = '', value = ''] = cookie.split('=')
    const parts = value.split('~')
    const forged = [
      `${name}=${[parts[0], bob.id, parts[2], parts[3]].join('~')}`,
      `${name}=${[parts[0], parts[1], Date.now() + 1, parts[3]].join('~')}`,
      `${name}=${value.slice(0, -1)}`,
      `${name}=${'x'.repeat(400)}`,
    ]
    expect((await attempt(server, { login: bob.username, cookie })).status).toBe(429)
    for (const one of forged) {
      expect((await attempt(server, { login: ann.username, cookie: one })).status).toBe(429)
      expect((await attempt(server, { login: bob.username, cookie: one })).status).toBe(429)
    }
    moveClock(server, 1)
    const change = { newPassword: 'another long passphrase' }
    await server.send('POST', `/v1/users/${ann.id}/password`, { token: owner.token, body: change })
    expect((await attempt(server, { login: ann.username, password: change.newPassword, cookie })).status).toBe(429)
  })

  test('is forgotten after a year', async () => {
    const ann = await join(server, owner)
    const cookie = cookieOf(await attempt(server, { login: ann.username }))
    moveClock(server, 365 * 24 * 60 * 60 * 1000 + 1)
    await fail(ann.username, 6)
    expect((await attempt(server, { login: ann.username, cookie })).status).toBe(429)
  })
})

test('the counters survive a restart', async () => {
  const ann = await join(server, owner)
  const from = freshAddress()
  for (let failures = 1; failures <= 12; failures++) {
    moveClock(server, delayMs(failures - 1) + 1)
    await fail(ann.username, 1)
  }
  for (let time = 0; time < 30; time++) await attempt(server, { login: `nobody-${time}`, password: wrong, from })
  const nowMs = server.holdfast.runtime.clock.realMs()
  await server.restart()
  moveClock(server, nowMs - Date.now())
  expect((await attempt(server, { login: ann.username })).body.code).toBe('throttled')
  expect((await attempt(server, { login: owner.username, from })).body.code).toBe('network_throttled')
})

test('no login stands readable in a counter', async () => {
  const login = `somebody-${randomUUID()}`
  await fail(login, 1)
  const { items } = await server.holdfast.runtime.storage.platform().list(Throttle, { limit: 200 })
  expect(items.length).toBeGreaterThan(0)
  expect(JSON.stringify(items)).not.toContain(login)
})
