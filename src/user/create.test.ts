import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roles } from '../access/permissions.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enterOwner, found, goodPassword, hire, invite, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { Credential } from './entity.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

let count = 0
const fresh = () => `new${++count}`
const create = (by: Person, body: unknown) => server.send('POST', '/v1/users', { token: by.token, body })
const said = ({ status, body }: Answer) => [status, body?.code]

/** Refused with this code, naming this field, and nothing is left of it. */
async function refused(work: () => Promise<Answer>, [status, code, field]: [number, string, string?]): Promise<void> {
  const actions = await actionsOf(server, async () => {
    const answer = await work()
    expect([answer.status, answer.body.code, field && String(answer.body.errors[0]?.field)]).toEqual([status, code, field])
    expect(answer.headers['holdfast-commit']).toBeUndefined()
  })
  expect(actions).toEqual(status === 403 ? ['access.denied'] : [])
}

describe('a user is not made', () => {
  test.each([
    [{}, 'username'],
    [{ username: '' }, 'username'],
    [{ username: 'x'.repeat(101) }, 'username'],
    [{ username: 'a b' }, 'username'],
    [{ username: 'a/b' }, 'username'],
    [{ username: 'a\u200bb' }, 'username'],
    [{ username: 7 }, 'username'],
    [{ username: null }, 'username'],
    [{ username: 'x', email: '' }, 'email'],
    [{ username: 'x', email: 'nobody' }, 'email'],
    [{ username: 'x', email: 'a@b' }, 'email'],
    [{ username: 'x', email: 'a b@example.org' }, 'email'],
    [{ username: 'x', email: `${'x'.repeat(243)}@example.org` }, 'email'],
    [{ username: 'x', fullName: 'x'.repeat(201) }, 'fullName'],
    [{ username: 'x', fullName: '🙂'.repeat(201) }, 'fullName'],
    [{ username: 'x', role: 'platform_admin' }, 'role'],
    [{ username: 'x', role: 'platform_operator' }, 'role'],
    [{ username: 'x', role: 'root' }, 'role'],
    [{ username: 'x', role: null }, 'role'],
    [{ username: 'x', password: 7 }, 'password'],
    [{ username: 'x', password: 'x'.repeat(4097) }, 'password'],
    [{ username: 'x', isActive: false }, 'isActive'],
    [{ username: 'x', number: 7 }, 'number'],
    [{ username: 'x', id: '019b1f3a-7c40-7000-8000-00000000002a' }, 'id'],
    [{ username: 'x', mustChangePassword: true }, 'mustChangePassword'],
    [{ username: 'x', tenantId: '019b1f3a-7c40-7000-8000-00000000002a' }, 'tenantId'],
  ])('from %j', (body, field) => refused(() => create(owner, body), [422, 'validation_failed', field]))

  test('with several mistakes: each is named', async () => {
    const { body } = await create(owner, { username: 'a b', email: 'x', colour: 'red' })
    expect(body.errors.map(({ field }) => String(field)).sort()).toEqual(['colour', 'email', 'username'])
  })

  test.each(['short', 'password1234', 'welcome to acme!', 'x'.repeat(1025)])('with the weak password %s', (password) =>
    refused(() => create(owner, { username: fresh(), password }), [422, 'weak_password', 'password']),
  )

  test('with a password that holds the username, the name or the address', async () => {
    const person = { username: 'zacharias', fullName: 'Wilhelmina Bell', email: 'post.box@example.org' }
    for (const password of ['I am ZACHARIAS!', 'wilhelmina bell says so', 'my post.box is red'])
      await refused(() => create(owner, { ...person, password }), [422, 'weak_password', 'password'])
  })

  test('under a username or address that is taken, whatever the case, even by someone deactivated', async () => {
    const body = { username: 'Ünique.Name', email: 'Unique@Example.org' }
    const { id } = await invite(server, owner, body)
    for (const isActive of [true, false]) {
      await refused(() => create(owner, { username: 'ÜNIQUE.name'.normalize('NFD') }), [409, 'username_taken', 'username'])
      await refused(() => create(owner, { username: fresh(), email: 'uNIQUE@eXAMPLE.ORG' }), [409, 'email_taken', 'email'])
      if (isActive) await server.send('DELETE', `/v1/users/${id}`, { token: owner.token })
    }
    const other = await found(server)
    expect((await create(other, body)).status).toBe(201)
  })

  test('twice, though asked twelve times at once', async () => {
    const username = fresh()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => create(owner, { username: at % 2 ? username : username.toUpperCase() })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 11 }, () => 409)])
  })

  test('under a manager who is absent, of another tenant, or deactivated', async () => {
    const other = await found(server)
    const gone = await join(server, owner)
    await server.send('DELETE', `/v1/users/${gone.id}`, { token: owner.token })
    for (const managerId of [randomUUID(), 'nobody', '', other.id, gone.id])
      await refused(() => create(owner, { username: fresh(), managerId }), [422, 'manager_invalid', 'managerId'])
  })

  test('by a member or an auditor', async () => {
    for (const role of ['member', 'auditor'] as const) {
      const person = await join(server, owner, { role })
      await refused(() => create(person, { username: fresh() }), [403, 'forbidden'])
    }
  })

  test('outside the team of a manager or the subtree of a supervisor', async () => {
    for (const role of ['manager', 'supervisor'] as const) {
      const person = await join(server, owner, { role })
      await refused(() => create(person, { username: fresh(), managerId: owner.id }), [422, 'manager_invalid', 'managerId'])
    }
  })
})

/** Who may make whom. */
const grants: Record<(typeof roles)[number], readonly string[]> = {
  owner: ['owner', 'admin', 'supervisor', 'manager', 'member', 'auditor'],
  admin: ['admin', 'supervisor', 'manager', 'member', 'auditor'],
  supervisor: ['supervisor', 'manager', 'member'],
  manager: ['member'],
  member: [],
  auditor: [],
}

test.each(roles)('a %s gives the roles up to its own, and no other', async (giver) => {
  const by = giver === 'owner' ? owner : await join(server, owner, { role: giver })
  const given: string[] = []
  for (const role of roles) {
    const { status } = await create(by, { username: fresh(), role })
    expect([role, status]).toEqual([role, status === 201 ? 201 : 403])
    if (status === 201) given.push(role)
  }
  expect(given).toEqual(grants[giver])
})

describe('a user', () => {
  test('is answered whole, at its address, with its version, and where it was committed', async () => {
    const body = { username: 'Ada.L+1@home_x-y', email: 'Ada@Example.org', fullName: 'Ada Lovelace', role: 'manager', managerId: owner.id }
    const answer = await create(owner, body)
    expect(answer.status).toBe(201)
    const { id, number, createdAt, updatedAt, ...rest } = answer.body
    expect(rest).toEqual({ ...body, isActive: true, status: 'active', assignable: true, version: 1 })
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.isInteger(number)).toBe(true)
    expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(updatedAt).toBe(createdAt)
    expect(answer.headers).toMatchObject({ location: `/v1/users/${id}`, etag: '"1"', 'holdfast-durability': 'fsync' })
    expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/\\d+$`))
    const { body: audit } = await server.send('GET', `/v1/audit?requestId=${answer.headers['x-request-id']}`, { token: owner.token })
    const [stream, sequence] = String(answer.headers['holdfast-commit']).split('/')
    expect(audit.items).toMatchObject([{ action: 'user.create', stream, sequence: Number(sequence), entity: { type: 'user', id } }])
    expect((await server.send('GET', `/v1/users/${id}`, { token: owner.token })).body).toEqual(answer.body)
  })

  test('has null for what was not given, and is a member', async () => {
    for (const more of [{}, { email: null, fullName: null, managerId: null, password: null }, { fullName: '' }])
      expect((await create(owner, { username: fresh(), ...more })).body).toMatchObject({
        email: null,
        fullName: null,
        managerId: null,
        role: 'member',
      })
  })

  test.each([
    ['username', 'x'],
    ['username', 'y'.repeat(100)],
    ['username', 'Ελένη.山田_٣'],
    ['email', `${'x'.repeat(242)}@example.org`],
    ['fullName', 'x'.repeat(200)],
    ['fullName', '🙂'.repeat(200)],
  ])('may have as %s: %s', async (field, value) => {
    const { status, body } = await create(owner, { username: fresh(), [field]: value })
    expect([status, body[field]]).toEqual([201, value])
  })

  test('without a password is invited: it cannot sign in, and no hash is worked out', async () => {
    const hashed = server.holdfast.hasher.stats()
    const { body } = await create(owner, { username: fresh() })
    expect(server.holdfast.hasher.stats()).toEqual(hashed)
    const credential = await server.holdfast.runtime.storage.tenant(owner.tenantId).get(Credential, String(body.id))
    expect(credential).toBeNull()
    for (const password of ['', goodPassword, 'null'])
      expect((await attempt(server, { login: String(body.username), password })).status).toBe(password === '' ? 422 : 401)
  })

  test('has the next number of its tenant, though many are made at once', async () => {
    const other = await found(server)
    const made = await Promise.all(Array.from({ length: 12 }, () => create(other, { username: fresh() })))
    const numbers = made.map(({ body }) => Number(body.number))
    expect(new Set(numbers).size).toBe(12)
    expect(Math.min(...numbers)).toBe(2)
  })

  test('made by a manager or supervisor reports to them, or to someone below them', async () => {
    const supervisor = await join(server, owner, { role: 'supervisor' })
    const manager = await invite(server, supervisor, { role: 'manager' })
    expect(manager.managerId).toBe(supervisor.id)
    expect((await invite(server, supervisor, { managerId: String(manager.id) })).managerId).toBe(manager.id)
  })

  test('whose manager is deactivated at the same moment is either before it or refused', async () => {
    for (let round = 0; round < 5; round++) {
      const manager = await invite(server, owner, { role: 'manager' })
      const [made, gone] = await Promise.all([
        create(owner, { username: fresh(), managerId: manager.id }),
        server.send('DELETE', `/v1/users/${manager.id}`, { token: owner.token }),
      ])
      expect(gone.status).toBe(204)
      expect([201, 422]).toContain(made.status)
    }
  })
})

describe('naming the tenant', () => {
  test('is a duty of staff, who have none, by id or key', async () => {
    const staff = await hire(server)
    const other = await found(server)
    await refused(() => create(staff, { username: fresh() }), [422, 'validation_failed', 'tenantId'])
    await refused(() => create(staff, { username: fresh(), tenantId: randomUUID() }), [404, 'not_found'])
    for (const tenantId of [other.tenantId, other.key]) {
      const username = fresh()
      const made = await create(staff, { tenantId, username, password: goodPassword, role: 'owner' })
      expect(made.status).toBe(201)
      expect(made.headers['holdfast-commit']).toMatch(new RegExp(`^${other.tenantId}/`))
      expect((await attempt(server, { login: username, tenant: other.key })).body.user.id).toBe(made.body.id)
    }
    const operator = await hire(server, 'platform_operator')
    await refused(() => create(operator, { username: fresh(), tenantId: other.key }), [403, 'forbidden'])
  })

  test('of anyone else may be their own key alone', async () => {
    const [mine, other] = [await found(server), await found(server)]
    expect((await create(mine, { username: fresh(), tenantId: mine.key })).status).toBe(201)
    for (const tenantId of [other.key, 'no-such-key', 'platform'])
      await refused(() => create(mine, { username: fresh(), tenantId }), [403, 'forbidden'])
    for (const tenantId of [mine.tenantId, other.tenantId, other.tenantId.toUpperCase()])
      await refused(() => create(mine, { username: fresh(), tenantId }), [422, 'validation_failed', 'tenantId'])
  })

  test('with an Idempotency-Key, staff makes the user once', async () => {
    const staff = await hire(server)
    const other = await found(server)
    const body = { tenantId: other.key, username: fresh() }
    const ask = () => server.send('POST', '/v1/users', { token: staff.token, body, headers: { 'idempotency-key': 'k' } })
    const [first, second] = await Promise.all([ask(), ask()])
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.body).toEqual(first.body)
    expect(said(await ask())).toEqual([201, undefined])
  })
})
