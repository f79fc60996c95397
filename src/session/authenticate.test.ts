import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
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

const me = (token: string) => server.send('GET', '/v1/me', { token })
const said = ({ status, body }: Answer) => [status, body?.code]

describe('a token is refused', () => {
  const invalid = [401, 'invalid_token']
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

  test('when any part of it was changed', async () => {
    const [head = '', claims = '', signature = ''] = ann.token.split('.')
    const other = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object
    const forged = [
      `${head}.${encode({ ...other, sub: owner.id })}.${signature}`,
      `${head}.${encode({ ...other, exp: 9_999_999_999 })}.${signature}`,
      `${head}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      `${head}.${claims}.`,
      `${head}.${claims}`,
      `${head}.${claims}.${signature}.`,
      `${ann.token} `.repeat(2).trim(),
    ]
    for (const token of forged) expect((await me(token)).status).toBe(401)
    expect((await me(ann.token)).status).toBe(200)
  })

  test('when it says another algorithm, none, or the key of someone else', async () => {
    const [head = '', claims = ''] = ann.token.split('.')
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string }
    const publicKey = JSON.stringify(server.holdfast.keys.list().find((key) => key.kid === kid)?.publicJwk)
    const none = `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${claims}`
    const hmacHead = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${claims}`
    const stranger = generateKeyPairSync('ed25519').privateKey
    const signed = (text: string) => `${text}.${sign(null, Buffer.from(text), stranger).toString('base64url')}`
    const forged = [
      `${none}.`,
      `${hmacHead}.${createHmac('sha256', publicKey).update(hmacHead).digest('base64url')}`,
      signed(`${head}.${claims}`),
      signed(`${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'mine' })}.${claims}`),
      signed(
        `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid, jwk: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) })}.${claims}`,
      ),
    ]
    for (const token of forged) expect(said(await me(token))).toEqual(invalid)
  })

  test('when another server gave it out', async () => {
    const other = await startTestServer()
    const { token } = await enterOwner(other)
    await other.close()
    expect(said(await me(token))).toEqual(invalid)
  })

  test('once ten minutes are over', async () => {
    moveClock(server, 599_000)
    expect((await me(ann.token)).status).toBe(200)
    moveClock(server, 1_001)
    expect(said(await me(ann.token))).toEqual(invalid)
  })

  test.each([
    ['no credential', {}],
    ['an empty one', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic b3duZXI6b3duZXI=' }],
    ['a refresh token', { authorization: `Bearer hfr_${'x'.repeat(43)}` }],
    ['an unknown API key', { 'x-api-key': `hfk_${'x'.repeat(43)}` }],
    ['an API key that is no text of ours', { 'x-api-key': 'x'.repeat(5_000) }],
  ])('as %s, with WWW-Authenticate', async (_what, headers) => {
    const answer = await server.send('GET', '/v1/me', { headers })
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  })

  test('before the body is looked at', async () => {
    expect((await server.send('POST', '/v1/users', { raw: '{"half', token: 'x.y.z' })).status).toBe(401)
  })
})
