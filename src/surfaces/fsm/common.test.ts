import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStaff } from '../../session/staff-operations.ts'
import { asSystem, attempt, freshAddress, goodPassword, hire, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aCompany, createdBy, keyOf, peopled, said } from './testing/tenants.ts'

const origin = 'https://app.example.org'
let server: TestServer
let staff: Person

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_CORS_ORIGINS: origin })
  staff = await hire(server)
})
afterAll(() => server.close())

const post = (raw: string | Buffer, headers: Record<string, string> = {}) =>
  server.send('POST', '/fsm/tenant', { token: staff.token, raw, headers })

describe('a body', () => {
  test.each(['{', '', '[]', '"text"', '1', 'null', 'true', '{"a":1,"a":2}', '{"__proto__":1}', '{"accountId":"a\\u0000"}'])(
    '%j is Invalid JSON',
    async (raw) => {
      const answer = await post(raw)
      expect(said(answer)).toEqual([400, 'Invalid JSON'])
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(answer.body).toMatchObject({ title: 'Invalid JSON', status: 400, requestId: answer.headers['x-request-id'] })
      expect(answer.body.detail).toBe(answer.body.message)
    },
  )

  test.each([
    ['POST', '/fsm/tenant', 16 * 1024],
    ['PUT', '/fsm/tenant/x', 16 * 1024],
    ['PUT', '/fsm/tenant/x/secret', 16 * 1024],
    ['POST', '/fsm/import', 16 * 1024 * 1024],
  ])('of %s %s is at most %d bytes', async (method, path, most) => {
    const ofSize = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`
    const send = (bytes: number) => server.send(method, path, { token: staff.token, raw: ofSize(bytes) })
    expect((await send(most)).status).not.toBe(413)
    expect((await send(most + 1)).status).toBe(413)
  })

  test('is JSON', async () => {
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await server.send('GET', '/fsm/validate?accountId=a&companyId=b')).headers['content-type']).toMatch(/^application\/json/)
  })
})

describe('a caller', () => {
  test('may be of any surface, or a machine', async () => {
    const company = await createdBy(server, staff)
    const owner = await peopled(server, staff, company, 'owner')
    const { key } = await keyOf(server, owner, 'member')
    const login = { username: owner.username, password: goodPassword, tenant: company.tenantId }
    const other = await server.send('POST', '/api/v1/auth/login', { body: login, from: freshAddress() })
    const path = `/fsm/tenant/${company.tenantId}`
    for (const token of [owner.token, String(other.body.access_token)]) expect((await server.send('GET', path, { token })).status).toBe(200)
    expect((await server.send('GET', path, { headers: { 'x-api-key': key } })).status).toBe(200)
  })

  test.each([
    ['POST', '/fsm/tenant'],
    ['GET', '/fsm/tenant/a_b'],
    ['PUT', '/fsm/tenant/a_b'],
    ['PUT', '/fsm/tenant/a_b/secret'],
    ['GET', '/fsm/tenants?accountId=a'],
    ['POST', '/fsm/token'],
    ['POST', '/fsm/import'],
  ])('without a credential is refused at %s %s', async (method, path) => {
    const answer = await server.send(method, path, method === 'GET' ? {} : { body: {} })
    expect(said(answer)).toEqual([401, 'Unauthorized'])
  })

  test('with a bad credential is refused everywhere, also where none is needed', async () => {
    const calls = [
      ['GET', '/fsm/validate?accountId=a&companyId=b'],
      ['POST', '/fsm/tenant'],
      ['GET', '/fsm/tenants?accountId=a'],
      ['GET', `/fsm/appointments/token/${'x'.repeat(32)}`],
      ['PUT', `/fsm/appointments/token/${'x'.repeat(32)}`],
    ] as const
    for (const headers of [
      { authorization: 'Bearer x.y.z' },
      { authorization: 'Basic eDp5' },
      { 'x-api-key': `hfk_${'x'.repeat(43)}` },
    ] as Record<string, string>[])
      for (const [method, path] of calls) {
        const { status } = await server.send(method, path, { headers, ...(method === 'GET' ? {} : { body: {} }) })
        expect([method, path, status]).toEqual([method, path, 401])
      }
  })

  test('of the staff signs in at the tenant platform, and an operator reads what an admin reads', async () => {
    const password = 'a password of the staff'
    await asSystem(server, createStaff, { username: 'op.erator', role: 'platform_operator', password })
    expect((await attempt(server, { login: 'op.erator', password, tenant: null })).status).toBe(401)
    const signedIn = await attempt(server, { login: 'op.erator', password, tenant: 'platform' })
    const token = String(signedIn.body.accessToken)
    const { tenantId, accountId } = await createdBy(server, staff)
    for (const path of [`/fsm/tenant/${tenantId}`, `/fsm/tenants?accountId=${accountId}`])
      expect((await server.send('GET', path, { token })).text).toEqual((await server.send('GET', path, { token: staff.token })).text)
    const calls = [
      ['POST', '/fsm/tenant', aCompany()],
      ['PUT', `/fsm/tenant/${tenantId}`, { cluster: 'us' }],
      ['PUT', `/fsm/tenant/${tenantId}/secret`, { clientSecret: 'x' }],
      ['POST', '/fsm/import', { entries: [] }],
      ['POST', '/fsm/token', {}],
    ] as const
    for (const [method, path, body] of calls)
      expect([path, ...said(await server.send(method, path, { token, body }))]).toEqual([path, 403, 'Forbidden'])
  })
})

describe('a preflight', () => {
  const paths = ['/fsm/tenant', '/fsm/tenant/a_b/secret', '/fsm/appointments/token/x', '/fsm/nothing/at/all']
  const ask = (path: string, from: string) =>
    server.send('OPTIONS', path, { headers: { origin: from, 'access-control-request-method': 'PUT' } })

  test.each(paths)('of %s answers 200, and names a listed origin', async (path) => {
    const { status, body, headers } = await ask(path, origin)
    expect([status, body]).toEqual([200, { message: 'CORS preflight' }])
    expect(headers['access-control-allow-origin']).toBe(origin)
    expect(headers.vary).toBe('Origin')
    expect(headers['access-control-allow-methods']).toBe('GET,POST,PUT,DELETE,OPTIONS')
    const allowed = 'Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,If-Match,Idempotency-Key'
    expect(headers['access-control-allow-headers']).toBe(allowed)
    expect(headers['content-type']).toMatch(/^application\/json/)
  })

  test.each(paths)('of %s tells a stranger nothing', async (path) => {
    for (const stranger of ['https://evil.example', 'null', '*']) {
      const { status, body, headers } = await ask(path, stranger)
      expect([status, body]).toEqual([200, { message: 'CORS preflight' }])
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  test('elsewhere is as ever', async () => {
    expect((await ask('/v1/users', origin)).status).toBe(204)
    expect((await ask('/fsmore', origin)).status).toBe(204)
  })
})

test('answers name a listed origin and no other, refusals too', async () => {
  for (const path of ['/fsm/validate?accountId=a&companyId=b', '/fsm/tenant/x', '/fsm/nothing'])
    for (const [from, named] of [
      [origin, origin],
      ['https://evil.example', undefined],
    ] as const)
      expect((await server.send('GET', path, { headers: { origin: from } })).headers['access-control-allow-origin']).toBe(named)
})

test.each([
  ['DELETE', '/fsm/tenant/a_b', 'GET, PUT'],
  ['PATCH', '/fsm/tenant/a_b', 'GET, PUT'],
  ['GET', '/fsm/tenant', 'POST'],
  ['POST', '/fsm/validate', 'GET'],
  ['GET', '/fsm/tenant/a_b/secret', 'PUT'],
  ['PUT', '/fsm/import', 'POST'],
  ['DELETE', '/fsm/tenants', 'GET'],
])('%s %s is a method that the address lacks', async (method, path, allow) => {
  const answer = await server.send(method, path, method === 'GET' ? {} : { body: {} })
  expect([...said(answer), answer.headers.allow]).toEqual([405, 'Method not allowed', allow])
})

test.each(['/fsm', '/fsm/', '/fsm/nothing', '/fsm/tenant/a_b/other', `/fsm/${randomUUID()}`])('%s is nothing', async (path) => {
  expect(said(await server.send('GET', path))).toEqual([404, 'Not found'])
})
