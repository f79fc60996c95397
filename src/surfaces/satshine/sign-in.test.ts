import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patched, update } from '../../kernel/change.ts'
import { system } from '../../kernel/context.ts'
import { freshAddress } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { Credential, User } from '../../user/entity.ts'
import { anAdmin, anOfficer, officerPassword, register, said, signIn, tokenOf } from './testing/workforce.ts'

let server: TestServer
let owner: string
let tenantId: string

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signIn()
  tenantId = String((await server.send('GET', '/v1/me', { token: owner })).body.tenantId)
  await register(server, owner, anAdmin(1))
  await register(server, owner, anOfficer(1))
})
afterAll(() => server.close())

const refused = [401, 'Invalid employee ID or password']
const post = (path: string, token: string | undefined, body: unknown) =>
  server.send('POST', path, { body, ...(token === undefined ? {} : { token }) })

/** Stores a hash as an import would. */
async function giveHash(username: string, passwordHash: string): Promise<void> {
  const store = server.holdfast.runtime.storage.tenant(tenantId)
  const user = await store.find(User, 'username', [username.toLowerCase()])
  const row = await store.get(Credential, user?.id ?? '')
  if (row === null) throw new Error('no credential')
  const meta = { actor: system, action: 'test', entity: null, requestId: null, time: row.updatedAt }
  await store.commit([update(Credential, row, patched(Credential, row, { passwordHash }, row.updatedAt))], meta)
}

describe('the conventions', () => {
  test.each(['/auth/admin/employees/', '/auth/validate-contact/', '/auth/logout/', '/auth/register/'])(
    '%s wants a credential',
    async (path) => {
      const method = /logout|register/.test(path) ? 'POST' : 'GET'
      const bare = await server.send(method, path)
      expect(bare.status).toBe(401)
      expect(bare.body).toMatchObject({ success: false, code: 'unauthenticated' })
      expect((await server.send(method, path, { token: 'hft_nonsense' })).status).toBe(401)
    },
  )

  test('paths work with and without the slash, for every method', async () => {
    const [with_, without] = await Promise.all(
      ['/auth/admin/employees/', '/auth/admin/employees'].map((path) => server.send('GET', path, { token: owner })),
    )
    expect(with_?.status).toBe(200)
    expect(with_?.body).toEqual(without?.body)
    for (const path of ['/auth/login/', '/auth/login']) expect((await server.send('GET', path)).status).toBe(405)
    expect(said(await server.send('GET', '/auth/nothing/'))).toEqual([404, 'Not found'])
  })

  test.each([
    ['[]', 'an array'],
    ['"x"', 'a text'],
    ['{"a":', 'half a document'],
    ['{"a":1,"a":2}', 'a key twice'],
    ['{"employee_id":"\\u0000"}', 'a NUL'],
  ])('a body of %s is not taken', async (raw) => {
    const answer = await server.send('POST', '/auth/register/', { token: owner, raw })
    expect(said(answer)).toEqual([400, 'Invalid JSON data'])
    expect(said(await server.send('POST', '/auth/login/', { raw }))).toEqual([400, 'Invalid JSON data'])
  })

  test('a key works as well as a token', async () => {
    const { body } = await post('/v1/api-keys', owner, { name: 'reader', role: 'auditor' })
    const headers = { 'x-api-key': String(body.key) }
    expect((await server.send('GET', '/auth/admin/employees/', { headers })).status).toBe(200)
    expect(said(await server.send('POST', '/auth/register/', { headers, body: anOfficer(900) }))).toEqual([403, 'Access denied'])
  })
})

describe('signing in', () => {
  test.each([
    [{}, 'nothing'],
    [{ employee_id: 'MGJ00001' }, 'no password'],
    [{ password: officerPassword }, 'no id'],
    [{ employee_id: '  ', password: officerPassword }, 'a blank id'],
    [{ employee_id: 'MGJ00001', password: '' }, 'an empty password'],
    [{ employee_id: 7, password: officerPassword }, 'a number for an id'],
  ] as const)('with %j (%s) is refused as incomplete', async (body: object, _what: string) => {
    expect(said(await post('/auth/login/', undefined, body))).toEqual([400, 'Please enter both Employee ID and password.'])
  })

  test('unknown, wrong, inactive, deleted, foreign and over-long answer alike', async () => {
    await register(server, owner, anOfficer(2))
    await register(server, owner, anOfficer(3))
    await server.send('PATCH', '/auth/admin/employees/MGJ00002/deactivate/', { token: owner })
    await server.send('DELETE', '/auth/admin/employees/MGJ00003/', { token: owner })
    const answers = [
      await signIn(server, 'MGJ99999'),
      await signIn(server, 'MGJ00001', 'not the password at all'),
      await signIn(server, 'MGJ00002'),
      await signIn(server, 'MGJ00003'),
      await signIn(server, 'MGJ00001', officerPassword, { tenant: 'another' }),
      await signIn(server, 'M'.repeat(400)),
    ]
    const bodies: object[] = []
    for (const answer of answers) {
      expect(said(answer)).toEqual(refused)
      const { requestId: _id, ...rest } = answer.body as unknown as Record<string, unknown>
      bodies.push(rest)
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1)
  })

  test('a throttled one shows as the usual refusal', async () => {
    await register(server, owner, anOfficer(4))
    for (let tries = 0; tries < 6; tries++) await signIn(server, 'MGJ00004', 'not the password at all')
    expect(said(await signIn(server, 'MGJ00004'))).toEqual(refused)
  })

  test('a network that failed too often hears the usual refusal', async () => {
    const from = freshAddress()
    const fail = (id: number) => server.send('POST', '/auth/login/', { body: { employee_id: `MGJ5${id}`, password: 'x' }, from })
    for (let tries = 0; tries < 31; tries++) await fail(tries)
    const body = { employee_id: 'MGJ00001', password: officerPassword }
    expect(said(await server.send('POST', '/auth/login/', { body, from }))).toEqual(refused)
  })

  test('gives tokens and the employee, whatever the case and blanks of the id, and notes the time', async () => {
    const { status, body } = await signIn(server, '  mgj00001 ')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      success: true,
      message: 'Login successful',
      token_type: 'Bearer',
      must_change_password: false,
      user: { employee_id: 'MGJ00001', username: 'MGJ00001', role: 'field_officer', must_change_password: false },
    })
    expect(Object.keys(body).sort()).toEqual(
      ['success', 'message', 'access_token', 'token_type', 'refresh_token', 'expires_at', 'must_change_password', 'user'].sort(),
    )
    expect(JSON.stringify(body)).not.toMatch(/argon2|password_hash/)
    expect(Date.parse(String((body.user as never as { last_login: string }).last_login))).toBeGreaterThan(Date.now() - 60_000)
    expect((await post('/v1/sessions/refresh', undefined, { refreshToken: body.refresh_token })).status).toBe(200)
  })

  test('other users of the tenant come in by their username', async () => {
    const { status, body } = await signIn(server, 'owner', 'correct horse battery staple')
    expect(status).toBe(200)
    expect(body.user).toMatchObject({ employee_id: null, username: 'owner', role: 'admin' })
  })

  test('signing out ends the token', async () => {
    const token = await tokenOf(server, 'MGJ00001')
    expect(said(await post('/auth/logout/', token, {}))).toEqual([200, 'You have been logged out successfully.'])
    expect((await post('/auth/logout/', token, {})).status).toBe(401)
  })
})

describe('hashes made elsewhere', () => {
  const salt = 'abcdefghijklmnopqrstuv'
  test.each([
    [1000, 'Test-Vector-1', salt, 'nW+SqS8zJqRDwu+BnpiOflh9nrfrLWcJNjYNvWJQx8Q='],
    [600_000, 'Test-Vector-1', salt, 'zOXF9TW04qX7Xc4XL4eQ8/rMKxdW0GG4qJlBafGkows='],
    [1_200_000, 'Test-Vector-1', salt, 'DBjJ6QKMnAHKaz279+jJYwQobTd/wT+xdmkV+J30tbk='],
    [1000, 'pässwörd', '0123456789ABCDEFGHIJkl', 'Huz0pGcVy1Eof7c5Xza6RBqJNWXNK7hQ9GOqh2k1EkI='],
  ])('pbkdf2_sha256 of %i rounds lets %s in, and becomes argon2id', async (rounds, password, saltText, digest) => {
    await giveHash('MGJ00001', `pbkdf2_sha256$${rounds}$${saltText}$${digest}`)
    expect(said(await signIn(server, 'MGJ00001', `${password}x`))).toEqual(refused)
    expect((await signIn(server, 'MGJ00001', password)).status).toBe(200)
    expect((await signIn(server, 'MGJ00001', password)).status).toBe(200)
    const { body } = await server.send('GET', '/v1/users?q=mgj00001', { token: owner })
    const row = await server.holdfast.runtime.storage.tenant(tenantId).get(Credential, String(body.items[0]?.id))
    expect(row?.passwordHash).toMatch(/^\$argon2id\$/)
  })

  test('an unusable one lets nobody in', async () => {
    await giveHash('MGJ00001', '!unusable')
    for (const password of ['!unusable', 'unusable', '!']) expect(said(await signIn(server, 'MGJ00001', password))).toEqual(refused)
  })

  test('the framework’s argon2id lets its owner in', async () => {
    const phc = await server.holdfast.hasher.hash('Test-Vector-1')
    await giveHash('MGJ00001', `argon2${phc}`)
    expect(said(await signIn(server, 'MGJ00001', 'Test-Vector-2'))).toEqual(refused)
    expect((await signIn(server, 'MGJ00001', 'Test-Vector-1')).status).toBe(200)
  })
})

describe('the own password', () => {
  const next = 'seven swans on the canal'
  const change = (token: string, current_password: unknown, new_password: unknown) =>
    post('/auth/change-password/', token, { current_password, new_password })

  test('is changed by whoever knows it, and ends other sessions', async () => {
    await register(server, owner, anOfficer(6))
    const [mine, other] = [await tokenOf(server, 'MGJ00006'), await tokenOf(server, 'MGJ00006')]
    expect(said(await change(mine, 'a wrong one', next))).toEqual([400, 'Current password is incorrect'])
    expect((await change(mine, officerPassword, 'short')).status).toBe(400)
    expect((await change(mine, officerPassword, 'elevenchars')).status).toBe(400)
    expect((await change(mine, undefined, next)).body.errors).toEqual([{ field: 'current_password', message: 'is required' }])
    expect((await change(mine, officerPassword, 7)).status).toBe(400)
    expect(said(await change(mine, officerPassword, next))).toEqual([200, 'Password changed successfully'])
    expect((await post('/auth/logout/', other, {})).status).toBe(401)
    expect((await post('/auth/logout/', mine, {})).status).toBe(200)
    expect(said(await signIn(server, 'MGJ00006'))).toEqual(refused)
    expect((await signIn(server, 'MGJ00006', next)).status).toBe(200)
  })

  test('that must be changed keeps from everything else', async () => {
    await register(server, owner, anAdmin(7, { must_change_password: true }))
    const { body } = await signIn(server, 'MP0007')
    expect(body).toMatchObject({ must_change_password: true, user: { must_change_password: true } })
    const token = String(body.access_token)
    const held = await server.send('GET', '/auth/admin/employees/', { token })
    expect([held.status, held.body.code]).toEqual([403, 'password_change_required'])
    expect((await change(token, officerPassword, next)).status).toBe(200)
    expect((await server.send('GET', '/auth/admin/employees/', { token })).status).toBe(200)
  })
})
