import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patched, update } from '../../kernel/change.ts'
import { fold } from '../../kernel/entity.ts'
import { ownerPassword } from '../../testing/server.ts'
import { Credential, User } from '../../user/entity.ts'
import { type Crm, goodPassword, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
let agent: Member

beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager' })
  agent = await crm.join({ manager, full_name: 'Ada Fox', email: 'ada@example.org' })
})
afterAll(() => crm.close())

const meta = {
  actor: { id: null, kind: 'system', name: 'test' },
  action: 'test',
  entity: null,
  requestId: null,
  time: '2026-03-01T08:00:00.000Z',
} as const

/** The first tenant's store, and the row of one of its users. */
async function rowOf(username: string) {
  const platform = crm.server.holdfast.runtime.storage.platform()
  const [found] = await platform.lookup(User, 'byUsername', [fold(username)])
  if (found === undefined) throw new Error(`no ${username}`)
  return { store: crm.server.holdfast.runtime.storage.tenant(found.tenantId), user: found.row, tenantId: found.tenantId }
}

async function store(username: string, passwordHash: string): Promise<void> {
  const { store, user } = await rowOf(username)
  const credential = await store.get(Credential, user.id)
  if (credential === null) throw new Error('no credential')
  await store.commit([update(Credential, credential, patched(Credential, credential, { passwordHash }, meta.time))], meta)
}

const invalid = [401, 'Invalid credentials']
let networks = 0
/** A sign-in from a network of its own. */
const attempt = (body: object, from?: string) => {
  networks += 1
  return crm.server.send('POST', '/api/v1/auth/login', { body, from: from ?? `10.1.${networks >> 8}.${networks & 255}` })
}

describe('a sign-in', () => {
  test('needs both texts', async () => {
    for (const body of [
      {},
      { username: 'x' },
      { password: 'x' },
      { username: '', password: 'x' },
      { username: 'x', password: '' },
      { username: null, password: 'x' },
      { username: 7, password: 'x' },
      { username: 'x', password: ['x'] },
    ])
      expect(said(await attempt(body))).toEqual([400, 'Username and password required'])
  })

  test('answers the token twice, with who one is', async () => {
    const { status, body } = await attempt({ username: agent.username, password: goodPassword })
    const user = {
      id: agent.id,
      username: agent.username,
      email: 'ada@example.org',
      role: 'agent',
      full_name: 'Ada Fox',
      manager_id: manager.id,
    }
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 3600,
      user,
      data: { access_token: body.access_token, user },
    })
  })

  test('compares usernames without regard to case, and trims nothing', async () => {
    expect((await attempt({ username: agent.username.toUpperCase(), password: goodPassword })).status).toBe(200)
    expect(said(await attempt({ username: ` ${agent.username}`, password: goodPassword }))).toEqual(invalid)
    expect(said(await attempt({ username: agent.username, password: ` ${goodPassword}` }))).toEqual(invalid)
    expect(said(await attempt({ username: agent.username, password: goodPassword.toUpperCase() }))).toEqual(invalid)
  })

  test('that fails says the same whatever was wrong', async () => {
    const gone = await crm.join({})
    await crm.call(crm.admin, `PUT /users/${gone.id}`, { is_active: false })
    const right = { username: agent.username, password: goodPassword }
    const wrong = [
      { username: 'nobody', password: goodPassword },
      { ...right, password: 'wrong' },
      { username: gone.username, password: goodPassword },
      { ...right, tenant: 'nowhere' },
      { ...right, tenant: 7 },
      { ...right, username: 'x'.repeat(400) },
      { ...right, tenant: 'x'.repeat(201) },
      { ...right, tenant: ['x'] },
      { ...right, password: 'x'.repeat(5000) },
    ]
    const bodies = new Set<string>()
    for (const body of wrong) {
      const answer = await attempt(body)
      expect(said(answer)).toEqual(invalid)
      expect(answer.body.code).toBe('invalid_credentials')
      bodies.add(JSON.stringify({ ...answer.body, requestId: '' }))
    }
    expect(bodies.size).toBe(1)
  })

  test('finds a name across tenants, refuses it where several have it, and takes the tenant by id', async () => {
    const stranger = await crm.stranger()
    expect((await attempt({ username: stranger.username, password: goodPassword })).status).toBe(200)
    expect((await crm.call(stranger, 'POST /users', { username: agent.username, password: 'quite a long phrase 9' })).status).toBe(201)
    expect(said(await attempt({ username: agent.username, password: goodPassword }))).toEqual(invalid)
    const { tenantId } = await rowOf(manager.username)
    expect((await attempt({ username: agent.username, password: goodPassword, tenant: tenantId })).status).toBe(200)
    expect((await attempt({ username: agent.username, password: 'quite a long phrase 9', tenant: stranger.tenantId })).status).toBe(200)
    expect(said(await attempt({ username: agent.username, password: goodPassword, tenant: stranger.tenantId }))).toEqual(invalid)
  })

  test('verifies an old password as it was stored, and replaces the weaker form', async () => {
    const old = await crm.join({})
    const { hasher } = crm.server.holdfast.runtime.services
    await store(old.username, await hasher.wrap(createHash('sha256').update('short').digest('hex')))
    expect(said(await attempt({ username: old.username, password: 'wrong' }))).toEqual(invalid)
    expect((await attempt({ username: old.username, password: 'short' })).status).toBe(200)
    const { store: tenant, user } = await rowOf(old.username)
    expect((await tenant.get(Credential, user.id))?.passwordHash).toMatch(/^\$argon2id\$/)
    expect((await attempt({ username: old.username, password: 'short' })).status).toBe(200)
  })

  test('takes an old password of any length, and lets its owner change it', async () => {
    const old = await crm.join({})
    const long = 'a phrase that never ends '.repeat(4_000)
    await store(old.username, await crm.server.holdfast.runtime.services.hasher.hash(long))
    expect(said(await attempt({ username: old.username, password: `${long}x` }))).toEqual(invalid)
    const { status, body } = await attempt({ username: old.username, password: long })
    expect(status).toBe(200)
    const owner = { token: String(body.access_token) }
    const changed = await crm.server.send('POST', '/api/v1/auth/change-password', {
      ...owner,
      body: { current_password: long, new_password: 'a shorter phrase of mine' },
    })
    expect(changed.status).toBe(200)
    expect((await attempt({ username: old.username, password: 'a shorter phrase of mine' })).status).toBe(200)
  })

  test('of someone who must change the password is refused, and only with the right one', async () => {
    const marked = await crm.join({})
    const { store, user } = await rowOf(marked.username)
    const credential = await store.get(Credential, user.id)
    if (credential === null) throw new Error('no credential')
    await store.commit([update(Credential, credential, patched(Credential, credential, { mustChangePassword: true }, meta.time))], meta)
    expect(said(await attempt({ username: marked.username, password: 'wrong' }))).toEqual(invalid)
    expect(said(await attempt({ username: marked.username, password: goodPassword }))).toEqual([403, 'Password change required'])
    expect(said(await crm.call(marked, 'GET /leads'))).toEqual([403, 'Password change required'])
  })

  test('is held off after the sixth failure in a row, even with the right password, also after a restart', async () => {
    const held = await crm.join({})
    for (let failure = 1; failure <= 5; failure++)
      expect(said(await attempt({ username: held.username, password: 'wrong' }))).toEqual(invalid)
    expect((await attempt({ username: held.username, password: goodPassword })).status).toBe(200) // clears the series
    for (let failure = 1; failure <= 6; failure++)
      expect(said(await attempt({ username: held.username, password: 'wrong' }))).toEqual(invalid)
    expect(said(await attempt({ username: held.username, password: goodPassword }))).toEqual(invalid)
    await crm.server.restart()
    expect(said(await attempt({ username: held.username, password: goodPassword }))).toEqual(invalid)
    await new Promise((resolve) => setTimeout(resolve, 2100))
    expect((await attempt({ username: held.username, password: goodPassword })).status).toBe(200)
  })

  test('is refused to a network that failed thirty times in a minute; good ones never count', async () => {
    const network = '203.0.113.9'
    for (let good = 1; good <= 35; good++)
      expect((await attempt({ username: manager.username, password: goodPassword }, network)).status).toBe(200)
    for (let failure = 1; failure <= 30; failure++)
      expect(said(await attempt({ username: `nobody.${failure}`, password: 'wrong' }, network))).toEqual(invalid)
    const answer = await attempt({ username: manager.username, password: goodPassword }, network)
    expect(said(answer)).toEqual([429, 'Too many attempts, try again later'])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect((await attempt({ username: manager.username, password: goodPassword }, '203.0.113.10')).status).toBe(200)
  })
})

test('a login without a tenant means the one that the operator named, by id or by key', async () => {
  const here = await startCrm()
  try {
    const stranger = await here.stranger('elsewhere')
    await here.call(stranger, 'POST /users', { username: 'owner', password: goodPassword })
    expect(said(await here.login('owner', ownerPassword))).toEqual(invalid)
    for (const named of [stranger.tenantId, 'elsewhere']) {
      here.server.config.vantagepointTenant = named
      await here.server.restart()
      expect((await here.login('owner', goodPassword)).body.user?.role).toBe('agent')
      expect(said(await here.login('owner', ownerPassword))).toEqual(invalid)
    }
    expect((await here.call(null, 'POST /auth/login', { username: 'owner', password: goodPassword, tenant: 'elsewhere' })).status).toBe(200)
    here.server.config.vantagepointTenant = 'nowhere'
    await here.server.restart()
    expect(said(await here.login('owner', goodPassword))).toEqual(invalid)
  } finally {
    await here.close()
  }
})

describe('a token', () => {
  test('tells who one is, under both names, in two places', async () => {
    for (const what of ['GET /auth/me', 'GET /auth/profile']) {
      const { status, body } = await crm.call(agent, what)
      const { data, ...eight } = body
      expect([status, eight]).toEqual([
        200,
        {
          id: agent.id,
          username: agent.username,
          role: 'agent',
          email: 'ada@example.org',
          full_name: 'Ada Fox',
          manager_id: manager.id,
          is_active: true,
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        },
      ])
      expect(data).toEqual(eight)
    }
    const roles = await Promise.all(
      [crm.admin, manager, await crm.joinAs('supervisor'), await crm.joinAs('auditor')].map((who) => crm.call(who, 'GET /auth/me')),
    )
    expect(roles.map(({ body }) => body.role)).toEqual(['admin', 'manager', 'manager', 'auditor'])
  })

  test('survives a restart, and is good on every surface, as theirs are here', async () => {
    await crm.server.restart()
    expect((await crm.call(agent, 'GET /auth/me')).status).toBe(200)
    expect((await crm.server.send('GET', '/v1/me', { token: agent.token })).status).toBe(200)
    const token = await crm.server.signIn('owner', ownerPassword)
    expect((await crm.call({ ...crm.admin, token }, 'GET /auth/me')).status).toBe(200)
  })

  test('ends with its own session and no other', async () => {
    const [first, second] = await Promise.all(
      [1, 2].map(async () => ({
        ...agent,
        token: String((await attempt({ username: manager.username, password: goodPassword })).body.access_token),
      })),
    )
    if (first === undefined || second === undefined) throw new Error('two sessions')
    const bye = await crm.call(first, 'POST /auth/logout')
    expect([bye.status, bye.body]).toEqual([200, { message: 'Logged out successfully' }])
    expect(said(await crm.call(first, 'GET /auth/me'))).toEqual([401, 'Invalid or expired token'])
    expect((await crm.call(second, 'GET /auth/me')).status).toBe(200)
  })

  test('is outside the rate limit where it asks who one is', async () => {
    const limited = await startCrm({ HOLDFAST_RATE_LIMIT: '5' })
    try {
      for (let asked = 0; asked < 20; asked++) expect((await limited.call(limited.admin, 'GET /auth/me')).status).toBe(200)
      const answers = []
      for (let asked = 0; asked < 8; asked++) answers.push(await limited.call(limited.admin, 'GET /leads'))
      expect(answers.at(-1)?.status).toBe(429)
      expect(typeof answers.at(-1)?.body.detail).toBe('string')
    } finally {
      await limited.close()
    }
  })
})

describe('changing one’s password', () => {
  const change = (who: Member, current_password: unknown, new_password: unknown) =>
    crm.call(who, 'POST /auth/change-password', { current_password, new_password })

  test('needs the present one', async () => {
    const someone = await crm.join({})
    for (const current of ['wrong', '', null, undefined, 7])
      expect(said(await change(someone, current, 'a new long phrase'))).toEqual([400, 'Current password is incorrect'])
  })

  test('counts as a failed sign-in when that is wrong', async () => {
    const someone = await crm.join({})
    for (let failure = 1; failure <= 6; failure++) await change(someone, 'wrong', 'a new long phrase')
    expect(said(await change(someone, goodPassword, 'a new long phrase'))).toEqual([400, 'Current password is incorrect'])
    expect(said(await attempt({ username: someone.username, password: goodPassword }))).toEqual(invalid)
  })

  test('needs a good new one', async () => {
    const someone = await crm.join({ username: 'gwendolyn' })
    for (const none of [undefined, null, '']) expect(said(await change(someone, goodPassword, none))).toEqual([400, 'Password is required'])
    for (const [bad, detail] of [
      ['x'.repeat(11), 'Password must be 12-1024 characters'],
      ['x'.repeat(1025), 'Password must be 12-1024 characters'],
      [123456789012, 'Password must be 12-1024 characters'],
      ['password1234', 'Password is too common'],
      ['i am GWENDOLYN, hello', 'Password must not contain the username, name, e-mail or organisation'],
    ] as const) {
      const answer = await change(someone, goodPassword, bad)
      expect(said(answer)).toEqual([400, detail])
      expect(answer.body.errors?.map(({ field }) => field)).toEqual(['new_password'])
    }
    expect((await attempt({ username: someone.username, password: goodPassword })).status).toBe(200)
  })

  test('keeps this session and ends the others', async () => {
    const someone = await crm.join({})
    const other = { ...someone, token: String((await attempt({ username: someone.username, password: goodPassword })).body.access_token) }
    const answer = await change(someone, goodPassword, 'a new long phrase')
    expect([answer.status, answer.body]).toEqual([200, { message: 'Password changed successfully' }])
    expect((await crm.call(someone, 'GET /auth/me')).status).toBe(200)
    expect(said(await crm.call(other, 'GET /auth/me'))).toEqual([401, 'Invalid or expired token'])
    expect(said(await attempt({ username: someone.username, password: goodPassword }))).toEqual(invalid)
    expect((await attempt({ username: someone.username, password: 'a new long phrase' })).status).toBe(200)
  })
})
