import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person
let ann: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
// the clock goes on, so each test signs in anew
beforeEach(async () => {
  owner = await enterOwner(server)
  ann = await join(server, owner)
})
afterAll(() => server.close())

const refresh = (refreshToken: unknown) => server.send('POST', '/v1/sessions/refresh', { body: { refreshToken } })
const me = (token: unknown) => server.send('GET', '/v1/me', { token: String(token) })
const said = ({ status, body }: Answer) => [status, body?.code]
const next = async (refreshToken: unknown): Promise<string> => String((await refresh(refreshToken)).body.refreshToken)

describe('a refresh is refused', () => {
  test.each([
    ['an unknown token', `hfr_${'x'.repeat(43)}`, 401],
    ['an access token', 'a.b.c', 401],
    ['an empty text', '', 422],
    ['a text that no token is as long as', 'x'.repeat(201), 422],
    ['a number', 7, 422],
  ])('for %s', async (_what, token, status) => {
    const actions = await actionsOf(server, async () => {
      const answer = await refresh(token)
      expect(answer.status).toBe(status)
      expect(answer.headers['holdfast-commit']).toBeUndefined()
    })
    expect(actions).toEqual([])
  })

  test('after seven days without one, and not a moment before', async () => {
    const bob = await join(server, owner)
    moveClock(server, 7 * 24 * 60 * 60 * 1000 - 1)
    expect((await refresh(ann.refreshToken)).status).toBe(200)
    moveClock(server, 1)
    expect(said(await refresh(bob.refreshToken))).toEqual([401, 'invalid_token'])
  })

  test('after sign-out, deactivation, and a password set by someone else', async () => {
    const [bob, cy] = [await join(server, owner), await join(server, owner)]
    await server.send('DELETE', '/v1/sessions/current', { token: ann.token })
    await server.send('DELETE', `/v1/users/${bob.id}`, { token: owner.token })
    await server.send('POST', `/v1/users/${cy.id}/password`, { token: owner.token, body: { newPassword: 'another long passphrase' } })
    for (const { refreshToken } of [ann, bob, cy]) expect(said(await refresh(refreshToken))).toEqual([401, 'invalid_token'])
  })
})

describe('a refresh', () => {
  test('answers in the shape of a sign-in, and says where it was committed', async () => {
    const answer = await refresh(ann.refreshToken)
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.body).sort()).toEqual(['accessToken', 'expiresAt', 'refreshToken', 'user'])
    expect(answer.body.user).toMatchObject({ id: ann.id, username: ann.username })
    expect(answer.body.refreshToken).not.toBe(ann.refreshToken)
    expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/\\d+$`))
    expect(answer.headers['set-cookie']).toMatch(/^__Host-holdfast-device=/)
    expect((await me(answer.body.accessToken)).status).toBe(200)
    expect((await me(ann.token)).status).toBe(200)
  })

  test('keeps the session, and lets it live seven days more', async () => {
    moveClock(server, 60_000)
    const { body } = await refresh(ann.refreshToken)
    const { items } = (await server.send('GET', '/v1/sessions', { token: String(body.accessToken) })).body
    expect(items).toHaveLength(1)
    const nowMs = server.holdfast.runtime.clock.realMs()
    expect(items[0]).toMatchObject({
      isCurrent: true,
      lastSeenAt: new Date(nowMs).toISOString(),
      expiresAt: new Date(nowMs + 7 * 24 * 60 * 60 * 1000).toISOString(),
    })
  })

  test('whose reply was lost gives the same successor for ten seconds, without another commit', async () => {
    const successor = await next(ann.refreshToken)
    moveClock(server, 10_000)
    const actions = await actionsOf(server, async () => {
      const again = await refresh(ann.refreshToken)
      expect([again.status, again.body.refreshToken]).toEqual([200, successor])
      expect(again.headers['holdfast-commit']).toBeUndefined()
      expect((await me(again.body.accessToken)).status).toBe(200)
    })
    expect(actions).toEqual([])
    expect((await refresh(successor)).status).toBe(200)
  })

  test('sent many times at once has one successor', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => refresh(ann.refreshToken)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1)
    expect(answers.filter(({ headers }) => headers['holdfast-commit'] !== undefined)).toHaveLength(1)
  })

  test('survives a restart, with its grace', async () => {
    const nowMs = server.holdfast.runtime.clock.realMs()
    const successor = await next(ann.refreshToken)
    await server.restart()
    stopClock(server)
    moveClock(server, nowMs - server.holdfast.runtime.clock.realMs() + 9_000)
    expect(await next(ann.refreshToken)).toBe(successor)
    expect((await refresh(successor)).status).toBe(200)
  })
})

describe('a refresh token used again', () => {
  const reused = [401, 'refresh_reused']

  test('later than ten seconds ends the session with all its tokens, before the reply', async () => {
    const first = await refresh(ann.refreshToken)
    moveClock(server, 10_001)
    const actions = await actionsOf(server, async () => {
      const replay = await refresh(ann.refreshToken)
      expect(said(replay)).toEqual(reused)
      expect(replay.headers['holdfast-commit']).toBeUndefined()
    })
    expect(actions).toEqual(['session.revoke'])
    for (const token of [ann.token, first.body.accessToken]) expect((await me(token)).status).toBe(401)
    expect(said(await refresh(first.body.refreshToken))).toEqual([401, 'invalid_token'])
    expect(said(await refresh(ann.refreshToken))).toEqual([401, 'invalid_token'])
  })

  test('after its successor was used ends the session at once', async () => {
    const successor = await next(ann.refreshToken)
    const latest = await refresh(successor)
    expect(said(await refresh(ann.refreshToken))).toEqual(reused)
    expect((await me(latest.body.accessToken)).status).toBe(401)
    expect(said(await refresh(latest.body.refreshToken))).toEqual([401, 'invalid_token'])
  })

  test('from far back ends the session too', async () => {
    const second = await next(ann.refreshToken)
    const third = await next(second)
    moveClock(server, 3_600_000)
    await refresh(third)
    expect(said(await refresh(second))).toEqual(reused)
  })

  test('leaves the other sessions of the same person', async () => {
    const other = (await server.send('POST', '/v1/sessions', { body: { login: ann.username, password: 'a good long passphrase' } })).body
    await refresh(ann.refreshToken)
    moveClock(server, 10_001)
    await refresh(ann.refreshToken)
    expect((await me(other.accessToken)).status).toBe(200)
  })

  test('at once with its successor never leaves two living families', async () => {
    const successor = await next(ann.refreshToken)
    const [replay, regular] = await Promise.all([refresh(ann.refreshToken), refresh(successor)])
    expect(regular.status === 200 || regular.status === 401).toBe(true)
    if (replay.status === 200) expect(replay.body.refreshToken).toBe(successor)
    else expect(said(replay)).toEqual(reused)
  })
})
