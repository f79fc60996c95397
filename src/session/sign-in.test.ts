import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionsOf } from '../testing/log.ts'
import { attempt, enterOwner, found, freshAddress, goodPassword, hire, invite, join, type Person } from '../testing/people.ts'
import { type Answer, ownerPassword, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

/** Everything a stranger can tell a refusal by, but the request id. */
const looks = ({ status, text, body, headers }: Answer) => ({
  status,
  text: text.replace(String(body.requestId), ''),
  headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !['x-request-id', 'date'].includes(name))),
})

describe('a sign-in is refused', () => {
  test('alike for an unknown login, a wrong password, a deactivated, an invited and an ambiguous one', async () => {
    const ann = await join(server, owner)
    const gone = await join(server, owner)
    await server.send('DELETE', `/v1/users/${gone.id}`, { token: owner.token })
    const invited = await invite(server, owner, {})
    const other = await found(server)
    await join(server, other, { username: ann.username })
    const answers = await Promise.all([
      attempt(server, { login: 'nobody-at-all' }),
      attempt(server, { login: ann.username, password: 'a wrong passphrase', tenant: owner.tenantId }),
      attempt(server, { login: gone.username }),
      attempt(server, { login: String(invited.username) }),
      attempt(server, { login: ann.username }),
      attempt(server, { login: ann.username, tenant: 'no-such-tenant' }),
      attempt(server, { login: owner.username, password: ownerPassword, tenant: 'platform' }),
      attempt(server, { login: other.username, tenant: owner.tenantId }),
    ])
    for (const answer of answers) expect(looks(answer)).toEqual(looks(answers[0] as Answer))
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
  })

  test.each([
    [{ password: 'x' }, 'login'],
    [{ login: 'owner' }, 'password'],
    [{ login: '', password: 'x' }, 'login'],
    [{ login: 'x'.repeat(321), password: 'x' }, 'login'],
    [{ login: 'owner', password: '' }, 'password'],
    [{ login: 'owner', password: 12 }, 'password'],
    [{ login: ['owner'], password: 'x' }, 'login'],
    [{ login: 'owner', password: 'x', tenant: '' }, 'tenant'],
    [{ login: 'owner', password: 'x', remember: true }, 'remember'],
  ])('with 422 for %j', async (body, field) => {
    const actions = await actionsOf(server, async () => {
      const answer = await server.send('POST', '/v1/sessions', { body, from: freshAddress() })
      expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ field }] } })
      expect(answer.headers['holdfast-commit']).toBeUndefined()
    })
    expect(actions).toEqual([])
  })

  test('and leaves the throttle counters alone in the log, without a receipt', async () => {
    const ann = await join(server, owner)
    const actions = await actionsOf(server, async () => {
      const answer = await attempt(server, { login: ann.username, password: 'a wrong passphrase' })
      expect([answer.headers['holdfast-commit'], answer.headers['holdfast-durability']]).toEqual([undefined, undefined])
    })
    expect(actions).toEqual(['session.fail', 'session.fail'])
  })

  test('takes no Idempotency-Key: the same key twice makes two sessions', async () => {
    const send = () =>
      server.send('POST', '/v1/sessions', {
        body: { login: 'owner', password: ownerPassword, tenant: owner.tenantId },
        headers: { 'idempotency-key': 'once' },
        from: freshAddress(),
      })
    const [first, second] = [await send(), await send()]
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.headers['idempotency-replayed']).toBeUndefined()
    expect(second.body.refreshToken).not.toBe(first.body.refreshToken)
  })
})

describe('a sign-in', () => {
  test('answers with tokens, the user and a cookie for this device, and says where it was committed', async () => {
    const ann = await join(server, owner)
    const answer = await attempt(server, { login: ann.username, tenant: owner.tenantId })
    expect(answer.status).toBe(201)
    expect(Object.keys(answer.body).sort()).toEqual(['accessToken', 'expiresAt', 'refreshToken', 'user'])
    expect(answer.body.refreshToken).toMatch(/^hfr_[\w-]{43}$/)
    const { body: me } = await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })
    expect(answer.body.user).toEqual(me)
    expect(answer.headers['set-cookie']).toMatch(
      /^__Host-holdfast-device=[^;]+; Path=\/; Max-Age=31536000; Secure; HttpOnly; SameSite=Strict$/,
    )
    expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/\\d+$`))
    expect(answer.headers['holdfast-durability']).toBe('fsync')
  })

  test('gives a token of the promised form', async () => {
    const answer = await attempt(server, { login: 'owner', password: ownerPassword, tenant: owner.tenantId })
    const [head, claims] = String(answer.body.accessToken)
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, number>)
    const kids = server.holdfast.keys.list().map(({ kid }) => kid)
    expect(head).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.toSatisfy((kid: string) => kids.includes(kid)) })
    expect(Object.keys(claims ?? {}).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub', 'tid'])
    expect(claims).toMatchObject({ sub: owner.id, tid: owner.tenantId })
    const { iat = 0, exp = 0 } = claims ?? {}
    expect(exp - iat).toBe(600)
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(5)
    expect(Date.parse(String(answer.body.expiresAt))).toBe(exp * 1000)
  })

  test('takes the username or the e-mail address in any case, and the tenant by id or key', async () => {
    const other = await found(server)
    const person = await invite(server, other, { username: 'Zoë.Big', email: 'Zoe@Example.org', password: goodPassword })
    for (const login of ['zoë.big', 'ZOË.BIG', 'ZOE@example.ORG'])
      for (const tenant of [other.tenantId, other.key, null]) {
        const answer = await attempt(server, { login, tenant })
        expect([login, tenant, answer.status, answer.body.user?.id]).toEqual([login, tenant, 201, person.id])
      }
  })

  test('by username wins over somebody else who has that text as address', async () => {
    const first = await invite(server, owner, { username: 'x@example.org', password: goodPassword })
    await invite(server, owner, { username: 'other-x', email: 'x@example.org', password: `${goodPassword}!` })
    expect((await attempt(server, { login: 'x@example.org', tenant: owner.tenantId })).body.user.id).toBe(first.id)
    expect((await attempt(server, { login: 'x@example.org', password: `${goodPassword}!`, tenant: owner.tenantId })).status).toBe(401)
  })

  test('names no tenant where only one active person has the login', async () => {
    const other = await found(server)
    const ann = await join(server, owner)
    const twin = await join(server, other, { username: ann.username })
    expect((await attempt(server, { login: ann.username })).status).toBe(401)
    await server.send('DELETE', `/v1/users/${twin.id}`, { token: other.token })
    expect((await attempt(server, { login: ann.username })).body.user.id).toBe(ann.id)
  })

  test('of platform staff names the tenant platform', async () => {
    const staff = await hire(server)
    expect(staff).toMatchObject({ role: 'platform_admin', tenantId: 'platform' })
    expect((await server.send('GET', '/v1/me', { token: staff.token })).body).toMatchObject({ id: staff.id, role: 'platform_admin' })
    expect((await attempt(server, { login: staff.username })).status).toBe(401)
  })
})

test('refusals of logins that exist and of those that do not take the same time', async () => {
  const ann = await join(server, owner)
  const measure = async (login: string) => {
    const startedMs = performance.now()
    await attempt(server, { login, password: 'a wrong passphrase', tenant: owner.tenantId })
    return performance.now() - startedMs
  }
  const known: number[] = []
  const unknown: number[] = []
  for (let round = 0; round < 5; round++) {
    known.push(await measure(ann.username))
    unknown.push(await measure(`nobody${round}`))
  }
  const fastest = (times: number[]) => Math.min(...times)
  // without the same work the unknown one would be ten times as fast
  expect(fastest(unknown)).toBeGreaterThan(fastest(known) / 2)
  expect(fastest(known)).toBeGreaterThan(fastest(unknown) / 2)
})
