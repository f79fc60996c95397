import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { enter, enterOwner, found, hire, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { Idempotency } from './idempotency.ts'

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

let count = 0
const fresh = (word = 'k') => `${word}${++count}`
type Ask = { by?: Person; method?: string; path?: string; body?: unknown; headers?: Record<string, string> }
const ask = (key: string, { by = owner, method = 'POST', path = '/v1/users', body, headers = {} }: Ask = {}) =>
  server.send(method, path, { token: by.token, headers: { 'idempotency-key': key, ...headers }, ...(body === undefined ? {} : { body }) })
const said = ({ status, body }: Answer) => [status, body?.code]
const replayed = ({ headers }: Answer) => headers['idempotency-replayed']

describe('a key is refused', () => {
  test.each(['', 'x'.repeat(256), 'a b', 'ü', '\u007f'])('when it is %j', async (key) => {
    const actions = await actionsOf(server, async () =>
      expect(said(await ask(key, { body: { username: fresh() } }))).toEqual([422, 'idempotency_key_invalid']),
    )
    expect(actions).toEqual([])
  })

  test.each([
    ['another body', (name: string) => ({ body: { username: `${name}x` } })],
    ['more in the body', (name: string) => ({ body: { username: name, fullName: 'X' } })],
  ])('with %s than before, and nothing happens', async (_what, other) => {
    const [key, username] = [fresh(), fresh('u')]
    expect((await ask(key, { body: { username } })).status).toBe(201)
    const actions = await actionsOf(server, async () => {
      const answer = await ask(key, other(username))
      expect(said(answer)).toEqual([422, 'idempotency_mismatch'])
      expect(replayed(answer)).toBeUndefined()
    })
    expect(actions).toEqual([])
  })
})

describe('the same key and body', () => {
  test('give the first status, body and address again, without a second effect or commit', async () => {
    const [key, body] = ['x'.repeat(254) + (count++ % 10), { username: fresh('u'), fullName: 'Zoë' }]
    const first = await ask(key, { body })
    expect([first.status, replayed(first)]).toEqual([201, undefined])
    const actions = await actionsOf(server, async () => {
      const second = await ask(key, { body: { fullName: 'Zoë', username: body.username } })
      expect([second.status, second.text, replayed(second)]).toEqual([201, first.text, 'true'])
      expect(second.headers).toMatchObject({ location: first.headers.location, etag: first.headers.etag })
      expect(second.headers['holdfast-commit']).toBeUndefined()
      expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
    })
    expect(actions).toEqual([])
  })

  test('have one effect though sent many times at once', async () => {
    const [key, body] = [fresh(), { name: 'machine', role: 'member' }]
    const actions = await actionsOf(server, async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask(key, { path: '/v1/api-keys', body })))
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
      expect(answers.map(replayed).filter((header) => header === undefined)).toHaveLength(1)
    })
    expect(actions).toEqual(['api-key.create'])
  })

  test('work for PATCH, where the version would be stale by then', async () => {
    const { body } = await ask(fresh(), { body: { username: fresh('u') } })
    const change = { method: 'PATCH', path: `/v1/users/${body.id}`, body: { version: 1, fullName: 'Once' } }
    const key = fresh()
    const [first, second] = [await ask(key, change), await ask(key, change)]
    expect([first.status, second.status, second.text, replayed(second)]).toEqual([200, 200, first.text, 'true'])
    expect(said(await ask(fresh(), change))).toEqual([409, 'version_conflict'])
  })

  test('work for DELETE', async () => {
    const made = await ask(fresh(), { path: '/v1/api-keys', body: { name: 'x', role: 'member' } })
    const removal = { method: 'DELETE', path: `/v1/api-keys/${made.body.id}` }
    const key = fresh()
    const [first, second] = [await ask(key, removal), await ask(key, removal)]
    expect([first.status, second.status, second.text, replayed(second)]).toEqual([204, 204, '', 'true'])
    expect(said(await ask(fresh(), removal))).toEqual([404, 'not_found'])
  })

  test('survive a restart', async () => {
    const [key, body] = [fresh(), { username: fresh('u') }]
    const first = await ask(key, { body })
    const nowMs = server.holdfast.runtime.clock.realMs()
    await server.restart()
    stopClock(server)
    moveClock(server, nowMs - server.holdfast.runtime.clock.realMs())
    const second = await ask(key, { body })
    expect([second.text, replayed(second)]).toEqual([first.text, 'true'])
  })

  test('are kept 24 hours, and then are new', async () => {
    const [key, body] = [fresh(), { name: 'x', role: 'member' }]
    const keyIn = async () => (await ask(key, { path: '/v1/api-keys', body })).body.key
    const first = await keyIn()
    moveClock(server, 24 * 60 * 60 * 1000 - 1)
    owner = await enterOwner(server)
    expect(await keyIn()).toBe(first)
    moveClock(server, 1)
    const second = await keyIn()
    expect(second).not.toBe(first)
    expect(await keyIn()).toBe(second)
  })

  test('are kept anew for what lies in another tenant each time', async () => {
    const { username } = await hire(server)
    const key = fresh()
    const make = async () => {
      const by = await enter(server, { login: username, tenant: 'platform' })
      return (await ask(key, { by, path: '/v1/tenants', body: { name: 'Again' } })).body.id
    }
    const first = await make()
    expect(await make()).toBe(first)
    moveClock(server, 24 * 60 * 60 * 1000)
    const second = await make()
    expect(second).not.toBe(first)
    expect(await make()).toBe(second)
  })
})

describe('a key is nobody else’s', () => {
  test('not another person’s, not another machine’s, not another tenant’s', async () => {
    const [admin, other] = [await join(server, owner, { role: 'admin' }), await found(server)]
    const machine = (await ask(fresh(), { path: '/v1/api-keys', body: { name: 'x', role: 'admin' } })).body
    const key = fresh()
    const username = fresh('u')
    expect((await ask(key, { body: { username } })).status).toBe(201)
    expect(said(await ask(key, { by: admin, body: { username } }))).toEqual([409, 'username_taken'])
    expect((await ask(key, { by: other, body: { username } })).status).toBe(201)
    const asMachine = await server.send('POST', '/v1/users', {
      headers: { 'x-api-key': String(machine.key), 'idempotency-key': key },
      body: { username },
    })
    expect(said(asMachine)).toEqual([409, 'username_taken'])
  })

  test('and not that of another method or path', async () => {
    const key = fresh()
    const [one, two] = [await ask(key, { body: { username: fresh('u') } }), await ask(fresh(), { body: { username: fresh('u') } })]
    const paths = [one, two].map(({ body }) => `/v1/users/${body.id}`)
    for (const path of paths) {
      const answer = await ask(key, { method: 'DELETE', path })
      expect([answer.status, replayed(answer)]).toEqual([204, undefined])
    }
  })

  test('is the same person’s in another session', async () => {
    const [key, body] = [fresh(), { username: fresh('u') }]
    const first = await ask(key, { body })
    expect((await ask(key, { by: await enterOwner(server), body })).text).toBe(first.text)
  })
})

describe('nothing is kept', () => {
  test('of a refusal: with what it needed, the same call succeeds', async () => {
    const [key, username] = [fresh(), fresh('u')]
    const { body: taken } = await ask(fresh(), { body: { username } })
    expect(said(await ask(key, { body: { username } }))).toEqual([409, 'username_taken'])
    await server.send('PATCH', `/v1/users/${taken.id}`, { token: owner.token, body: { version: 1, username: fresh('u') } })
    const answer = await ask(key, { body: { username } })
    expect([answer.status, replayed(answer)]).toEqual([201, undefined])
  })

  test('of a read', async () => {
    const key = fresh()
    const actions = await actionsOf(server, async () => {
      for (let time = 0; time < 2; time++) {
        const answer = await ask(key, { method: 'GET', path: '/v1/users' })
        expect([answer.status, replayed(answer)]).toEqual([200, undefined])
      }
    })
    expect(actions).toEqual([])
  })

  test('of sign-in and refresh, whose tokens are new each time', async () => {
    const key = { 'idempotency-key': fresh() }
    const { body } = await server.send('POST', '/v1/sessions', { body: { login: 'nobody', password: 'x' }, headers: key })
    expect(body.code).toBe('invalid_credentials')
    const refresh = () => server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: owner.refreshToken }, headers: key })
    const [first, second] = [await refresh(), await refresh()]
    expect([first.status, second.status, replayed(second)]).toEqual([200, 200, undefined])
    expect(second.body.accessToken).not.toBe(first.body.accessToken)
  })
})

test('an answer is kept in the commit it answers for, and sealed', async () => {
  const key = fresh()
  const answer = await ask(key, { path: '/v1/api-keys', body: { name: 'x', role: 'member' } })
  const { body } = await server.send('GET', `/v1/audit?requestId=${answer.headers['x-request-id']}`, { token: owner.token })
  expect(body.items).toHaveLength(1)
  expect(body.items[0]?.changes.map(({ type }) => String(type)).sort()).toEqual(['api_key', 'idempotency'])
  const { items } = await server.holdfast.runtime.storage.tenant(owner.tenantId).list(Idempotency, { limit: 200 })
  for (const row of items) {
    expect(row.body).toMatch(/^hfs1\./)
    expect(JSON.stringify(row)).not.toContain(String(answer.body.key))
  }
})
