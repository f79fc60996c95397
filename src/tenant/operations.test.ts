import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionsOf } from '../testing/log.ts'
import { attempt, enterOwner, found, goodPassword, hire, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person
let staff: Person
let operator: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  staff = await hire(server)
  operator = await hire(server, 'platform_operator')
})
afterAll(() => server.close())

const send = (by: Person, method: string, path: string, body?: unknown) =>
  server.send(method, path, { token: by.token, ...(body === undefined ? {} : { body }) })
const said = ({ status, body }: Answer) => [status, body?.code]
const create = (body: unknown, by = staff) => send(by, 'POST', '/v1/tenants', body)

describe('a tenant is not made', () => {
  test('by anyone but platform_admin', async () => {
    for (const by of [owner, operator, await join(server, owner, { role: 'admin' })])
      expect(said(await create({ name: 'Mine' }, by))).toEqual([403, 'forbidden'])
  })

  test.each([
    [{}, 'name'],
    [{ name: ' ' }, 'name'],
    [{ name: 'x'.repeat(201) }, 'name'],
    [{ name: 'x', key: '' }, 'key'],
    [{ name: 'x', key: 'a b' }, 'key'],
    [{ name: 'x', key: 'k'.repeat(130) }, 'key'],
    [{ name: 'x', ownerUsername: 'a b' }, 'ownerUsername'],
    [{ name: 'x', id: randomUUID() }, 'id'],
    [{ name: 'x', isActive: false }, 'isActive'],
  ])('from %j', async (body, field) => {
    const actions = await actionsOf(server, async () =>
      expect(await create(body)).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ field }] } }),
    )
    expect(actions).toEqual([])
  })

  test('under a key that is taken, an id of another, or platform', async () => {
    const other = await found(server)
    for (const key of [other.key, other.tenantId, 'platform']) {
      const actions = await actionsOf(server, async () => expect(said(await create({ name: 'x', key }))).toEqual([409, 'tenant_key_taken']))
      expect(actions).toEqual([])
    }
  })

  test('twice under one key, though asked ten times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => create({ name: 'Race', key: 'race' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 409)])
  })

  test('with a weak password for its owner: then nothing is made', async () => {
    expect(said(await create({ name: 'x', key: 'weak', ownerUsername: 'boss', ownerPassword: 'short' }))).toEqual([422, 'weak_password'])
    expect((await create({ name: 'x', key: 'weak' })).status).toBe(201)
  })
})

describe('a tenant', () => {
  test('is made with its owner in one commit of its own stream', async () => {
    const actions = await actionsOf(server, async () => {
      const answer = await create({ name: ' Blue ', key: 'blue', ownerUsername: 'bess', ownerPassword: goodPassword })
      expect(answer).toMatchObject({
        status: 201,
        body: { name: 'Blue', key: 'blue', isActive: true, validFrom: null, validTo: null, version: 1, ownerPassword: null },
      })
      expect(answer.headers.location).toBe(`/v1/tenants/${answer.body.id}`)
      expect(answer.headers.etag).toBe('"1"')
      expect(answer.headers['holdfast-commit']).toBe(`${answer.body.id}/1`)
      const entered = await attempt(server, { login: 'bess', tenant: 'blue' })
      expect(entered.body.user).toMatchObject({ id: answer.body.owner.id, role: 'owner', number: 1 })
    })
    expect(actions).toEqual(['tenant.create', 'session.create'])
  })

  test('shows a random password of its owner once, where none was given', async () => {
    const { body } = await create({ name: 'Red', key: 'red', ownerUsername: 'rob' })
    expect(body.ownerPassword).toMatch(/^[\w-]{24}$/)
    expect((await attempt(server, { login: 'rob', tenant: 'red', password: String(body.ownerPassword) })).status).toBe(201)
  })

  test('is made once for one Idempotency-Key, and the answer comes again with its address', async () => {
    const ask = () =>
      server.send('POST', '/v1/tenants', { token: staff.token, body: { name: 'Once' }, headers: { 'idempotency-key': 'tenant-1' } })
    const [first, ...others] = await Promise.all([ask(), ask(), ask()])
    await server.restart()
    for (const answer of [...others, await ask()]) {
      expect([answer.status, answer.body, answer.headers.location]).toEqual([201, first?.body, first?.headers.location])
    }
    const { items } = (await send(staff, 'GET', '/v1/tenants?limit=200')).body
    expect(items.filter(({ name }) => String(name) === 'Once')).toHaveLength(1)
  })

  test('is seen by its own people by id and key, and by staff; for others it is not there', async () => {
    const other = await found(server)
    const member = await join(server, other)
    for (const [by, place] of [
      [member, other.tenantId],
      [member, other.key],
      [staff, other.tenantId],
      [operator, other.key],
    ] as const)
      expect((await send(by, 'GET', `/v1/tenants/${place}`)).body).toMatchObject({ id: other.tenantId, key: other.key })
    const absent = await send(owner, 'GET', `/v1/tenants/${randomUUID()}`)
    for (const place of [other.tenantId, other.key, 'no-such-key']) {
      const answer = await send(owner, 'GET', `/v1/tenants/${place}`)
      expect([answer.status, { ...answer.body, requestId: 0 }]).toEqual([404, { ...absent.body, requestId: 0 }])
    }
  })

  test('is listed for staff alone, in pages, with its first owner', async () => {
    expect(said(await send(owner, 'GET', '/v1/tenants'))).toEqual([403, 'forbidden'])
    const ids: unknown[] = []
    for (let cursor = ''; ; ) {
      const { body } = await send(operator, 'GET', `/v1/tenants?limit=3${cursor}`)
      ids.push(...body.items.map(({ id }) => id))
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
    }
    expect(new Set(ids).size).toBe(ids.length)
    const { items } = (await send(staff, 'GET', '/v1/tenants?limit=200')).body
    expect(items.map(({ id }) => id)).toEqual(ids)
    expect(items.find(({ id }) => String(id) === owner.tenantId)?.owner).toEqual({ id: owner.id, username: 'owner' })
  })
})

describe('changing a tenant', () => {
  test('is for its administrators, and switching it for staff alone', async () => {
    const other = await found(server)
    const path = `/v1/tenants/${other.tenantId}`
    expect(said(await send(await join(server, other), 'PATCH', path, { version: 1, name: 'x' }))).toEqual([403, 'forbidden'])
    expect(said(await send(operator, 'PATCH', path, { version: 1, name: 'x' }))).toEqual([403, 'forbidden'])
    expect(said(await send(other, 'PATCH', path, { version: 1, isActive: false }))).toEqual([403, 'forbidden'])
    expect(said(await send(owner, 'PATCH', path, { version: 1, name: 'x' }))).toEqual([404, 'not_found'])
    expect((await send(other, 'PATCH', path, { version: 1, name: 'New name' })).body).toMatchObject({ name: 'New name', version: 2 })
    expect((await send(staff, 'PATCH', path, { version: 2, isActive: false })).body).toMatchObject({ isActive: false, version: 3 })
    expect(said(await send(other, 'GET', path))).toEqual([403, 'tenant_inactive'])
  })

  test('to passwords alone asks 15 characters of new ones, in the words of every client', async () => {
    const other = await found(server)
    const path = `/v1/tenants/${other.tenantId}`
    const create = (password: string) => send(other, 'POST', '/v1/users', { username: 'w1', password })
    const oldClient = (password: string) => send(other, 'POST', '/api/v1/users', { username: 'w2w', password })
    expect((await send(other, 'GET', path)).body.passwordOnly).toBeNull()
    expect((await send(other, 'PATCH', path, { version: 1, passwordOnly: true })).body).toMatchObject({ passwordOnly: true, version: 2 })
    expect((await create('kT7!vbq-zLmwRd')).body).toMatchObject({
      code: 'weak_password',
      detail: 'Choose a password of 15 to 1024 characters.',
    })
    expect((await oldClient('kT7!vbq-zLmwRd')).body).toMatchObject({ code: 'weak_password', detail: 'Password must be 15-1024 characters' })
    expect([(await create('kT7!vbq-zLmwRdp')).status, (await oldClient('kT7!vbq-zLmwRdp')).status]).toEqual([201, 201])
    expect((await send(other, 'PATCH', path, { version: 2, passwordOnly: false })).body).toMatchObject({ passwordOnly: false, version: 3 })
    expect((await oldClient('kT7!vbq')).body.detail).toBe('Password must be 12-1024 characters')
  })

  test('sets its licence, in UTC, for staff alone', async () => {
    const other = await found(server)
    const path = `/v1/tenants/${other.tenantId}`
    for (const body of [{ validTo: '2099-01-01T00:00:00Z' }, { validFrom: null }, { isActive: true }])
      expect(said(await send(other, 'PATCH', path, { version: 1, ...body }))).toEqual([403, 'forbidden'])
    const body = { validFrom: '2020-01-01T01:00:00+01:00', validTo: '2099-12-31T23:59:59.999Z' }
    expect((await send(staff, 'PATCH', path, { version: 1, ...body })).body).toMatchObject({
      validFrom: '2020-01-01T00:00:00.000Z',
      validTo: body.validTo,
    })
    expect(said(await send(staff, 'PATCH', path, { version: 2, validTo: '2019-12-31T00:00:00Z' }))).toEqual([422, 'validation_failed'])
    expect(said(await send(staff, 'PATCH', path, { version: 2, validTo: 'soon' }))).toEqual([422, 'validation_failed'])
    expect((await send(staff, 'PATCH', path, { version: 2, validTo: '2021-01-01T00:00:00Z' })).status).toBe(200)
    expect(said(await send(other, 'GET', path))).toEqual([403, 'tenant_expired'])
    expect((await send(staff, 'PATCH', path, { version: 3, validTo: null })).body).toMatchObject({ validTo: null, version: 4 })
    expect((await send(other, 'GET', path)).status).toBe(200)
    const { body: audit } = await send(other, 'GET', '/v1/audit?action=tenant.update')
    expect(audit.items[0]).toMatchObject({
      actor: { kind: 'platform', id: staff.id },
      changes: [{ type: 'tenant', fields: { validTo: null } }],
      detail: { before: { validTo: '2021-01-01T00:00:00.000Z', version: 3 }, after: { validTo: null, version: 4 } },
    })
  })

  test('names the version it saw, and of two at once one wins', async () => {
    const other = await found(server)
    const path = `/v1/tenants/${other.tenantId}`
    expect(said(await send(other, 'PATCH', path, { name: 'x' }))).toEqual([422, 'validation_failed'])
    expect(said(await send(other, 'PATCH', path, { name: 'x', version: 2 }))).toEqual([409, 'version_conflict'])
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => send(other, 'PATCH', path, { name, version: 1 })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
  })

  test('to what it is already commits nothing', async () => {
    const other = await found(server)
    const { body } = await send(other, 'GET', `/v1/tenants/${other.tenantId}`)
    const actions = await actionsOf(server, async () => {
      const answer = await send(other, 'PATCH', `/v1/tenants/${other.tenantId}`, { version: 1, name: body.name })
      expect([answer.status, answer.headers['holdfast-commit']]).toEqual([200, undefined])
    })
    expect(actions).toEqual([])
  })
})
