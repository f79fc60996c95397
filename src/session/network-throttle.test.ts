import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { networkOf } from '../http/network.ts'
import { patched, update } from '../kernel/change.ts'
import { type Context, system } from '../kernel/context.ts'
import { moveClock, stopClock } from '../testing/clock.ts'
import { testEngine } from '../testing/engines.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enterOwner, freshAddress, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Throttle } from './entity.ts'
import { createHasher } from './hasher.ts'
import { signInFailures, withinNetwork } from './network-throttle.ts'

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

describe('a network', () => {
  const failFrom = (from: string, login = `nobody-${randomUUID()}`) => attempt(server, { login, password: wrong, from })

  /** Fails once, and makes that 29 failures of the same moment. */
  async function failAlmost(from: string): Promise<void> {
    const platform = server.holdfast.runtime.storage.platform()
    expect((await failFrom(from)).status).toBe(401)
    const row = await platform.get(Throttle, `network:${networkOf(from)}`)
    if (row === null) throw new Error('the failure was not counted')
    const almost = patched(Throttle, row, { recent: Array.from({ length: 29 }, () => row.recent[0]) }, row.updatedAt)
    const meta = { actor: system, action: 'test', entity: null, requestId: null, time: row.updatedAt }
    await platform.commit([update(Throttle, row, almost)], meta)
  }

  test('has thirty failures a minute', async () => {
    const ann = await join(server, owner)
    const from = freshAddress()
    for (let time = 0; time < 30; time++) expect((await failFrom(from)).status).toBe(401)
    const refused = await attempt(server, { login: ann.username, from })
    expect(refused).toMatchObject({ status: 429, body: { code: 'network_throttled' } })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(30)
    expect((await attempt(server, { login: ann.username })).status).toBe(201)
    moveClock(server, 60_001)
    expect((await attempt(server, { login: ann.username, from })).status).toBe(201)
  })

  test.each([
    ['the loopback is one', '127.0.0.1', '127.0.0.1', 429],
    ['an IPv6 /64 is one', '2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', 429],
    ['an IPv4 address in IPv6 clothes is the same', '192.0.2.77', '::ffff:192.0.2.77', 429],
    ['the next IPv6 /64 is another one', '2001:db8:7:7::1', '2001:db8:7:8::1', 401],
    ['the next IPv4 address is another one', '192.0.2.80', '192.0.2.81', 401],
  ])('%s', async (_what, first, second, status) => {
    await failAlmost(first)
    expect((await failFrom(first)).status).toBe(401)
    expect((await failFrom(second)).status).toBe(status)
  })

  test('does not count good sign-ins', async () => {
    const ann = await join(server, owner)
    const from = freshAddress()
    await failAlmost(from)
    for (let time = 0; time < 3; time++) expect((await attempt(server, { login: ann.username, from })).status).toBe(201)
    expect((await failFrom(from)).status).toBe(401)
    expect((await attempt(server, { login: ann.username, from })).status).toBe(429)
  })

  test('counts attempts in a delay too, but none that it refuses itself', async () => {
    const ann = await join(server, owner)
    const from = freshAddress()
    for (let time = 0; time < 30; time++) await failFrom(from, ann.username)
    const actions = await actionsOf(server, async () => expect((await failFrom(from)).body.code).toBe('network_throttled'))
    expect(actions).toEqual([])
  })

  test('grants parallel guesses at many accounts no more than thirty', async () => {
    const from = freshAddress()
    const answers = await Promise.all(Array.from({ length: 45 }, () => failFrom(from)))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(30)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(15)
  })
})

describe('of one network, when hashes take long', () => {
  const patient = { timeout: 60_000 }

  /** Attempts that are under way until they are let go, as of a network of their own. */
  async function line() {
    const hasher = createHasher({ memoryKib: 65_536, iterations: 4, parallelism: 1, concurrency: 1 })
    await hasher.burn()
    expect(hasher.paceMs()).toBeGreaterThan(1000 / 64)
    const { runtime } = server.holdfast
    const network = freshAddress()
    const started: number[] = []
    const endings: (() => void)[] = []
    const attempts = Array.from({ length: 80 }, (_, n) => {
      const context = { origin: { network, requestId: `r${n}` }, runtime, services: { ...runtime.services, hasher } } as unknown as Context
      return withinNetwork(context, signInFailures, async () => {
        started.push(n)
        await new Promise<void>((resolve) => endings.push(resolve))
        return n
      })
    })
    const settled = Promise.allSettled(attempts)
    await vi.waitFor(() => expect(started).toHaveLength(30), patient)
    return { started, endings, attempts, settled }
  }

  test('those beyond the thirty and a few who wait are told at once to come again, and the others come in as they came', async () => {
    const { started, endings, attempts, settled } = await line()
    const refused = new Map<number, unknown>()
    for (const [n, one] of attempts.entries()) one.catch((error: unknown) => refused.set(n, error))
    await vi.waitFor(() => expect(refused.size).toBe(16), patient)
    for (const error of refused.values()) expect(error).toMatchObject({ kind: 'unavailable', code: 'busy', retryAfterSeconds: 1 })
    for (let gone = 1; gone <= 34; gone++) {
      endings[gone]?.()
      await vi.waitFor(() => expect(started).toHaveLength(30 + gone), patient)
    }
    for (const end of endings) end()
    expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(64)
    // across a network, reads come back in any order
    const came = testEngine === 'sqlite' ? started : [...started, ...refused.keys()].sort((a, b) => a - b)
    expect(came).toEqual(Array.from({ length: testEngine === 'sqlite' ? 64 : 80 }, (_, n) => n))
  })

  test('all come in that wait, though many places come free at once', async () => {
    const { started, endings, settled } = await line()
    for (const end of endings.slice(0, 30)) end()
    await vi.waitFor(() => expect(started).toHaveLength(60), patient)
    for (const end of endings) end()
    await vi.waitFor(() => expect(started).toHaveLength(64), patient)
    for (const end of endings) end()
    await settled
  })
})

test('a right guess beyond the thirty is not even checked', async () => {
  const ann = await join(server, owner)
  const from = freshAddress()
  await Promise.all(Array.from({ length: 44 }, () => attempt(server, { login: `nobody-${randomUUID()}`, password: wrong, from })))
  expect((await attempt(server, { login: ann.username, from })).body.code).toBe('network_throttled')
})
