import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let token: string
let address: string

beforeAll(async () => {
  server = await startTestServer()
  token = await server.signIn()
  address = await server.listen()
})
afterAll(() => server.close())

const aUser = () => server.send('POST', '/v1/users', { token, body: { username: `u${Math.random().toString(36).slice(2)}` } })

async function dismiss(): Promise<Answer> {
  const { body } = await aUser()
  return server.send('DELETE', `/v1/users/${body.id}`, { token })
}

type Kind = [name: string, status: number, ask: () => Promise<Answer>]

const kinds: Kind[] = [
  ['a read', 200, () => server.send('GET', '/v1/me', { token })],
  ['a creation', 201, aUser],
  ['no content', 204, dismiss],
  ['a preflight', 204, () => server.send('OPTIONS', '/v1/me')],
  ['health', 200, () => server.send('GET', '/health')],
  ['metrics', 200, () => server.send('GET', '/metrics', { token })],
  ['the description', 200, () => server.send('GET', '/openapi.json')],
  ['no token', 401, () => server.send('GET', '/v1/me')],
  ['an unknown path', 404, () => server.send('GET', '/nothing')],
  ['an unreadable address', 400, () => server.send('GET', '/v1/users/%zz')],
  ['an endless address', 404, () => server.send('GET', `/v1/users/${'x'.repeat(5000)}`)],
  ['a wrong method', 405, () => server.send('PUT', '/health')],
  ['a malformed body', 400, () => server.send('POST', '/v1/users', { token, raw: '{' })],
  ['a large body', 413, () => server.send('POST', '/v1/users', { token, raw: 'x'.repeat(1024 * 1024 + 1) })],
]

describe.each(kinds)('%s (%d)', (_, status, ask) => {
  test('has the security headers, is kept by nobody, and has a request id of ours', async () => {
    const answer = await ask()
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-dns-prefetch-control': 'off',
      'x-download-options': 'noopen',
      'x-frame-options': 'SAMEORIGIN',
      'x-permitted-cross-domain-policies': 'none',
      'x-xss-protection': '0',
      'cache-control': 'no-store',
    })
    expect(answer.headers['x-powered-by']).toBeUndefined()
    expect(answer.headers.server).toBeUndefined()
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('is a problem with the same request id when it is an error', async () => {
    const answer = await ask()
    if (status < 400) return
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    const { type, title, detail, code, requestId, error, message } = answer.body
    expect(answer.body.status).toBe(status)
    expect(requestId).toBe(answer.headers['x-request-id'])
    expect(type).toBe(`/docs/errors#${code}`)
    expect([error, message]).toEqual([title, detail])
    expect(String(detail)).toMatch(/^[A-Z].+\.$/)
  })
})

describe('request ids', () => {
  test("a client's own is not trusted, and no two are alike", async () => {
    const sent = 'my-own-request-id'
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => server.send('GET', '/health', { headers: { 'x-request-id': sent, 'request-id': sent } })),
    )
    const ids = answers.map(({ headers }) => headers['x-request-id'])
    expect(new Set(ids).size).toBe(20)
    expect(ids).not.toContain(sent)
  })

  test('the audit has the same', async () => {
    const made = await server.send('POST', '/v1/users', { token, body: { username: 'audited' } })
    const { body } = await server.send('GET', `/v1/audit?requestId=${made.headers['x-request-id']}`, { token })
    expect(body.items.map(({ action }) => action)).toEqual(['user.create'])
  })
})

/** Writes to a socket what no client library would, and reads until the server ends it. */
const speak = (text: string) =>
  new Promise<string>((resolve, reject) => {
    let heard = ''
    const socket = connect(Number(new URL(address).port), '127.0.0.1', () => socket.write(text))
    socket.on('data', (data) => {
      heard += data
    })
    socket.on('close', () => resolve(heard))
    socket.on('error', reject)
  })

test.each([
  ['no HTTP at all', 'HELLO\r\n\r\n', 400, 'bad_request'],
  ['two lengths', 'POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx', 400, 'bad_request'],
  [
    'length and chunks',
    'POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'bad_request',
  ],
  ['no host', 'GET /v1/me HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
  ['an expectation', 'POST /v1/users HTTP/1.1\r\nHost: x\r\nExpect: zzz\r\nContent-Length: 1\r\n\r\n', 417, 'expectation_failed'],
  ['too many headers', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
])('%s is a problem too, and ends the connection', async (_, text, status, code) => {
  const heard = await speak(text)
  const [head = '', body = ''] = heard.split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(head).toMatch(/^X-Request-Id: [0-9a-f-]{36}$/im)
  expect(head).toMatch(/^Content-Type: application\/problem\+json/im)
  expect(head).toMatch(/^Content-Security-Policy: default-src 'none'/im)
  expect(JSON.parse(body)).toMatchObject({ status, code })
})

test('a client of HTTP/1.0, which knows no Host, is answered', async () => {
  expect(await speak('GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
})
