import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enter, enterOwner, found, freshAddress, goodPassword, invite, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

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
})
afterAll(() => server.close())

const newPassword = 'another long passphrase'
const give = (by: Person, id: unknown) => server.send('POST', `/v1/users/${id}/password-resets`, { token: by.token, body: {} })
const tokenFor = async (id: unknown): Promise<string> => String((await give(owner, id)).body.token)
const redeem = (token: unknown, more: { password?: string; from?: string; key?: string } = {}) =>
  server.send('POST', '/v1/password-resets', {
    body: { token, newPassword: more.password ?? newPassword },
    from: more.from ?? freshAddress(),
    headers: more.key === undefined ? {} : { 'idempotency-key': more.key },
  })

describe('a reset is not given out', () => {
  test('for someone of another tenant, unknown, or deactivated: alike', async () => {
    const other = await found(server)
    const gone = await join(server, owner)
    await server.send('DELETE', `/v1/users/${gone.id}`, { token: owner.token })
    const answers = await Promise.all([other.id, randomUUID(), gone.id].map((id) => give(owner, id)))
    for (const { status, body } of answers)
      expect([status, { ...body, requestId: 0 }]).toEqual([404, { ...answers[0]?.body, requestId: 0 }])
  })

  test('by whoever may not set passwords, or for someone above', async () => {
    for (const role of ['supervisor', 'manager', 'member', 'auditor'] as const) {
      const person = await join(server, owner, { role })
      expect((await give(person, ann.id)).status).toBe(403)
    }
    const admin = await join(server, owner, { role: 'admin' })
    expect((await give(admin, owner.id)).body.code).toBe('role_not_grantable')
  })
})

describe('a reset token', () => {
  test('is refused when unknown, and after twenty misses of a network unknown ones are held, but no good one', async () => {
    const from = freshAddress()
    const token = await tokenFor(ann.id)
    for (let time = 0; time < 20; time++) expect((await redeem(`hfw_${time}`, { from })).status).toBe(404)
    const held = await redeem('hfw_x', { from })
    expect(held).toMatchObject({ status: 429, body: { code: 'token_misses' } })
    expect(Number(held.headers['retry-after'])).toBeGreaterThan(0)
    expect((await redeem('hfw_x')).status).toBe(404)
    expect((await redeem(token, { from })).status).toBe(204)
    moveClock(server, 60_001)
    expect((await redeem('hfw_x', { from })).status).toBe(404)
  })

  test('works once, ends every session, and says where it was committed', async () => {
    const token = await tokenFor(ann.id)
    expect(token).toMatch(/^hfw_[\w-]{43}$/)
    const actions = await actionsOf(server, async () => {
      const answer = await redeem(token)
      expect(answer.status).toBe(204)
      expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/`))
    })
    expect(actions).toEqual(['password-reset.redeem'])
    const again = await redeem(token, { password: 'a third long passphrase' })
    expect([again.status, again.body]).toMatchObject([
      404,
      { code: 'not_found', detail: 'This reset token is wrong, was used before or has expired. Ask for a new one.' },
    ])
    expect((await server.send('GET', '/v1/me', { token: ann.token })).status).toBe(401)
    expect((await attempt(server, { login: ann.username })).status).toBe(401)
    expect((await enter(server, { login: ann.username, password: newPassword })).id).toBe(ann.id)
  })

  test('sent twice at once works once', async () => {
    const token = await tokenFor(ann.id)
    const words = ['first long passphrase', 'second long passphrase']
    const answers = await Promise.all(words.map((password) => redeem(token, { password })))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404])
  })

  test('is not used up by a weak password', async () => {
    const token = await tokenFor(ann.id)
    expect((await redeem(token, { password: 'short' })).body).toMatchObject({ code: 'weak_password', errors: [{ field: 'newPassword' }] })
    expect((await redeem(token)).status).toBe(204)
  })

  test('lives a day', async () => {
    const [first, second] = [await tokenFor(ann.id), await tokenFor((await join(server, owner)).id)]
    moveClock(server, 24 * 60 * 60 * 1000 - 1)
    expect((await redeem(first)).status).toBe(204)
    moveClock(server, 1)
    expect((await redeem(second)).status).toBe(404)
  })

  test('is worth nothing once the user is deactivated', async () => {
    const token = await tokenFor(ann.id)
    await server.send('DELETE', `/v1/users/${ann.id}`, { token: owner.token })
    expect((await redeem(token)).status).toBe(404)
  })

  test('is worth nothing once the password has changed otherwise', async () => {
    const [first, second] = [await tokenFor(ann.id), await tokenFor(ann.id)]
    moveClock(server, 1)
    expect((await redeem(first)).status).toBe(204)
    expect((await redeem(second)).status).toBe(404)
    const third = await tokenFor(ann.id)
    moveClock(server, 1)
    await server.send('POST', `/v1/users/${ann.id}/password`, { token: owner.token, body: { newPassword: goodPassword } })
    expect((await redeem(third)).status).toBe(404)
  })

  test('lets an invited one set the first password', async () => {
    const invited = await invite(server, owner, {})
    expect((await redeem(await tokenFor(invited.id))).status).toBe(204)
    expect((await attempt(server, { login: String(invited.username), password: newPassword })).status).toBe(201)
  })

  test('with an Idempotency-Key is answered again, though it is used up', async () => {
    const token = await tokenFor(ann.id)
    const first = await redeem(token, { key: 'reset-1' })
    const second = await redeem(token, { key: 'reset-1' })
    expect([first.status, second.status, second.headers['idempotency-replayed']]).toEqual([204, 204, 'true'])
  })

  test('stands in no log and no list', async () => {
    const token = await tokenFor(ann.id)
    expect((await server.send('GET', '/v1/audit', { token: owner.token })).text).not.toContain(token)
  })
})
