import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'

const origin = 'https://app.example.org'
const second = 'http://localhost:5173'
let server: TestServer
let token: string

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_CORS_ORIGINS: `${origin}, ${second}`, HOLDFAST_RATE_LIMIT: '200' })
  token = await server.signIn()
})
afterAll(() => server.close())

type Ask = (headers: Record<string, string>) => Promise<Answer>

const kinds: [string, number, Ask][] = [
  ['a read', 200, (headers) => server.send('GET', '/v1/me', { token, headers })],
  ['health', 200, (headers) => server.send('GET', '/health', { headers })],
  [
    'a list that is compressed',
    200,
    (headers) => server.send('GET', '/api/v1/leads', { token, headers: { ...headers, 'accept-encoding': 'gzip' } }),
  ],
  ['no token', 401, (headers) => server.send('GET', '/v1/me', { headers })],
  ['a wrong sign-in', 401, (headers) => server.send('POST', '/v1/sessions', { body: { login: 'x', password: 'y' }, headers })],
  ['an unknown path', 404, (headers) => server.send('GET', '/nothing', { headers })],
  ['an unknown path of an older surface', 404, (headers) => server.send('GET', '/api/v1/nothing', { headers })],
  ['an unreadable address', 400, (headers) => server.send('GET', '/v1/users/%zz', { headers })],
  ['a wrong method', 405, (headers) => server.send('PUT', '/health', { headers })],
  ['a malformed body', 400, (headers) => server.send('POST', '/v1/users', { token, raw: '{', headers })],
  ['a large body', 413, (headers) => server.send('POST', '/v1/users', { token, raw: 'x'.repeat(1024 * 1024 + 1), headers })],
  ['another type', 415, (headers) => server.send('POST', '/v1/users', { token, raw: 'x', headers: { ...headers, 'content-type': 'a/b' } })],
  ['an invalid field', 422, (headers) => server.send('POST', '/v1/users', { token, body: { username: '' }, headers })],
]

const vary = (answer: Answer) => String(answer.headers.vary ?? '').split(/, */)

describe.each(kinds)('%s (%d)', (_, status, ask) => {
  test.each([origin, second])('shows itself to %s', async (listed) => {
    const answer = await ask({ origin: listed })
    expect(answer.status).toBe(status)
    expect(answer.headers['access-control-allow-origin']).toBe(listed)
    expect(vary(answer)).toContain('Origin')
    const exposed = String(answer.headers['access-control-expose-headers']).toLowerCase()
    for (const name of ['x-request-id', 'retry-after', 'etag', 'location', 'holdfast-commit']) expect(exposed).toContain(name)
  })

  test.each([
    'https://evil.example',
    'https://app.example.org.evil.example',
    'https://APP.example.org',
    'http://app.example.org',
    'https://app.example.org:444',
    'null',
    '*',
    '',
  ])('says nothing to "%s"', async (stranger) => {
    const { headers } = await ask({ origin: stranger })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test('never allows credentials, and answers without an origin as well', async () => {
    const answer = await ask({ origin })
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
    const plain = await ask({})
    expect(plain.headers['access-control-allow-origin']).toBeUndefined()
    expect(vary(plain)).toContain('Origin')
  })
})

test('a limited request shows itself too', async () => {
  const limited = await startTestServer({ HOLDFAST_CORS_ORIGINS: origin, HOLDFAST_RATE_LIMIT: '2' })
  const mine = await limited.signIn()
  const answers = []
  for (let time = 0; time < 4; time++) answers.push(await limited.send('GET', '/v1/me', { token: mine, headers: { origin } }))
  const last = answers.at(-1)
  expect(last?.status).toBe(429)
  expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0)
  expect(last?.headers['access-control-allow-origin']).toBe(origin)
  await limited.close()
})

test('a failure shows itself too', async () => {
  const broken = await startTestServer({ HOLDFAST_CORS_ORIGINS: origin })
  const mine = await broken.signIn()
  await broken.holdfast.runtime.storage.close()
  const answer = await broken.send('GET', '/v1/me', { token: mine, headers: { origin } })
  expect(answer.status).toBe(503)
  expect(answer.headers['access-control-allow-origin']).toBe(origin)
  await broken.close()
})

describe('preflight', () => {
  const paths = ['/v1/users', '/v1/users/some', '/nothing/at/all', '/api/v1/auth/login', '/api/v1/nothing', '/health', '/']
  const ask = (path: string, from: string | null) =>
    server.send('OPTIONS', path, {
      headers: {
        ...(from === null ? {} : { origin: from }),
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization, content-type, idempotency-key',
      },
    })

  test.each(paths)('of %s is 204 without a token', async (path) => {
    const { status, headers, text } = await ask(path, origin)
    expect(status).toBe(204)
    expect(text).toBe('')
    expect(headers['access-control-allow-origin']).toBe(origin)
    expect(headers['access-control-allow-methods']).toBe('GET, POST, PUT, PATCH, DELETE, OPTIONS')
    for (const name of ['Content-Type', 'Authorization', 'X-Request-ID', 'Idempotency-Key', 'If-Match'])
      expect(headers['access-control-allow-headers']).toContain(name)
    expect(headers['access-control-max-age']).toBe('600')
  })

  test.each(paths)('of %s tells a stranger nothing', async (path) => {
    for (const from of ['https://evil.example', null]) {
      const { status, headers } = await ask(path, from)
      expect(status).toBe(204)
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  test('of an address that cannot be read is 204 too', async () => {
    expect((await ask('/v1/users/%zz', origin)).status).toBe(204)
  })
})

test('without a list nobody is allowed', async () => {
  const closed = await startTestServer()
  const { headers } = await closed.send('GET', '/health', { headers: { origin } })
  expect(headers['access-control-allow-origin']).toBeUndefined()
  await closed.close()
})
