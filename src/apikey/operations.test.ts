import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { enterOwner, found, hire, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { ApiKey } from './entity.ts'

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

const make = (by: Person, body: unknown) => server.send('POST', '/v1/api-keys', { token: by.token, body })
const use = (key: unknown, method = 'GET', path = '/v1/me', body?: unknown) =>
  server.send(method, path, { headers: { 'x-api-key': String(key) }, ...(body === undefined ? {} : { body }) })
const said = ({ status, body }: Answer) => [status, body?.code]
const nowMs = () => server.holdfast.runtime.clock.realMs()
const keyFor = async (role: string) => (await make(owner, { name: `a ${role}`, role })).body

describe('a key is not made', () => {
  test.each(['supervisor', 'manager', 'member', 'auditor'] as const)('by a %s', async (role) => {
    expect(said(await make(await join(server, owner, { role }), { name: 'x', role: 'auditor' }))).toEqual([403, 'forbidden'])
  })

  test('by staff, who have no tenant, or by another key', async () => {
    expect(said(await make(await hire(server), { name: 'x', role: 'member' }))).toEqual([403, 'forbidden'])
    const { key } = await keyFor('admin')
    expect(said(await use(key, 'POST', '/v1/api-keys', { name: 'x', role: 'member' }))).toEqual([403, 'forbidden'])
  })

  test('for an owner', async () => {
    for (const by of [owner, await join(server, owner, { role: 'admin' })])
      expect(said(await make(by, { name: 'x', role: 'owner' }))).toEqual([403, 'role_not_grantable'])
  })

  test.each([
    [{ role: 'member' }, 'name'],
    [{ name: ' ', role: 'member' }, 'name'],
    [{ name: 'x'.repeat(201), role: 'member' }, 'name'],
    [{ name: 'x' }, 'role'],
    [{ name: 'x', role: 'platform_admin' }, 'role'],
    [{ name: 'x', role: 'member', expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ name: 'x', role: 'member', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ name: 'x', role: 'member', scopes: [] }, 'scopes'],
  ])('from %j', async (body, field) => {
    const actions = await actionsOf(server, async () =>
      expect(await make(owner, body)).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ field }] } }),
    )
    expect(actions).toEqual([])
  })
})

describe('a key', () => {
  test('is shown once, and kept as a digest', async () => {
    const answer = await make(owner, { name: ' Reporting ', role: 'auditor', expiresAt: '2099-01-01T01:00:00+01:00' })
    expect(answer.status).toBe(201)
    expect(answer.headers.location).toBe(`/v1/api-keys/${answer.body.id}`)
    expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/`))
    const { key, ...rest } = answer.body
    expect(key).toMatch(/^hfk_[\w-]{43}$/)
    expect(rest).toMatchObject({
      name: 'Reporting',
      role: 'auditor',
      prefix: String(key).slice(0, 8),
      expiresAt: '2099-01-01T00:00:00.000Z',
    })
    const { body } = await server.send('GET', '/v1/api-keys', { token: owner.token })
    expect(body.items.find(({ id }) => id === answer.body.id)).toEqual(rest)
    const row = await server.holdfast.runtime.storage.tenant(owner.tenantId).get(ApiKey, String(rest.id))
    const { text } = await server.send('GET', '/v1/audit?limit=20', { token: owner.token })
    for (const place of [JSON.stringify(row), text, JSON.stringify(body)]) expect(place).not.toContain(String(key))
  })

  test('may have the role of the admin that makes it', async () => {
    expect((await make(await join(server, owner, { role: 'admin' }), { name: 'x', role: 'admin' })).status).toBe(201)
  })

  test('acts in its tenant with its role, and stands in the log as the actor', async () => {
    const { key, id } = await keyFor('admin')
    const made = await use(key, 'POST', '/v1/users', { username: 'by-machine' })
    expect(made.status).toBe(201)
    const { body } = await server.send('GET', `/v1/audit?entityId=${made.body.id}`, { token: owner.token })
    expect(body.items[0]).toMatchObject({ action: 'user.create', actor: { kind: 'apiKey', id, name: 'a admin' } })
    expect((await use(key)).body).toEqual({ id, username: 'a admin', role: 'admin', tenantId: owner.tenantId })
    const auditor = await keyFor('auditor')
    expect((await use(auditor.key, 'GET', '/v1/users')).status).toBe(200)
    expect((await use(auditor.key, 'POST', '/v1/users', { username: 'x' })).status).toBe(403)
  })

  test.each(['member', 'manager', 'supervisor'])('of a %s has nobody below it, and is nobody itself', async (role) => {
    const { key } = await keyFor(role)
    expect((await use(key, 'GET', '/v1/users')).body).toEqual({ items: [], nextCursor: null })
    expect((await use(key, 'GET', '/v1/organization')).body).toEqual({ items: [] })
    expect((await use(key, 'GET', `/v1/users/${owner.id}`)).status).toBe(404)
  })

  test('cannot manage keys, passwords, second factors or sessions', async () => {
    const { key, id } = await keyFor('admin')
    const { body: user } = await server.send('POST', '/v1/users', { token: owner.token, body: { username: `u${randomUUID()}` } })
    const calls: [string, string, unknown?][] = [
      ['GET', '/v1/api-keys'],
      ['DELETE', `/v1/api-keys/${id}`],
      ['POST', `/v1/users/${user.id}/password`, { newPassword: 'another long passphrase' }],
      ['POST', `/v1/users/${user.id}/password-resets`, {}],
      ['DELETE', `/v1/users/${user.id}/second-factor`],
      ['GET', '/v1/sessions'],
      ['DELETE', '/v1/sessions'],
      ['DELETE', '/v1/sessions/current'],
    ]
    for (const [method, path, body] of calls) expect([path, ...said(await use(key, method, path, body))]).toEqual([path, 403, 'forbidden'])
  })

  test('is refused when it has expired, and not a moment before', async () => {
    const { body } = await make(owner, { name: 'x', role: 'member', expiresAt: new Date(nowMs() + 60_000).toISOString() })
    moveClock(server, 59_999)
    expect((await use(body.key)).status).toBe(200)
    moveClock(server, 1)
    expect(said(await use(body.key))).toEqual([401, 'invalid_token'])
  })

  test('is dead from the reply of its removal on; again is 404, and so is one of another tenant', async () => {
    const other = await found(server)
    const { key, id } = await keyFor('member')
    const remove = (by: Person) => server.send('DELETE', `/v1/api-keys/${id}`, { token: by.token })
    expect(said(await remove(other))).toEqual([404, 'not_found'])
    expect((await use(key)).status).toBe(200)
    expect((await remove(owner)).status).toBe(204)
    expect(said(await use(key))).toEqual([401, 'invalid_token'])
    expect(said(await remove(owner))).toEqual([404, 'not_found'])
  })

  test('that nobody has is refused in words about keys', async () => {
    const { status, body } = await use('hfk_nonsense', 'GET', '/v1/me')
    expect([status, body]).toMatchObject([
      401,
      { code: 'invalid_token', detail: 'This API key is not known, has expired or was removed. Ask an administrator for a new one.' },
    ])
  })

  test('counts for nothing beside a bearer token, good or bad', async () => {
    const { key } = await keyFor('admin')
    const both = (token: string) => server.send('GET', '/v1/me', { token, headers: { 'x-api-key': String(key) } })
    expect((await both(owner.token)).body.id).toBe(owner.id)
    expect((await both('x.y.z')).status).toBe(401)
  })

  test('survives a restart', async () => {
    const { key } = await keyFor('member')
    await server.restart()
    stopClock(server)
    expect((await use(key)).status).toBe(200)
  })
})

test('keys come in pages', async () => {
  const other = await found(server)
  for (let made = 0; made < 5; made++) await make(other, { name: `key ${made}`, role: 'member' })
  const names: string[] = []
  for (let cursor = ''; ; ) {
    const { body } = await server.send('GET', `/v1/api-keys?limit=2${cursor}`, { token: other.token })
    names.push(...body.items.map(({ name }) => String(name)))
    if (body.nextCursor === null) break
    cursor = `&cursor=${body.nextCursor}`
  }
  expect(names).toEqual(['key 0', 'key 1', 'key 2', 'key 3', 'key 4'])
})
