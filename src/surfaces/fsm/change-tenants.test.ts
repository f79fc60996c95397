import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Tenant } from '../../tenant/entity.ts'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { found, hire, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aCompany, type Company, createdBy, keyOf, lastEntry, peopled, said } from './testing/tenants.ts'

let server: TestServer
let staff: Person
let company: Company
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
  staff = await hire(server)
})
beforeEach(async () => {
  company = await createdBy(server, staff)
  owner = await peopled(server, staff, company, 'owner')
})
afterAll(() => server.close())

const put = (by: Person, body: unknown, { path = '', headers = {} }: { path?: string; headers?: Record<string, string> } = {}) =>
  server.send('PUT', `/fsm/tenant/${company.tenantId}${path}`, { token: by.token, body, headers })
const read = async () => (await server.send('GET', `/fsm/tenant/${company.tenantId}`, { token: staff.token })).body.tenant
const quiet = async (work: () => Promise<unknown>) =>
  expect((await actionsOf(server, work)).filter((action) => action !== 'access.denied')).toEqual([])

describe('a tenant is not changed', () => {
  test('by people who do not administer it', async () => {
    const operator = await hire(server, 'platform_operator')
    const others = [operator]
    for (const role of ['supervisor', 'manager', 'member', 'auditor'] as const) others.push(await join(server, owner, { role }))
    const { key } = await keyOf(server, owner, 'member')
    await quiet(async () => {
      for (const path of ['', '/secret']) {
        for (const by of others) expect(said(await put(by, { clientId: 'x' }, { path }))).toEqual([403, 'Forbidden'])
        const url = `/fsm/tenant/${company.tenantId}${path}`
        expect((await server.send('PUT', url, { headers: { 'x-api-key': key }, body: {} })).status).toBe(403)
      }
    })
  })

  test('where there is none, or it is another’s; nothing comes into being', async () => {
    const other = await found(server)
    await quiet(async () => {
      for (const path of ['', '/secret'])
        for (const [by, id] of [
          [staff, 'A_nothing'],
          [staff, randomUUID()],
          [other, company.tenantId],
          [other, owner.tenantId],
          [other, 'A_nothing'],
        ] as const) {
          const answer = await server.send('PUT', `/fsm/tenant/${id}${path}`, { token: by.token, body: { clientId: 'x' } })
          expect([answer.status, answer.body.error, answer.body.code]).toEqual([404, 'Tenant not found', 'tenant_not_found'])
        }
    })
    expect((await server.send('GET', '/fsm/tenant/A_nothing', { token: staff.token })).status).toBe(404)
  })

  test.each([
    [{}, ''],
    [{ tenantId: 'x' }, 'tenantId'],
    [{ accountId: 'x' }, 'accountId'],
    [{ companyId: 'x' }, 'companyId'],
    [{ gsi1pk: 'x' }, 'gsi1pk'],
    [{ createdAt: '2020-01-01T00:00:00Z' }, 'createdAt'],
    [{ version: 1 }, 'version'],
    [{ secretVersion: 3 }, 'secretVersion'],
    [{ name: 'x' }, 'name'],
    [{ clientSecret: 'x' }, 'clientSecret'],
    [{ cluster: 'us', other: 1 }, 'other'],
    [{ cluster: 'US' }, 'cluster'],
    [{ clientId: '' }, 'clientId'],
    [{ clientId: null }, 'clientId'],
    [{ companyName: '   ' }, 'companyName'],
    [{ contactPhone: 5 }, 'contactPhone'],
    [{ validTo: 'soon' }, 'validTo'],
    [{ validTo: '2026-01-01' }, 'validTo'],
    [{ validTo: '2026-01-01T00:00:00' }, 'validTo'],
    [{ validTo: '2026-02-30T00:00:00Z' }, 'validTo'],
    [{ validTo: '9999-12-31T23:59:59-01:00' }, 'validTo'],
    [{ validTo: 1 }, 'validTo'],
    [{ validTo: null }, 'validTo'],
    [{ validFrom: '' }, 'validFrom'],
    [{ isActive: 'false' }, 'isActive'],
    [{ isActive: null }, 'isActive'],
    [{ validTo: '2001-01-01T00:00:00Z' }, 'validTo'],
    [{ validFrom: '2999-01-01T00:00:00Z' }, 'validTo'],
  ])('by %j', async (body, field) => {
    const before = await read()
    await quiet(async () => {
      const answer = await put(staff, body)
      expect([answer.status, answer.body.errors?.map((error) => error.field)]).toEqual([400, [field]])
    })
    expect(await read()).toEqual(before)
  })

  test('by a mail address that is none; and the secret has a way of its own, which is named', async () => {
    expect(said(await put(owner, { contactEmailAddress: 'x' }))).toEqual([400, 'Please enter a valid email address'])
    expect((await put(owner, { clientSecret: 'x' })).body.message).toContain('PUT /fsm/tenant/{tenantId}/secret')
  })

  test('in its licence by its own people', async () => {
    const admin = await join(server, owner, { role: 'admin' })
    for (const by of [owner, admin])
      for (const body of [{ validTo: '2099-01-01T00:00:00Z' }, { validFrom: 'x' }, { isActive: true }, { cluster: 'us', isActive: false }])
        expect(said(await put(by, body))).toEqual([403, 'Forbidden'])
    expect(await read()).toMatchObject({ version: 1, cluster: 'eu' })
  })

  test('when If-Match does not fit', async () => {
    for (const tag of ['"2"', '"0"', '1', 'W/"1"', '"01"', 'x', ''])
      for (const path of ['', '/secret']) {
        const answer = await put(owner, path === '' ? { cluster: 'us' } : { clientSecret: 'x' }, { path, headers: { 'if-match': tag } })
        expect([tag, ...said(answer)]).toEqual([tag, 412, 'Tenant was changed'])
      }
    expect(await read()).toMatchObject({ version: 1, cluster: 'eu', secretVersion: 1 })
  })

  test('by DELETE: there is no deletion, and the id stays taken', async () => {
    expect((await server.send('DELETE', `/fsm/tenant/${company.tenantId}`, { token: staff.token })).status).toBe(405)
    const { accountId, companyId } = company
    expect((await server.send('POST', '/fsm/tenant', { token: staff.token, body: aCompany({ accountId, companyId }) })).status).toBe(409)
  })
})

describe('a change', () => {
  test('of all that its owner and admins may is taken, whole, and shown with its version', async () => {
    const admin = await join(server, owner, { role: 'admin' })
    const body = {
      accountName: ' New account ',
      companyName: 'New company',
      contactCompanyName: 'Contact Ltd',
      contactFullName: 'Bo Example',
      contactPhone: '+1 555',
      contactEmailAddress: 'bo@example.org',
      cluster: 'us-1',
      clientId: 'client-2',
    }
    moveClock(server, 1000)
    const answer = await put(admin, body, { headers: { 'if-match': '"1"' } })
    const expected = { ...company, ...body, accountName: 'New account', version: 2, updatedAt: expect.any(String) }
    expect(answer.body).toEqual({ success: true, tenant: expected, message: 'Tenant updated successfully' })
    expect(answer.headers.etag).toBe('"2"')
    expect(Date.parse(String(answer.body.tenant?.updatedAt)) - Date.parse(String(company.updatedAt))).toBe(1000)
    const shown = await server.send('GET', `/fsm/tenant/${company.tenantId}`, { token: owner.token })
    expect([shown.headers.etag, shown.body.tenant]).toEqual(['"2"', answer.body.tenant])
    expect((await server.send('GET', `/v1/tenants/${company.tenantId}`, { token: owner.token })).body.name).toBe('New company')
  })

  test('may name the tenant by its id, and take an admin’s key', async () => {
    const { key } = await keyOf(server, owner, 'admin')
    const answer = await server.send('PUT', `/fsm/tenant/${owner.tenantId}`, { headers: { 'x-api-key': key }, body: { cluster: 'us' } })
    expect(answer.body.tenant).toMatchObject({ tenantId: company.tenantId, cluster: 'us' })
    expect((await lastEntry(server, owner, 'tenant.update')).actor).toMatchObject({ kind: 'apiKey' })
  })

  test.each(['"1"', '*', ' "7", "1" '])('goes with If-Match %j', async (tag) => {
    expect((await put(owner, { cluster: 'us' }, { headers: { 'if-match': tag } })).status).toBe(200)
  })

  test('with null takes the phone away', async () => {
    expect((await put(owner, { contactPhone: '123' })).body.tenant?.contactPhone).toBe('123')
    expect('contactPhone' in ((await put(owner, { contactPhone: null })).body.tenant ?? {})).toBe(false)
  })

  test('to a name of one’s own keeps it when the company is renamed', async () => {
    const path = `/v1/tenants/${owner.tenantId}`
    await server.send('PATCH', path, { token: owner.token, body: { version: 1, name: 'Ours' } })
    await put(owner, { companyName: 'Theirs' })
    expect((await server.send('GET', path, { token: owner.token })).body).toMatchObject({ name: 'Ours', companyName: 'Theirs' })
  })

  test('of the licence is for staff: any offset goes in, UTC comes out, and the end may lie in the past', async () => {
    const body = { validFrom: '2020-01-01T02:00:00+02:00', validTo: '2020-01-01T00:00:00.000Z' }
    expect((await put(staff, body)).body.tenant).toMatchObject({
      validFrom: '2020-01-01T00:00:00.000Z',
      validTo: '2020-01-01T00:00:00.000Z',
    })
    const renewed = await put(staff, { validTo: '2099-06-01T00:00:00.5-03:30' })
    expect(renewed.body.tenant).toMatchObject({ validTo: '2099-06-01T03:30:00.500Z', version: 3 })
  })

  test('to suspend and take up again leaves the end as it was', async () => {
    expect((await put(staff, { isActive: false })).body.tenant).toMatchObject({ isActive: false, validTo: company.validTo })
    expect((await put(staff, { isActive: true })).body.tenant).toMatchObject({ isActive: true, validTo: company.validTo })
  })

  test('is one of many at once: without If-Match all succeed and none is lost, with it one', async () => {
    const fields = ['accountName', 'companyName', 'contactCompanyName', 'contactFullName', 'contactPhone', 'cluster', 'clientId']
    const changes = Array.from({ length: 21 }, (_, at) => ({ [fields[at % 7] as string]: `v${at}` }))
    const answers = await Promise.all(changes.map((body) => put(owner, body)))
    expect(answers.map(({ status }) => status)).toEqual(changes.map(() => 200))
    expect(new Set(answers.map(({ body }) => body.tenant?.version)).size).toBe(21)
    const after = await read()
    expect(after).toMatchObject({ version: 22 })
    for (const [at, field] of fields.entries()) expect([`v${at}`, `v${at + 7}`, `v${at + 14}`]).toContain(String(after?.[field]))
    const raced = await Promise.all(
      Array.from({ length: 8 }, (_, at) => put(owner, { cluster: `c${at}` }, { headers: { 'if-match': '"22"' } })),
    )
    expect(raced.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412, 412, 412])
  })

  test('leaves one entry with who, before and after', async () => {
    await put(staff, { validTo: '2099-01-01T00:00:00Z', cluster: 'us' })
    expect(await lastEntry(server, owner, 'tenant.update')).toMatchObject({
      actor: { kind: 'platform', id: staff.id },
      entity: { type: 'tenant', id: owner.tenantId },
      detail: {
        before: { validTo: company.validTo, cluster: 'eu', version: 1 },
        after: { validTo: '2099-01-01T00:00:00.000Z', cluster: 'us', version: 2 },
      },
    })
  })
})

describe('the client secret', () => {
  const stored = async () => {
    const row = await server.holdfast.runtime.storage.tenant(owner.tenantId).get(Tenant, owner.tenantId)
    return String(row?.clientSecret)
  }
  const open = (sealed: string, place: object = {}) =>
    server.holdfast.runtime.services.sealer.open(sealed, {
      tenant: owner.tenantId,
      entity: 'tenant',
      id: owner.tenantId,
      field: 'clientSecret',
      ...place,
    })

  test.each([
    [{}],
    [{ clientSecret: '' }],
    [{ clientSecret: ' ' }],
    [{ clientSecret: null }],
    [{ clientSecret: 5 }],
    [{ clientSecret: 'x'.repeat(1025) }],
    [{ clientSecret: 'x', clientId: 'y' }],
  ])('is not replaced by %j', async (body) => {
    const before = await stored()
    expect((await put(owner, body, { path: '/secret' })).status).toBe(400)
    expect(await stored()).toBe(before)
  })

  test('is replaced in one commit, by owner, admin and staff, and shown to nobody', async () => {
    const admin = await join(server, owner, { role: 'admin' })
    for (const [at, by] of [owner, admin, staff].entries()) {
      const secret = `rotated-secret-${at}`
      const answer = await put(by, { clientSecret: secret }, { path: '/secret' })
      expect(answer.body).toMatchObject({
        success: true,
        message: 'Client secret updated successfully',
        tenant: { secretVersion: at + 2, version: at + 2 },
      })
      expect(answer.headers.etag).toBe(`"${at + 2}"`)
      expect(answer.text).not.toMatch(/clientSecret|rotated-secret|hfs1/)
      expect(open(await stored())).toBe(secret)
    }
    const entry = await lastEntry(server, owner, 'tenant.rotate-secret')
    expect(entry).toMatchObject({ detail: { before: { secretVersion: 3 }, after: { secretVersion: 4 } }, actor: { kind: 'platform' } })
    expect(JSON.stringify(entry)).not.toMatch(/rotated-secret|hfs1/)
  })

  test('is sealed for its place alone: equal ones differ, and a moved one does not open', async () => {
    const [first] = [await stored()]
    const other = await createdBy(server, staff)
    const { body } = await server.send('GET', `/v1/tenants/${other.tenantId}`, { token: staff.token })
    const row = await server.holdfast.runtime.storage.tenant(String(body.id)).get(Tenant, String(body.id))
    expect(row?.clientSecret).toMatch(/^hfs1\./)
    expect(row?.clientSecret).not.toBe(first)
    for (const place of [{ tenant: body.id }, { id: body.id }, { field: 'clientId' }, { entity: 'user' }])
      expect(() => open(first, place)).toThrow(expect.objectContaining({ code: 'seal_broken' }))
  })
})
