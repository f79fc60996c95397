import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, found, freshAddress, goodPassword, join, type Person } from '../../testing/people.ts'
import { type Loose, ownerPassword, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let supervisor: Person
let user: Person
let auditor: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  supervisor = await join(server, owner, { role: 'supervisor' })
  user = await join(server, owner)
  auditor = await join(server, owner, { role: 'auditor' })
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = owner) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const login = (body: object, from = freshAddress()) => server.send('POST', '/api/auth/login', { body, from })
let count = 0
const newcomer = (more: object = {}) => {
  count += 1
  return {
    email: `New${count}@Example.org`,
    username: `new${count}`,
    role: 'user',
    firstName: 'Nora',
    lastName: 'New',
    password: goodPassword,
    ...more,
  }
}
const create = async (more: object = {}) => (await send('POST', '/users', newcomer(more))).body.user as Loose

describe('signing in', () => {
  test('is one answer for whatever is wrong, and for an account that is held', async () => {
    const refused = { status: 401, body: { code: 'invalid_credentials', detail: 'Invalid credentials' } }
    const { username } = await create()
    for (const body of [
      { email: 'nobody', password: goodPassword },
      { email: username, password: 'wrong' },
    ])
      expect(await login(body)).toMatchObject(refused)
    for (let n = 0; n < 6; n += 1) await login({ email: username, password: 'wrong' })
    expect(await login({ email: username, password: goodPassword })).toMatchObject(refused)
    expect(await login({ password: 'x' })).toMatchObject({
      status: 400,
      body: { code: 'invalid', detail: 'Missing required fields: email' },
    })
  })

  test('gives a token of an hour, what one may, and an exchange that forgives a lost reply', async () => {
    const made = await create()
    const answer = await login({ email: String(made.email), password: goodPassword })
    expect(answer).toMatchObject({ status: 200, body: { success: true, user: { userId: made.userId, role: 'user', firstName: 'Nora' } } })
    expect((answer.body.user as Loose).permissions).toContain('checklist.create')
    expect(Date.parse(String((answer.body.user as Loose).lastLoginAt))).toBeGreaterThan(0)
    const seen = await send('GET', `/users?userId=${made.userId}`)
    expect([seen.body.user?.lastLoginAt, seen.body.user?.revision]).toEqual([(answer.body.user as Loose).lastLoginAt, 1])
    const claims = JSON.parse(Buffer.from(String(answer.body.token).split('.')[1], 'base64url').toString())
    expect(claims.exp - claims.iat).toBe(3_600)
    const refresh = () => server.send('POST', '/api/auth/refresh', { body: { refreshToken: answer.body.refreshToken } })
    const [first, again] = [await refresh(), await refresh()]
    expect(first).toMatchObject({ status: 200, body: { success: true } })
    expect(again.body.refreshToken).toBe(first.body.refreshToken)
    const token = String(first.body.token)
    expect((await server.send('POST', '/api/auth/logout', { token, body: {} })).body).toEqual({
      success: true,
      message: 'Logged out successfully',
    })
    expect(await server.send('GET', '/api/users', { token })).toMatchObject({ status: 401, body: { detail: 'Unauthorized' } })
  })
})

describe('people', () => {
  test('a body is told all that is wrong with it, field by field', async () => {
    const none = await send('POST', '/users', {})
    expect(none).toMatchObject({
      status: 400,
      body: { code: 'invalid', detail: 'Missing required fields: email, username, role, firstName, lastName' },
    })
    const wrong = await send('POST', '/users', newcomer({ email: 'x', role: 'chief', preferences: { language: 5 }, passwordHash: 'x' }))
    expect((wrong.body.errors as unknown as Loose[]).map(({ field, code }) => [field, code]).sort()).toEqual([
      ['email', 'invalid'],
      ['passwordHash', 'unknown'],
      ['preferences.language', 'invalid'],
      ['role', 'invalid'],
    ])
  })

  test('are made with a profile, once for a mail address and a username whatever the case', async () => {
    const body = newcomer({ jobTitle: 'Cleaner' })
    const made = await send('POST', '/users', body)
    expect(made).toMatchObject({
      status: 201,
      body: {
        user: { email: body.email.toLowerCase(), role: 'user', organizationId: owner.tenantId, authProvider: 'local', revision: 1 },
        profile: {
          jobTitle: 'Cleaner',
          location: { country: 'US' },
          preferences: { notifications: { email: true, sms: false } },
          teamMembers: [],
        },
        message: 'User and profile created successfully',
      },
    })
    expect((await send('POST', '/users', { ...body, username: 'other-name' })).body.detail).toBe('User with this email already exists')
    expect((await send('POST', '/users', { ...body, email: 'other@example.org', username: body.username.toUpperCase() })).body.detail).toBe(
      'User with this username already exists',
    )
  })

  test('may be read and yet not changed by those above them, and are not there for their equals', async () => {
    const made = await create()
    const manager = await join(server, owner, { role: 'manager' })
    const { userId } = made
    const names = { firstName: 'Nina', lastName: 'Now' }
    for (const [by, status] of [
      [manager, 403],
      [supervisor, 403],
      [user, 404],
    ] as const) {
      expect((await send('PUT', '/users', { userId, ...names }, by)).status).toBe(status)
      expect((await send('PUT', '/profiles', { userId, ...names }, by)).status).toBe(status)
      expect((await send('POST', '/profiles', { userId, ...names }, by)).status).toBe(status)
      expect((await send('PUT', '/users', { userId: randomUUID(), ...names }, by)).status).toBe(404)
    }
    expect((await send('GET', `/users?userId=${userId}`)).body.user).toMatchObject({ firstName: 'Nora', revision: 1 })
  })

  test('are found by id, mail and role; members find themselves alone, and foreigners nobody', async () => {
    const made = await create({ role: 'manager' })
    expect((await send('GET', `/users?userId=${made.userId}`)).body.user).toMatchObject({ userId: made.userId })
    expect((await send('GET', `/users?email=${String(made.email).toUpperCase()}`)).body.user).toMatchObject({ userId: made.userId })
    const managers = (await send('GET', '/users?role=manager&limit=200')).body.users as unknown as Loose[]
    expect(managers.map(({ userId }) => userId)).toContain(made.userId)
    expect((await send('GET', '/users', undefined, user)).body.users).toHaveLength(1)
    const other = await found(server, 'other-people')
    for (const [id, who] of [
      [made.userId, user],
      [made.userId, other],
      [randomUUID(), owner],
      ['x', owner],
    ] as [string, Person][])
      expect(await send('GET', `/users?userId=${id}`, undefined, who)).toMatchObject({ status: 404, body: { detail: 'User not found' } })
    expect((await send('GET', `/users?organizationId=${other.tenantId}`)).status).toBe(404)
    expect((await send('POST', '/users', newcomer({ organizationId: other.tenantId }))).status).toBe(403)
    expect((await send('POST', '/users', newcomer({ createdBy: randomUUID() }))).status).toBe(403)
  })

  test('change themselves, and nobody their own role; administrators change everybody below an owner', async () => {
    const made = await create()
    const put = (body: object, by = owner) => send('PUT', '/users', { userId: made.userId, ...body }, by)
    expect((await put({ firstName: 'Changed' })).body.user).toMatchObject({ firstName: 'Changed', lastName: 'New', revision: 2 })
    expect((await put({ lastName: 'x', revision: 1 })).body.code).toBe('revision_conflict')
    expect((await put({ permissions: [] })).status).toBe(400)
    expect((await put({ firstName: 'x' }, user)).status).toBe(404)
    expect((await put({ firstName: 'x' }, supervisor)).status).toBe(403)
    const self = (body: object, by: Person) => send('PUT', '/users', { userId: by.id, ...body }, by)
    expect((await self({ firstName: 'Me' }, user)).status).toBe(200)
    expect((await self({ role: 'administrator' }, user)).status).toBe(403)
    expect((await self({ role: 'user' }, owner)).status).toBe(403)
    expect((await self({ firstName: 'x' }, auditor)).status).toBe(403)
    const admin = await join(server, owner, { role: 'admin' })
    expect((await send('PUT', '/users', { userId: owner.id, firstName: 'x' }, admin)).status).toBe(403)
    expect((await put({ role: 'manager' })).body.user).toMatchObject({ role: 'manager' })
  })

  test('are deactivated at once, but nobody themselves', async () => {
    const made = await create()
    const { body } = await login({ email: String(made.email), password: goodPassword })
    expect((await send('DELETE', `/users?userId=${owner.id}`)).status).toBe(403)
    expect((await send('DELETE', '/users')).body.detail).toBe('Missing required fields: userId')
    expect((await send('DELETE', `/users?userId=${made.userId}&deactivatedBy=${owner.id}`)).body).toEqual({
      message: 'User deactivated successfully',
    })
    expect((await server.send('GET', '/api/users', { token: String(body.token) })).status).toBe(401)
  })
})

test('profiles merge by key, and tell what follows from elsewhere', async () => {
  const made = await create()
  const put = await send('PUT', '/profiles', {
    userId: made.userId,
    bio: 'Hello',
    location: { city: 'Ghent' },
    preferences: { notifications: { sms: true } },
  })
  expect(put.body).toMatchObject({
    message: 'Profile updated successfully',
    profile: {
      bio: 'Hello',
      location: { city: 'Ghent', country: 'US' },
      preferences: { notifications: { email: true, sms: true }, language: 'en' },
    },
  })
  expect((await send('PUT', '/profiles', { userId: made.userId, permissions: [] })).status).toBe(400)
  expect((await send('PUT', '/profiles', { userId: made.userId, avatarUrl: 'http://x.example.org/a.png' })).status).toBe(400)
  expect((await send('GET', `/profiles?userId=${made.userId}`)).body.profile).toMatchObject({ bio: 'Hello', firstName: 'Nora' })
  expect((await send('GET', '/profiles')).body.detail).toBe('Missing required parameter: userId, profileId, or managerId')
  expect((await send('GET', `/profiles?userId=${randomUUID()}`)).body.detail).toBe('Profile not found')
  expect((await send('POST', '/profiles', { userId: made.userId, firstName: 'a', lastName: 'b' })).body.detail).toBe(
    'Profile already exists for this user',
  )
  const below = await create({ managerId: made.userId })
  expect((await send('GET', `/profiles?managerId=${made.userId}`)).body.teamMembers).toMatchObject([{ userId: below.userId }])
})

test('an Idempotency-Key has one effect, and belongs to one request', async () => {
  const body = newcomer()
  const post = (given: object) =>
    server.send('POST', '/api/users', { token: owner.token, body: given, headers: { 'idempotency-key': 'people-1' } })
  const [first, second] = [await post(body), await post(body)]
  expect(second.text).toBe(first.text)
  expect(await post(newcomer())).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } })
})

test('an Idempotency-Key has 1 to 200 printable characters', async () => {
  const post = (key: string) =>
    server.send('POST', '/api/users', { token: owner.token, body: newcomer(), headers: { 'idempotency-key': key } })
  expect(await post('x'.repeat(201))).toMatchObject({ status: 400, body: { code: 'invalid' } })
  expect(await post('ü')).toMatchObject({ status: 400, body: { code: 'invalid' } })
  for (const key of ['x'.repeat(200), 'a key of words']) expect((await post(key)).status).toBe(201)
})

test('every reply says what is left of the share of requests, refusals too', async () => {
  for (const answer of [
    await send('GET', '/users'),
    await send('GET', '/users?userId=nobody'),
    await login({ email: 'nobody', password: 'x' }),
    await server.send('GET', '/api/users'),
    await send('GET', '/nothing'),
    await send('PATCH', '/users'),
  ]) {
    const { 'x-ratelimit-limit': limit, 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': reset } = answer.headers
    expect([Number(limit), Number(remaining)]).toEqual([1_000, 1_000])
    expect(Number(reset)).toBeGreaterThan(1_700_000_000)
  }
})

test('the audit log tells who did what, with what was before, to those who may read it', async () => {
  const made = await create()
  await send('PUT', '/users', { userId: made.userId, username: 'renamed' })
  expect((await send('GET', '/audit', undefined, supervisor)).status).toBe(403)
  const { body } = await send('GET', `/audit?entityId=${made.userId}&entityType=user`, undefined, auditor)
  expect(body).toMatchObject({
    total: 2,
    hasMore: false,
    logs: [
      {
        action: 'UPDATE_USER',
        outcome: 'success',
        userId: owner.id,
        oldValues: { username: made.username },
        newValues: { username: 'renamed' },
      },
      { action: 'CREATE_USER', oldValues: null },
    ],
  })
  const denied = await send('GET', '/audit?action=ACCESS_DENIED&limit=1')
  expect(denied.body).toMatchObject({ logs: [{ outcome: 'denied' }], hasMore: true })
  expect((await send('GET', '/audit?limit=201')).status).toBe(400)
  expect(ownerPassword.length).toBeGreaterThan(0)
})
