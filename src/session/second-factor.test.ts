import { Secret, TOTP } from 'otpauth'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enterOwner, found, goodPassword, hire, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { Credential } from '../user/entity.ts'

let server: TestServer
let owner: Person
let ann: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
beforeEach(async () => {
  owner = await enterOwner(server)
  ann = await join(server, owner)
  // so that no code of one test is that of another
  moveClock(server, 300_000)
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const send = (by: Person, path: string, body?: unknown) =>
  server.send('POST', path, { token: by.token, ...(body === undefined ? {} : { body }) })
const said = ({ status, body }: Answer) => [status, body?.code]

/** The code that an authenticator shows, `steps` of thirty seconds from now. */
const codeOf = (secret: string, steps = 0): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: server.holdfast.runtime.clock.realMs() + steps * 30_000 })

async function setUp(person: Person): Promise<{ secret: string; codes: string[] }> {
  const secret = String((await send(person, '/v1/second-factor')).body.secret)
  const { status, body } = await send(person, '/v1/second-factor/confirm', { code: codeOf(secret) })
  if (status !== 200) throw new Error(`not confirmed: ${status}`)
  // the code of the confirmation is used up
  moveClock(server, 60_000)
  return { secret, codes: body.recoveryCodes.map(String) }
}

const signIn = (code?: string, password = goodPassword) =>
  attempt(server, { login: ann.username, tenant: owner.tenantId, password, ...(code === undefined ? {} : { code }) })

describe('setting up a second factor', () => {
  test('gives a secret for an authenticator, which counts only once a code has confirmed it', async () => {
    const { status, body } = await send(ann, '/v1/second-factor')
    expect(status).toBe(201)
    expect(body.secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(body.uri).toMatch(new RegExp(`^otpauth://totp/holdfast:${ann.username}\\?.*secret=${body.secret}`))
    expect((await signIn()).status).toBe(201)
    expect(said(await send(ann, '/v1/second-factor/confirm', { code: '000000' }))).toEqual([422, 'wrong_code'])
    expect((await signIn()).status).toBe(201)
    expect((await server.send('GET', '/v1/second-factor', { token: ann.token })).body).toEqual({ isActive: false, recoveryCodesLeft: 0 })
    const confirmed = await send(ann, '/v1/second-factor/confirm', { code: codeOf(String(body.secret)) })
    expect(new Set(confirmed.body.recoveryCodes.map(String)).size).toBe(10)
    expect((await server.send('GET', '/v1/second-factor', { token: ann.token })).body).toEqual({ isActive: true, recoveryCodesLeft: 10 })
    expect(said(await signIn())).toEqual([401, 'second_factor_required'])
  })

  test('needs a start, and starts once', async () => {
    expect(said(await send(ann, '/v1/second-factor/confirm', { code: '123456' }))).toEqual([409, 'second_factor_not_started'])
    await setUp(ann)
    expect(said(await send(ann, '/v1/second-factor'))).toEqual([409, 'second_factor_exists'])
  })

  test('is for people: an API key cannot', async () => {
    const { body } = await send(owner, '/v1/api-keys', { name: 'machine', role: 'admin' })
    expect((await server.send('POST', '/v1/second-factor', { headers: { 'x-api-key': String(body.key) } })).status).toBe(403)
  })

  test('is open to platform staff', async () => {
    const staff = await hire(server)
    const { secret } = await setUp(staff)
    const enter = (code?: string) => attempt(server, { login: staff.username, tenant: 'platform', ...(code === undefined ? {} : { code }) })
    expect(said(await enter())).toEqual([401, 'second_factor_required'])
    expect((await enter(codeOf(secret))).status).toBe(201)
  })

  test('keeps the secret sealed, and shows it in no log', async () => {
    const { secret, codes } = await setUp(ann)
    const row = await server.holdfast.runtime.storage.tenant(ann.tenantId).get(Credential, ann.id)
    expect(row?.totpSecret).toMatch(/^hfs1\./)
    const { text } = await server.send('GET', '/v1/audit?limit=20', { token: owner.token })
    for (const word of [secret, ...codes, ...codes.map((code) => code.replaceAll('-', ''))]) {
      expect(JSON.stringify(row)).not.toContain(word)
      expect(text).not.toContain(word)
    }
  })
})

describe('signing in with a second factor', () => {
  test('tells only who knows the password that a code is needed', async () => {
    await setUp(ann)
    expect(said(await signIn(undefined, 'a wrong passphrase'))).toEqual([401, 'invalid_credentials'])
    expect(said(await signIn())).toEqual([401, 'second_factor_required'])
  })

  test.each([-1, 0, 1])('takes the code of step %i', async (step) => {
    const { secret } = await setUp(ann)
    expect((await signIn(codeOf(secret, step))).status).toBe(201)
  })

  test.each([-2, 2])('refuses the code of step %i', async (step) => {
    const { secret } = await setUp(ann)
    expect(said(await signIn(codeOf(secret, step)))).toEqual([401, 'invalid_credentials'])
  })

  test('takes a code once, though it is sent twice at once', async () => {
    const { secret } = await setUp(ann)
    const code = codeOf(secret)
    const answers = await Promise.all([signIn(code), signIn(code), signIn(code)])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401])
    expect((await signIn(code)).status).toBe(401)
    expect((await signIn(codeOf(secret, -1))).status).toBe(401)
    expect((await signIn(codeOf(secret, 1))).status).toBe(201)
  })

  test('takes the code of its own confirmation no more', async () => {
    const secret = String((await send(ann, '/v1/second-factor')).body.secret)
    const code = codeOf(secret)
    await send(ann, '/v1/second-factor/confirm', { code })
    expect((await signIn(code)).status).toBe(401)
  })

  test('takes each recovery code once, as people type it', async () => {
    const { codes } = await setUp(ann)
    const [first = '', second = ''] = codes
    expect((await signIn(first)).status).toBe(201)
    expect((await signIn(first)).status).toBe(401)
    expect((await signIn(` ${second.toUpperCase().replaceAll('-', ' ')}`)).status).toBe(201)
    expect((await server.send('GET', '/v1/second-factor', { token: ann.token })).body.recoveryCodesLeft).toBe(8)
  })

  test('counts wrong codes apart from wrong passwords: five are free, then even the right one is held', async () => {
    const { secret } = await setUp(ann)
    for (let time = 0; time < 6; time++) expect(said(await signIn('000000'))).toEqual([401, 'invalid_credentials'])
    expect(said(await signIn(codeOf(secret)))).toEqual([429, 'throttled'])
    expect(said(await signIn(undefined, 'a wrong passphrase'))).toEqual([401, 'invalid_credentials'])
    moveClock(server, 2_001)
    expect((await signIn(codeOf(secret))).status).toBe(201)
    expect(said(await signIn('000000'))).toEqual([401, 'invalid_credentials'])
  })

  test('grants parallel guesses of the code no more than the free ones', async () => {
    const { secret } = await setUp(ann)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => signIn(at === 19 ? codeOf(secret) : `00000${at % 10}`)))
    expect(answers.filter(({ status }) => status !== 429).map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401])
  })
})

describe('removing a second factor', () => {
  test('needs the password, whose failures count', async () => {
    await setUp(ann)
    ann = { ...ann, token: (await reenter()).token }
    for (let time = 0; time < 6; time++)
      expect(said(await send(ann, '/v1/second-factor/remove', { password: `wrong ${time}` }))).toEqual([403, 'wrong_password'])
    expect(said(await send(ann, '/v1/second-factor/remove', { password: goodPassword }))).toEqual([429, 'throttled'])
    moveClock(server, 2_001)
    expect((await send(ann, '/v1/second-factor/remove', { password: goodPassword })).status).toBe(204)
    expect((await signIn()).status).toBe(201)
  })

  test('of someone who has lost it is for an administrator not below them', async () => {
    const other = await found(server)
    const admin = await join(server, owner, { role: 'admin' })
    const drop = (by: Person, id: string) => server.send('DELETE', `/v1/users/${id}/second-factor`, { token: by.token })
    await setUp(ann)
    owner = await enterOwner(server)
    expect(said(await drop(other, ann.id))).toEqual([404, 'not_found'])
    expect(said(await drop(admin, owner.id))).toEqual([403, 'role_not_grantable'])
    expect((await drop(await join(server, owner, { role: 'manager' }), ann.id)).status).toBe(403)
    expect(said(await signIn())).toEqual([401, 'second_factor_required'])
    const actions = await actionsOf(server, async () => expect((await drop(admin, ann.id)).status).toBe(204))
    expect(actions).toEqual(['second-factor.reset'])
    expect((await signIn()).status).toBe(201)
  })
})

async function reenter(): Promise<{ token: string }> {
  const row = await server.holdfast.runtime.storage.tenant(ann.tenantId).get(Credential, ann.id)
  const place = { tenant: ann.tenantId, entity: Credential.name, id: ann.id, field: 'totpSecret' }
  const secret = server.holdfast.runtime.services.sealer.open(row?.totpSecret ?? '', place)
  return { token: String((await signIn(codeOf(secret))).body.accessToken) }
}
