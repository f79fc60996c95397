import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enter, enterOwner, found, goodPassword, hire, invite, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { Credential } from './entity.ts'

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
const longest = Array.from({ length: 256 }, (_, at) => `${at} and`)
  .join('')
  .slice(0, 1024)
const set = (by: Person, id: string, body: unknown) => server.send('POST', `/v1/users/${id}/password`, { token: by.token, body })
const change = (by: Person, currentPassword: unknown, more: object = { newPassword }) => set(by, by.id, { currentPassword, ...more })
const said = ({ status, body }: Answer) => [status, body?.code]
const me = async ({ token }: Person) => (await server.send('GET', '/v1/me', { token })).status
const again = (person: Person, password = goodPassword) => enter(server, { login: person.username, password, tenant: person.tenantId })

describe('my own password', () => {
  test('is not changed without the current one', async () => {
    const answer = await change(ann, undefined)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ field: 'currentPassword' }] } })
    expect((await again(ann)).id).toBe(ann.id)
  })

  test('is not changed with a wrong one, which counts as a failed sign-in of account and network', async () => {
    const actions = await actionsOf(server, async () => {
      const answer = await change(ann, 'a wrong passphrase')
      expect(said(answer)).toEqual([403, 'wrong_password'])
      expect(answer.headers['holdfast-commit']).toBeUndefined()
    })
    expect(actions.sort()).toEqual(['access.denied', 'session.fail', 'session.fail'])
    for (let time = 0; time < 5; time++) await attempt(server, { login: ann.username, password: 'wrong' })
    expect((await attempt(server, { login: ann.username })).status).toBe(429)
  })

  test('is held after six wrong ones, even for the right one, but not by strangers at the sign-in', async () => {
    const bob = await join(server, owner)
    for (let time = 0; time < 6; time++) expect((await change(ann, `wrong ${time}`)).status).toBe(403)
    expect(said(await change(ann, goodPassword))).toEqual([429, 'throttled'])
    for (let time = 0; time < 6; time++) await attempt(server, { login: bob.username, password: 'wrong' })
    expect((await change(bob, goodPassword)).status).toBe(204)
  })

  test('grants parallel guesses no more than the free ones', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => change(ann, at === 19 ? goodPassword : `wrong ${at}`)))
    expect(answers.filter(({ status }) => status !== 429).map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403])
  })

  test.each([
    ['11 characters', 'elevenchars'],
    ['1,025 characters', `${longest}y`],
    ['a common one', 'password1234'],
    ['digits in a row', '123456789012'],
    ['a walk over the keys', '1q2w3e4r5t6y'],
    ['the organisation', 'welcome to acme 2026'],
  ])('is not changed to %s', async (_what, weak) => {
    const actions = await actionsOf(server, async () => {
      const answer = await change(ann, goodPassword, { newPassword: weak })
      expect(said(answer)).toEqual([422, 'weak_password'])
    })
    expect(actions).toEqual([])
  })

  test.each([
    ['12 characters', 'twelve chars'],
    ['12 characters beyond the first plane', '🔑🎻🐙🚲🌵🎲🧭🍋🦉🪁🛶🧩'],
    ['1,024 characters', longest],
  ])('may have %s', async (_what, good) => {
    expect((await change(ann, goodPassword, { newPassword: good })).status).toBe(204)
    expect((await again(ann, good)).id).toBe(ann.id)
  })

  test('is not changed to what holds my name or address', async () => {
    const body = { username: 'penelope', fullName: 'Penny Quartz', email: 'pq.tor@example.org', password: goodPassword }
    await invite(server, owner, body)
    const person = await enter(server, { login: 'penelope' })
    for (const weak of ['i am Penelope!!', 'for penny quartz', 'pq.tor is fine!']) {
      const answer = await change(person, goodPassword, { newPassword: weak })
      expect(said(answer)).toEqual([422, 'weak_password'])
      expect(answer.body.errors?.map(({ field }) => field)).toEqual(['newPassword'])
    }
  })

  test('keeps this session with its refresh token, and ends the others', async () => {
    const second = await again(ann)
    const answer = await change(second, goodPassword)
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect(answer.headers['holdfast-commit']).toBeDefined()
    expect([await me(ann), await me(second)]).toEqual([401, 200])
    expect((await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: second.refreshToken } })).status).toBe(200)
    expect((await attempt(server, { login: ann.username })).status).toBe(401)
    expect((await again(ann, newPassword)).id).toBe(ann.id)
  })

  test('changed twice at once with the same current one is changed once', async () => {
    const words = ['first long passphrase', 'second long passphrase']
    const answers = await Promise.all(words.map((word) => change(ann, goodPassword, { newPassword: word })))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 403])
    const won = words[answers.findIndex(({ status }) => status === 204)]
    expect((await again(ann, won)).id).toBe(ann.id)
  })

  test('changed while I sign in with the old one leaves no session of the old one', async () => {
    for (let round = 0; round < 3; round++) {
      const person = await join(server, owner)
      const [changed, ...entered] = await Promise.all([
        set(owner, person.id, { newPassword }),
        ...Array.from({ length: 4 }, () => attempt(server, { login: person.username })),
      ])
      expect(changed?.status).toBe(204)
      for (const { status, body } of entered.filter((answer) => answer.status === 201))
        expect([status, (await server.send('GET', '/v1/me', { token: String(body.accessToken) })).status]).toEqual([201, 401])
    }
  })

  test('of platform staff is changed in the same way', async () => {
    const staff = await hire(server)
    expect(said(await change(staff, 'a wrong passphrase'))).toEqual([403, 'wrong_password'])
    expect((await change(staff, goodPassword)).status).toBe(204)
    expect((await again(staff, newPassword)).id).toBe(staff.id)
  })

  test('is no new version of me', async () => {
    const before = await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })
    await change(ann, goodPassword)
    expect((await server.send('GET', `/v1/users/${ann.id}`, { token: owner.token })).text).toBe(before.text)
  })
})

describe('the password of someone else', () => {
  test('of another tenant is answered like an absent one', async () => {
    const other = await found(server)
    const answers = await Promise.all([randomUUID(), other.id].map((id) => set(owner, id, { newPassword })))
    for (const { status, body } of answers)
      expect([status, { ...body, requestId: 0 }]).toEqual([404, { ...answers[0]?.body, requestId: 0 }])
    expect((await again(other)).id).toBe(other.id)
  })

  test.each(['supervisor', 'manager', 'member', 'auditor'] as const)('is not for a %s', async (role) => {
    const person = await join(server, owner, { role })
    const report = await join(server, owner, { managerId: person.id })
    for (const id of [report.id, randomUUID()]) expect(said(await set(person, id, { newPassword }))).toEqual([403, 'forbidden'])
  })

  test('is not for an admin when it is an owner', async () => {
    const admin = await join(server, owner, { role: 'admin' })
    expect(said(await set(admin, owner.id, { newPassword }))).toEqual([403, 'role_not_grantable'])
  })

  test('is set by an owner or admin, and ends every session of theirs', async () => {
    const admin = await join(server, owner, { role: 'admin' })
    for (const by of [owner, admin]) {
      const person = await join(server, owner)
      expect((await set(by, person.id, { newPassword })).status).toBe(204)
      expect(await me(person)).toBe(401)
      expect(await me(by)).toBe(200)
      expect((await again(person, newPassword)).id).toBe(person.id)
    }
  })

  test('lets an invited one in for the first time', async () => {
    const invited = await invite(server, owner, {})
    const login = String(invited.username)
    expect((await attempt(server, { login })).status).toBe(401)
    expect((await set(owner, String(invited.id), { newPassword })).status).toBe(204)
    expect((await attempt(server, { login, password: newPassword })).status).toBe(201)
  })

  test('refuses what is weak, what is unknown, and nothing', async () => {
    expect(said(await set(owner, ann.id, { newPassword: 'short' }))).toEqual([422, 'weak_password'])
    expect(said(await set(owner, ann.id, { newPassword: 7 }))).toEqual([422, 'validation_failed'])
    expect(said(await set(owner, ann.id, { newPassword, notify: true }))).toEqual([422, 'validation_failed'])
    expect(said(await set(owner, ann.id, {}))).toEqual([422, 'validation_failed'])
  })
})

test('a password is hashed with argon2id, and in no answer and no log', async () => {
  const actions = await actionsOf(server, () => change(ann, goodPassword))
  expect(actions).toEqual(['user.password'])
  const store = server.holdfast.runtime.storage.tenant(owner.tenantId)
  expect((await store.get(Credential, ann.id))?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  const { text } = await server.send('GET', '/v1/audit?limit=50', { token: owner.token })
  for (const secret of ['argon2', goodPassword, newPassword]) expect(text).not.toContain(secret)
})

test('a password means the same in composed and in decomposed letters', async () => {
  const person = await join(server, owner, { password: 'zwölf lange Wörter'.normalize('NFC') })
  expect((await again(person, 'zwölf lange Wörter'.normalize('NFD'))).id).toBe(person.id)
})
