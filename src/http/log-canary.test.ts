import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { surfaces } from '../surfaces.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import type { Route } from './route.ts'

/** A text that nothing but a request of this test holds. Long enough to pass for a secret, plain enough to pass into every field. */
const canary = 'Canary0Song1Bird2Feather3Wing4'
let server: TestServer
let owner: string

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_LOG_LEVEL: 'debug', HOLDFAST_OWNER_PASSWORD: `${canary} as a password` })
  owner = await server.signIn('owner', `${canary} as a password`)
})
afterAll(() => server.close())

const routes = surfaces.flatMap((surface) => surface.routes)

/** Every field that the operation or the wire form knows, and one that nobody knows. */
function bodyOf({ operation, options }: Route): Record<string, unknown> {
  const schemas = [operation.input, options.requestSchema].filter((schema) => schema instanceof z.ZodObject)
  const names = schemas.flatMap((schema) => Object.keys(schema.shape))
  return Object.fromEntries([...names, 'password', 'token', canary].map((name) => [name, canary]))
}

const headers = {
  cookie: `__Host-holdfast-device=${canary}; session=${canary}`,
  'x-api-key': canary,
  'user-agent': canary,
  'idempotency-key': canary,
  'if-match': canary,
  'last-event-id': canary,
  'x-request-id': canary,
  'x-forwarded-for': canary,
  'x-onboarding-session': canary,
  origin: `https://${canary}.example`,
  referer: `https://example.org/?token=${canary}`,
}

test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))('%s logs nothing that was sent', async (_, route) => {
  const path = route.path.replace(/:\w+/g, canary)
  const hasBody = route.method !== 'GET'
  for (const token of [owner, canary, undefined])
    for (const query of ['', `?q=${canary}&password=${canary}&${canary}=1`]) {
      const before = server.logged.length
      await server.send(route.method, path + query, {
        ...(token === undefined ? {} : { token }),
        ...(hasBody ? { body: bodyOf(route) } : {}),
        headers: token === undefined ? headers : { ...headers, 'x-api-key': '' },
      })
      await server.send(route.method, path + query, { headers, ...(hasBody ? { raw: `{"a":"${canary}", ${canary}` } : {}) })
      expect(server.logged.length).toBeGreaterThan(before)
    }
  expect(server.logged.join('')).not.toContain(canary)
  expect(server.logged.join('')).not.toContain(canary.toLowerCase())
})

test('addresses that nobody knows or can read are logged without themselves', async () => {
  for (const path of [`/${canary}`, `/v1/${canary}?${canary}`, `/v1/users/%zz${canary}`, `/v1/users/${canary.repeat(200)}`])
    await server.send('GET', path, { token: owner })
  expect(server.logged.join('')).not.toContain(canary)
})

test('secrets that the server gives out are not in the log', async () => {
  // the calls above may have ended the session that they came with
  const token = await server.signIn('owner', `${canary} as a password`)
  const given: string[] = [owner, token]
  const signedIn = await server.send('POST', '/v1/sessions', {
    body: { login: 'owner', password: `${canary} as a password` },
    from: '10.2.2.2',
  })
  const refreshed = await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: signedIn.body.refreshToken } })
  const key = await server.send('POST', '/v1/api-keys', { token, body: { name: 'machine', role: 'member' } })
  const user = await server.send('POST', '/v1/users', { token, body: { username: 'ann' } })
  const reset = await server.send('POST', `/v1/users/${user.body.id}/password-resets`, { token })
  const factor = await server.send('POST', '/v1/second-factor', { token })
  for (const { body } of [signedIn, refreshed]) given.push(String(body.accessToken), String(body.refreshToken))
  given.push(/device=([^;]+)/.exec(String(signedIn.headers['set-cookie']))?.[1] ?? 'missing')
  given.push(String(key.body.key), String(reset.body.token), String(factor.body.secret), String(factor.body.uri))
  const log = server.logged.join('')
  for (const secret of given) {
    expect(secret.length).toBeGreaterThan(15)
    expect(log).not.toContain(secret)
  }
})

test('a failure keeps its stack in the log and out of the answer', async () => {
  const broken = await startTestServer({ HOLDFAST_LOG_LEVEL: 'debug' })
  const token = await broken.signIn()
  await broken.holdfast.runtime.storage.close()
  const { status, text, headers } = await broken.send('GET', '/v1/users', { token })
  expect(status).toBe(503)
  expect(text).not.toMatch(/\.ts|at async|sqlite/i)
  const line = broken.logged.map((one) => JSON.parse(one)).find(({ requestId }) => requestId === headers['x-request-id'])
  expect(line).toMatchObject({ level: 'error', outcome: 'failed', status: 503, code: 'storage_closed' })
  expect(line.err.stack).toContain('.ts:')
  await broken.close()
})
