import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'

const mebibyte = 1024 * 1024
let server: TestServer
let token: string
let address: string
let count = 0

beforeAll(async () => {
  server = await startTestServer()
  token = await server.signIn()
  address = await server.listen()
})
afterAll(() => server.close())

const post = (raw: string | Buffer, headers: Record<string, string> = {}) => server.send('POST', '/v1/users', { token, raw, headers })
const aUser = () => {
  count += 1
  return { username: `user${count}` }
}
/** A body of exactly so many bytes. */
function sized(bytes: number): string {
  const { username } = aUser()
  const bare = JSON.stringify({ username, fullName: '' })
  return JSON.stringify({ username, fullName: 'x'.repeat(bytes - bare.length) })
}
const nested = (depth: number) => '[{"a":'.repeat(depth / 2) + (depth % 2 === 1 ? '[]' : '1') + '}]'.repeat(depth / 2)

describe('400 for what is no JSON or dangerous', () => {
  test.each([
    ['nothing but an open bracket', '{', 'malformed_json'],
    ['a comment', '{"username":"a"/**/}', 'malformed_json'],
    ['a trailing comma', '{"username":"a",}', 'malformed_json'],
    ['single quotes', "{'username':'a'}", 'malformed_json'],
    ['NaN', '{"username":NaN}', 'malformed_json'],
    ['two documents', '{}{}', 'malformed_json'],
    ['blanks alone', '  ', 'malformed_json'],
    ['the same key twice', '{"username":"a","username":"b"}', 'malformed_json'],
    ['the same key twice, once escaped', '{"username":"a","\\u0075sername":"b"}', 'malformed_json'],
    ['the same key twice, deep inside', '{"a":[{"b":{"c":1,"c":2}}]}', 'malformed_json'],
    ['__proto__', '{"__proto__":{"role":"owner"}}', 'bad_json'],
    ['__proto__, escaped', '{"\\u005f_proto__":1}', 'bad_json'],
    ['constructor, deep inside', '{"a":{"constructor":1}}', 'bad_json'],
    ['prototype', '{"prototype":1}', 'bad_json'],
    ['a NUL in a text', '{"username":"a\\u0000b"}', 'bad_json'],
    ['a NUL in a key', '{"a\\u0000":1}', 'bad_json'],
    ['half a character', '{"username":"a\\ud83d"}', 'bad_json'],
    ['the other half', '{"fullName":"\\ude00"}', 'bad_json'],
    ['a number that is not finite', '{"version":1e999}', 'bad_json'],
    ['a negative one', '{"version":-1e999}', 'bad_json'],
    ['33 levels', `{"a":${nested(32)}}`, 'bad_json'],
    ['a million levels', '['.repeat(500_000), 'bad_json'],
    ['1,001 items', JSON.stringify({ a: Array.from({ length: 1001 }, () => 1) }), 'bad_json'],
  ])('%s', async (_, raw, code) => {
    expect(await post(raw)).toMatchObject({ status: 400, body: { code, status: 400 } })
  })

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a cut sequence', [0xf0, 0x9f, 0x98]],
  ])('invalid UTF-8: %s', async (_, bytes) => {
    const raw = Buffer.concat([Buffer.from('{"username":"'), Buffer.from(bytes), Buffer.from('"}')])
    expect(await post(raw)).toMatchObject({ status: 400, body: { code: 'malformed_json' } })
  })
})

describe('up to the bounds it is read', () => {
  test.each([
    ['32 levels', () => `{"a":${nested(31)}}`],
    ['1,000 items', () => JSON.stringify({ a: Array.from({ length: 1000 }, () => 1) })],
    ['a large number', () => '{"a":1.7e308}'],
    ['brackets and colons within texts', () => JSON.stringify({ a: `${'['.repeat(40)}:{"\\":` })],
    ['keys that only look dangerous', () => '{"proto":1,"__proto":1,"Constructor":1}'],
    ['the same key in different objects', () => '{"a":{"b":1},"c":{"b":1}}'],
  ])('%s', async (_, raw) => {
    expect(await post(raw())).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
  })

  test('a byte order mark and every plane of Unicode', async () => {
    const { username } = aUser()
    const fullName = 'Zoë ß Ω 中文 🧑‍🚒 \u{10ffff}'
    const answer = await post(Buffer.from(`\ufeff${JSON.stringify({ username, fullName })}`))
    expect(answer).toMatchObject({ status: 201, body: { fullName } })
  })
})

describe('a NUL in the address', () => {
  test.each(['/v1/users/a%00b', '/v1/users?q=%00', '/v1/users?a%00=1'])('%s', async (url) => {
    expect(await server.send('GET', url, { token })).toMatchObject({ status: 400, body: { code: 'bad_request' } })
  })
  test('what cannot be decoded', async () => {
    expect(await server.send('GET', '/v1/users/%zz', { token })).toMatchObject({ status: 400, body: { code: 'bad_request' } })
  })
})

describe('size', () => {
  test('1 MiB is read, one byte more is 413', async () => {
    expect((await post(sized(mebibyte))).status).toBe(422)
    expect(await post(sized(mebibyte + 1))).toMatchObject({ status: 413, body: { code: 'body_too_large', status: 413 } })
  })

  test('a body of unknown length is cut off at the same place', async () => {
    const send = (bytes: number) =>
      fetch(`${address}/v1/users`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: new Blob([sized(bytes)]).stream(),
        duplex: 'half',
      } as RequestInit)
    expect((await send(mebibyte)).status).toBe(422)
    const refused = await send(mebibyte + 1).catch(() => null)
    expect(refused === null || refused.status === 413).toBe(true)
  })
})

describe('media type', () => {
  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON ;charset=UTF-8', 'application/merge-patch+json'])(
    '%s is read',
    async (type) => expect((await post(JSON.stringify(aUser()), { 'content-type': type })).status).toBe(201),
  )
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'text/json',
    'json',
    '',
  ])('415 for "%s"', async (type) =>
    expect(await post(JSON.stringify(aUser()), { 'content-type': type })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    }),
  )
  test.each(['gzip', 'br', 'identity', 'x-unknown', 'gzip, identity'])('415 for Content-Encoding: %s', async (encoding) => {
    const answer = await post(JSON.stringify(aUser()), { 'content-encoding': encoding })
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
  })
  test('a call without a body needs no type', async () => {
    expect((await server.send('DELETE', '/v1/sessions/none', { token })).status).toBe(404)
  })
  test('a body that is no object is 422', async () => {
    for (const raw of ['[]', '"x"', '1', 'null', 'true']) expect(await post(raw)).toMatchObject({ status: 422 })
  })
})

describe('401 is decided before the body is looked at', () => {
  test.each([
    ['malformed', '{', {}],
    ['dangerous', '{"__proto__":1}', {}],
    ['no JSON', 'x', { 'content-type': 'text/plain' }],
    ['compressed', 'x', { 'content-encoding': 'gzip' }],
    ['too large', 'x'.repeat(mebibyte + 1), {}],
  ])('%s', async (_, raw, headers) => {
    for (const authorization of [undefined, 'Bearer nonsense', 'Basic b3duZXI6eA==']) {
      const answer = await server.send('POST', '/v1/users', {
        raw,
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      })
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
  })

  test('a stranger gets the answer without having sent the body', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(address).port), '127.0.0.1', () =>
        socket.write('POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{'),
      )
      socket.once('data', (data) => {
        resolve(String(data))
        socket.destroy()
      })
      socket.once('error', reject)
    })
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('methods', () => {
  test.each([
    ['PUT', '/v1/users', 'GET, POST'],
    ['POST', '/v1/users/some', 'DELETE, GET, PATCH'],
    ['DELETE', '/health', 'GET'],
    ['PATCH', '/v1/users/counts', 'GET'],
    ['PUT', '/v1/users/', 'DELETE, GET, PATCH'],
    ['GET', '/v1/sessions/refresh', 'POST'],
    ['HEAD', '/v1/sessions/refresh', 'POST'],
  ] as const)('%s %s is 405 and Allow says %s, whatever the token and the body', async (method, path, allow) => {
    for (const sent of [{}, { token }, { raw: '{' }]) {
      const { status, headers } = await server.send(method, path, method === 'HEAD' || method === 'GET' ? {} : sent)
      expect(status).toBe(405)
      expect(headers.allow).toBe(allow)
    }
  })
  test('an unknown path is 404 for every method', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'])
      expect((await server.send(method, '/v1/nothing', { token })).status).toBe(404)
  })
})
