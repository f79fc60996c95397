import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { asSystem, attempt, enter, enterOwner, found, hire, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { rotateKeys } from './key-operations.ts'

let server: TestServer
let owner: Person
let ann: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
beforeEach(async () => {
  owner = await enterOwner(server)
  ann = await join(server, owner)
})
afterAll(() => server.close())

const me = (token: string) => server.send('GET', '/v1/me', { token })
const again = (person: Person) => enter(server, { login: person.username, tenant: person.tenantId })
const said = ({ status, body }: Answer) => [status, body?.code]
const sessionIn = (token: string) => (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sid: string }).sid

describe('signing out', () => {
  test('of another one than mine is answered like an absent one', async () => {
    const other = await found(server)
    const ids = [sessionIn(owner.token), sessionIn(other.token), randomUUID()]
    const answers = await Promise.all(ids.map((id) => server.send('DELETE', `/v1/sessions/${id}`, { token: ann.token })))
    const bodies = answers.map(({ status, body }) => ({ status, ...body, requestId: null }))
    expect(bodies[0]).toMatchObject({ status: 404, code: 'not_found' })
    for (const body of bodies) expect(body).toEqual(bodies[0])
    for (const { token } of [owner, other]) expect((await me(token)).status).toBe(200)
  })

  test('ends this session from the reply on, and no other', async () => {
    const second = await again(ann)
    const actions = await actionsOf(server, async () => {
      const answer = await server.send('DELETE', '/v1/sessions/current', { token: ann.token })
      expect([answer.status, answer.text]).toEqual([204, ''])
      expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/\\d+$`))
    })
    expect(actions).toEqual(['session.revoke'])
    expect([(await me(ann.token)).status, (await me(second.token)).status]).toEqual([401, 200])
  })

  test('of one ends that one', async () => {
    const second = await again(ann)
    expect((await server.send('DELETE', `/v1/sessions/${sessionIn(second.token)}`, { token: ann.token })).status).toBe(204)
    expect([(await me(ann.token)).status, (await me(second.token)).status]).toEqual([200, 401])
    expect((await server.send('DELETE', `/v1/sessions/${sessionIn(second.token)}`, { token: ann.token })).status).toBe(404)
  })

  test('of all ends every one of mine, and the person is no new version of itself', async () => {
    const second = await again(ann)
    const before = await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })
    expect((await server.send('DELETE', '/v1/sessions', { token: second.token })).status).toBe(204)
    for (const { token } of [ann, second]) expect((await me(token)).status).toBe(401)
    expect((await me(owner.token)).status).toBe(200)
    expect((await again(ann)).id).toBe(ann.id)
    expect((await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })).text).toBe(before.text)
  })

  test('of someone else, everywhere, is for an administrator not below them, and the password stays', async () => {
    const other = await found(server)
    const admin = await join(server, owner, { role: 'admin' })
    const end = (by: Person, id: string) => server.send('DELETE', `/v1/users/${id}/sessions`, { token: by.token })
    expect(said(await end(other, ann.id))).toEqual([404, 'not_found'])
    expect(said(await end(admin, owner.id))).toEqual([403, 'role_not_grantable'])
    expect(said(await end(ann, owner.id))).toEqual([403, 'forbidden'])
    const second = await again(ann)
    const actions = await actionsOf(server, async () => expect((await end(admin, ann.id)).status).toBe(204))
    expect(actions).toEqual(['session.revoke'])
    for (const { token } of [ann, second]) expect((await me(token)).status).toBe(401)
    expect((await again(ann)).id).toBe(ann.id)
  })

  test('works for platform staff', async () => {
    const staff = await hire(server)
    const second = await again(staff)
    expect((await server.send('GET', '/v1/sessions', { token: staff.token })).body.items).toHaveLength(2)
    expect((await server.send('DELETE', `/v1/sessions/${sessionIn(second.token)}`, { token: staff.token })).status).toBe(204)
    expect((await me(second.token)).status).toBe(401)
    expect((await server.send('DELETE', '/v1/sessions', { token: staff.token })).status).toBe(204)
    expect((await me(staff.token)).status).toBe(401)
  })

  test('beats a request that comes after it', async () => {
    const tokens = await Promise.all(Array.from({ length: 5 }, async () => (await again(ann)).token))
    await server.send('DELETE', '/v1/sessions', { token: ann.token })
    const statuses = await Promise.all(tokens.map(async (token) => (await me(token)).status))
    expect(statuses).toEqual([401, 401, 401, 401, 401])
  })
})

describe('the list of my sessions', () => {
  test('shows mine alone, which is this one, and where it came from', async () => {
    const answer = await server.send('POST', '/v1/sessions', {
      body: { login: ann.username, password: 'a good long passphrase', tenant: ann.tenantId },
      headers: { 'user-agent': 'Firefox' },
      from: '2001:db8:1:2::3',
    })
    const { body } = await server.send('GET', '/v1/sessions', { token: String(answer.body.accessToken) })
    expect(body.nextCursor).toBeNull()
    expect(body.items.map(({ isCurrent }) => isCurrent)).toEqual([false, true])
    expect(Object.keys(body.items[1]).sort()).toEqual(['createdAt', 'expiresAt', 'id', 'isCurrent', 'lastSeenAt', 'network', 'userAgent'])
    expect(body.items[1]).toMatchObject({
      id: sessionIn(String(answer.body.accessToken)),
      userAgent: 'Firefox',
      network: '2001:db8:1:2::/64',
    })
  })

  test('leaves out what has ended or expired', async () => {
    const second = await again(ann)
    await server.send('DELETE', '/v1/sessions/current', { token: second.token })
    moveClock(server, 7 * 24 * 60 * 60 * 1000)
    const third = await again(ann)
    const { items } = (await server.send('GET', '/v1/sessions', { token: third.token })).body
    expect(items.map(({ id }) => id)).toEqual([sessionIn(third.token)])
  })

  test('comes in pages', async () => {
    for (let time = 0; time < 4; time++) await again(ann)
    const ids: unknown[] = []
    for (let cursor = ''; ; ) {
      const { body } = await server.send('GET', `/v1/sessions?limit=2${cursor}`, { token: ann.token })
      expect(body.items.length).toBeLessThanOrEqual(2)
      ids.push(...body.items.map(({ id }) => id))
      if (body.nextCursor === null) break
      cursor = `&cursor=${String(body.nextCursor)}`
    }
    expect([ids.length, new Set(ids).size]).toEqual([5, 5])
  })

  test.each(['limit=0', 'limit=201', 'limit=x', 'cursor=rubbish', 'cursor=', 'userId=1'])('refuses %s', async (query) => {
    expect((await server.send('GET', `/v1/sessions?${query}`, { token: ann.token })).status).toBe(422)
  })
})

describe('a session goes on', () => {
  test('after a restart, with its tokens', async () => {
    const nowMs = server.holdfast.runtime.clock.realMs()
    await server.restart()
    stopClock(server)
    moveClock(server, nowMs - server.holdfast.runtime.clock.realMs())
    expect((await me(ann.token)).status).toBe(200)
  })

  test('after the signing keys were rotated, and new tokens name the new key', async () => {
    await asSystem(server, rotateKeys, {})
    expect((await me(ann.token)).status).toBe(200)
    const kidOf = (token: string) => (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid
    const fresh = await again(ann)
    expect(kidOf(fresh.token)).not.toBe(kidOf(ann.token))
    expect((await me(fresh.token)).status).toBe(200)
  })

  test('with what the role may do now, not what it might at sign-in', async () => {
    const read = async () => (await server.send('GET', '/v1/audit?limit=1', { token: ann.token })).status
    const give = async (role: string) => {
      const { body } = await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })
      await server.send('PATCH', `/v1/users/${ann.id}`, { token: owner.token, body: { version: body.version, role } })
    }
    expect(await read()).toBe(403)
    await give('admin')
    expect(await read()).toBe(200)
    await give('member')
    expect(await read()).toBe(403)
  })
})

test('a deactivation while the person signs in leaves no session that works', async () => {
  for (let round = 0; round < 3; round++) {
    const person = await join(server, owner)
    const [gone, ...entered] = await Promise.all([
      server.send('DELETE', `/v1/users/${person.id}`, { token: owner.token }),
      ...Array.from({ length: 4 }, () => attempt(server, { login: person.username, tenant: person.tenantId })),
    ])
    expect(gone?.status).toBe(204)
    for (const { status, body } of entered.filter((answer) => answer.status === 201))
      expect([status, (await me(String(body.accessToken))).status]).toEqual([201, 401])
  }
})

test('deactivation ends every session before the reply, and reactivation revives none', async () => {
  const set = async (isActive: boolean) => {
    const { body } = await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })
    return server.send('PATCH', `/v1/users/${ann.id}`, { token: owner.token, body: { version: body.version, isActive } })
  }
  const second = await again(ann)
  expect((await set(false)).status).toBe(200)
  for (const { token } of [ann, second]) expect((await me(token)).status).toBe(401)
  expect((await attempt(server, { login: ann.username, tenant: ann.tenantId })).status).toBe(401)
  expect((await set(true)).status).toBe(200)
  for (const { token } of [ann, second]) expect((await me(token)).status).toBe(401)
  expect((await again(ann)).id).toBe(ann.id)
})
