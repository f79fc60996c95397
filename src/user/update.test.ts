import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Role, roles } from '../access/permissions.ts'
import { actionsOf } from '../testing/log.ts'
import { enterOwner, found, goodPassword, invite, join, type Person } from '../testing/people.ts'
import { type Answer, type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
})
beforeEach(async () => {
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const patch = (by: Person, id: unknown, body: unknown, headers: Record<string, string> = {}) =>
  server.send('PATCH', `/v1/users/${id}`, { token: by.token, body, headers })
const read = async (id: unknown, by = owner) => (await server.send('GET', `/v1/users/${id}`, { token: by.token })).body
const remove = (by: Person, id: unknown) => server.send('DELETE', `/v1/users/${id}`, { token: by.token })
const said = ({ status, body }: Answer) => [status, body?.code]
/** A change of the row as it is now. */
const change = async (by: Person, id: unknown, body: object) => patch(by, id, { version: (await read(id)).version, ...body })

/** Refused so, and nothing is left of it. */
async function refused(work: () => Promise<Answer>, expected: [number, string]): Promise<void> {
  const actions = await actionsOf(server, async () => {
    const answer = await work()
    expect(said(answer)).toEqual(expected)
    expect(answer.headers['holdfast-commit']).toBeUndefined()
  })
  expect(actions).toEqual(expected[0] === 403 ? ['access.denied'] : [])
}

describe('a change', () => {
  test('of someone of another tenant is answered like that of an absent one', async () => {
    const other = await found(server)
    const answers = await Promise.all([randomUUID(), other.id, 'x'].map((id) => patch(owner, id, { version: 1, fullName: 'x' })))
    for (const { status, body } of answers)
      expect([status, { ...body, requestId: 0 }]).toEqual([404, { ...answers[0]?.body, requestId: 0 }])
    expect((await read(other.id, other)).version).toBe(1)
  })

  test.each([
    [{ version: 1, username: '' }],
    [{ version: 1, username: null }],
    [{ version: 1, email: 'nobody' }],
    [{ version: 1, fullName: 'x'.repeat(201) }],
    [{ version: 1, role: 'platform_admin' }],
    [{ version: 1, role: null }],
    [{ version: 1, isActive: 'no' }],
    [{ version: 1, isActive: null }],
    [{ version: 1, password: goodPassword }],
    [{ version: 1, number: 7 }],
    [{ version: 1, createdAt: '2026-01-01T00:00:00.000Z' }],
    [{ version: 1, tenantId: '019b1f3a-7c40-7000-8000-00000000002a' }],
    [{ version: 1, tenantId: 'acme' }],
    [{ version: 1, id: '019b1f3a-7c40-7000-8000-00000000002a' }],
    [{ fullName: 'x' }],
    [{ version: 0, fullName: 'x' }],
    [{ version: '1', fullName: 'x' }],
    [{ version: 1.5, fullName: 'x' }],
  ])('is refused for %j', async (body) => {
    const { id } = await invite(server, owner, {})
    await refused(() => patch(owner, id, body), [422, 'validation_failed'])
  })

  test.each(['1', 'W/"1"', '*', '"x"', '"1", "2"', '""'])('is refused with If-Match %s', async (version) => {
    const { id } = await invite(server, owner, {})
    await refused(() => patch(owner, id, { fullName: 'x' }, { 'if-match': version }), [422, 'validation_failed'])
  })

  test('names the version it saw, in the body or by If-Match', async () => {
    const { id } = await invite(server, owner, {})
    await refused(() => patch(owner, id, { fullName: 'x', version: 2 }), [409, 'version_conflict'])
    await refused(() => patch(owner, id, { fullName: 'x' }, { 'if-match': '"2"' }), [409, 'version_conflict'])
    const first = await patch(owner, id, { fullName: 'First', version: 1 })
    expect([first.status, first.body.version, first.headers.etag]).toEqual([200, 2, '"2"'])
    await refused(() => patch(owner, id, { fullName: 'x', version: 1 }), [409, 'version_conflict'])
    const second = await patch(owner, id, { fullName: 'Second' }, { 'if-match': String(first.headers.etag) })
    expect([second.status, second.body.version, second.body.fullName]).toEqual([200, 3, 'Second'])
    expect((await server.send('GET', `/v1/users/${id}`, { token: owner.token })).headers.etag).toBe('"3"')
  })

  test('of one version by many at once succeeds once', async () => {
    const { id } = await invite(server, owner, {})
    const answers = await Promise.all(Array.from({ length: 10 }, (_, at) => patch(owner, id, { version: 1, fullName: `Name ${at}` })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 409)])
    expect((await read(id)).fullName).toBe(answers.find(({ status }) => status === 200)?.body.fullName)
  })

  test('sets what it names, clears what is null, and leaves the rest', async () => {
    const made = await invite(server, owner, { email: 'first@example.org', fullName: 'First', managerId: owner.id, password: goodPassword })
    const next = { username: 'Second.One', email: null, fullName: 'Second', role: 'auditor' }
    const { body, headers } = await change(owner, made.id, next)
    expect(body).toEqual({ ...made, ...next, version: 2, updatedAt: body.updatedAt })
    expect(headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/`))
    expect((await change(owner, made.id, { managerId: null, fullName: '' })).body).toMatchObject({
      managerId: null,
      fullName: null,
      role: 'auditor',
    })
  })

  test('to what it is already commits nothing', async () => {
    const made = await invite(server, owner, { fullName: 'Same' })
    const actions = await actionsOf(server, async () => {
      for (const body of [{}, { fullName: 'Same', username: made.username, role: 'member', isActive: true, managerId: null }]) {
        const answer = await change(owner, made.id, body)
        expect([answer.status, answer.body, answer.headers['holdfast-commit']]).toEqual([200, made, undefined])
      }
    })
    expect(actions).toEqual([])
  })

  test('cannot take the username or address of another, but may change the case of its own', async () => {
    const [first, second] = [await invite(server, owner, { email: 'one@example.org' }), await invite(server, owner, {})]
    await refused(() => change(owner, second.id, { username: String(first.username).toUpperCase() }), [409, 'username_taken'])
    await refused(() => change(owner, second.id, { email: 'ONE@example.org' }), [409, 'email_taken'])
    expect((await change(owner, first.id, { username: String(first.username).toUpperCase() })).status).toBe(200)
  })

  test('of two to one username at once: one wins', async () => {
    const people = await Promise.all([1, 2, 3].map(() => invite(server, owner, {})))
    const answers = await Promise.all(people.map(({ id }) => patch(owner, id, { version: 1, username: 'wanted' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
  })

  test('is not for supervisors, managers, members and auditors, not even of themselves', async () => {
    for (const role of ['supervisor', 'manager', 'member', 'auditor'] as const) {
      const person = await join(server, owner, { role })
      await refused(() => patch(person, person.id, { version: 1, fullName: 'Me' }), [403, 'forbidden'])
      await refused(() => remove(person, person.id), [403, 'forbidden'])
    }
  })
})

describe('the role', () => {
  test.each(roles)('is given to a %s and taken from one by those who are not below it', async (role) => {
    const admin = await join(server, owner, { role: 'admin' })
    const may = role !== 'owner'
    const someone = await invite(server, owner, {})
    expect((await change(admin, someone.id, { role })).status).toBe(may ? 200 : 403)
    if (!may) expect((await change(owner, someone.id, { role })).status).toBe(200)
    expect((await change(admin, someone.id, { role: 'member' })).status).toBe(may ? 200 : 403)
    expect((await change(admin, someone.id, { fullName: 'X' })).status).toBe(may ? 200 : 403)
    expect((await remove(admin, someone.id)).status).toBe(may ? 204 : 403)
  })

  test('counts from the next request on', async () => {
    const admin = await join(server, owner, { role: 'admin' })
    const { id } = await invite(server, owner, {})
    await change(owner, admin.id, { role: 'member' })
    await refused(() => patch(admin, id, { version: 1, fullName: 'x' }), [403, 'forbidden'])
  })
})

describe('the manager', () => {
  const under = async (managerId: unknown = null, role: Role = 'manager') =>
    invite(server, owner, { role, managerId: managerId as string | null })

  test('is an active user of this tenant', async () => {
    const other = await found(server)
    const gone = await under()
    await remove(owner, gone.id)
    const someone = await under()
    for (const managerId of [randomUUID(), other.id, gone.id, ''])
      await refused(() => change(owner, someone.id, { managerId }), [422, 'manager_invalid'])
  })

  test('is never oneself, nor anyone below', async () => {
    const top = await under()
    const middle = await under(top.id)
    const bottom = await under(middle.id)
    for (const managerId of [top.id, middle.id, bottom.id])
      await refused(() => change(owner, top.id, { managerId }), [409, 'manager_cycle'])
    expect((await change(owner, bottom.id, { managerId: top.id })).status).toBe(200)
    expect((await change(owner, middle.id, { managerId: bottom.id })).status).toBe(200)
  })

  test('stays without a circle though two, or three, change at once', async () => {
    for (let round = 0; round < 6; round++) {
      const people = await Promise.all(Array.from({ length: round % 2 ? 3 : 2 }, () => under()))
      const answers = await Promise.all(
        people.map(({ id }, at) => patch(owner, id, { version: 1, managerId: people[(at + 1) % people.length]?.id })),
      )
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200).length).toBe(people.length - 1)
      expect(answers.filter(({ status }) => status !== 200).map(said)).toEqual([[409, 'manager_cycle']])
    }
  })

  test('who is deactivated keeps the people below', async () => {
    const boss = await under()
    const { id } = await under(boss.id, 'member')
    await remove(owner, boss.id)
    expect((await read(id)).managerId).toBe(boss.id)
    expect((await change(owner, id, { fullName: 'Still here' })).status).toBe(200)
  })
})

describe('a deactivation', () => {
  test('of someone unknown, or of another tenant, is 404', async () => {
    const other = await found(server)
    for (const id of [randomUUID(), other.id]) await refused(() => remove(owner, id), [404, 'not_found'])
    expect((await read(other.id, other)).isActive).toBe(true)
  })

  test('keeps the row, and again is no error and no commit', async () => {
    const { id } = await invite(server, owner, {})
    const first = await remove(owner, id)
    expect([first.status, first.text, first.headers['holdfast-commit'] === undefined]).toEqual([204, '', false])
    expect(await read(id)).toMatchObject({ isActive: false, version: 2 })
    const actions = await actionsOf(server, async () => expect((await remove(owner, id)).status).toBe(204))
    expect(actions).toEqual([])
  })

  test('asked many times at once happens once', async () => {
    const { id } = await invite(server, owner, {})
    const actions = await actionsOf(server, async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => remove(owner, id)))
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 204))
    })
    expect(actions).toEqual(['user.deactivate'])
  })
})

describe('the last active owner', () => {
  let boss: Person
  beforeEach(async () => {
    boss = await found(server)
  })
  const version = async (id: string): Promise<Loose> => (await read(id, boss)).version as Loose

  test('is not deactivated, by DELETE or PATCH, nor made something else', async () => {
    await refused(() => remove(boss, boss.id), [409, 'last_owner'])
    await refused(() => patch(boss, boss.id, { version: 1, isActive: false }), [409, 'last_owner'])
    await refused(() => patch(boss, boss.id, { version: 1, role: 'admin' }), [409, 'last_owner'])
    expect((await patch(boss, boss.id, { version: 1, fullName: 'Still the owner' })).status).toBe(200)
  })

  test('is who is left when the others are deactivated or invited only', async () => {
    const second = await join(server, boss, { role: 'owner' })
    await remove(boss, second.id)
    await refused(() => remove(boss, boss.id), [409, 'last_owner'])
    await patch(boss, second.id, { version: await version(second.id), isActive: true })
    expect((await remove(boss, boss.id)).status).toBe(204)
  })

  test.each([
    ['deactivate each other', 'DELETE', undefined],
    ['demote each other', 'PATCH', { version: 1, role: 'member' }],
    ['leave', 'leave', undefined],
  ])('remains when two owners %s at once: exactly one wins', async (_what, method, body) => {
    for (let round = 0; round < 4; round++) {
      boss = await found(server)
      const second = await join(server, boss, { role: 'owner' })
      const send = (by: Person, id: string) =>
        server.send(method === 'leave' ? 'DELETE' : method, `/v1/users/${id}`, { token: by.token, ...(body === undefined ? {} : { body }) })
      const answers = await Promise.all(
        method === 'leave' ? [send(boss, boss.id), send(second, second.id)] : [send(boss, second.id), send(second, boss.id)],
      )
      const won = answers.filter(({ status }) => status === 200 || status === 204)
      expect(won).toHaveLength(1)
      // the loser is told so, or finds that they are no owner, or nobody, any more
      const [lost] = answers.filter((answer) => !won.includes(answer)).map(said)
      expect([
        [409, 'last_owner'],
        [401, 'invalid_token'],
        [403, 'forbidden'],
      ]).toContainEqual(lost)
    }
  })

  test('remains when many owners go at once', async () => {
    const others = await Promise.all([1, 2, 3, 4].map(() => join(server, boss, { role: 'owner' })))
    const answers = await Promise.all([boss, ...others].map((person) => remove(person, person.id)))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 204, 204, 204, 409])
  })
})
