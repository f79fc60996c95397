import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { found, hire, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aCompany, aSecret, createdBy, keyOf, lastEntry, nextIds, peopled, said } from './testing/tenants.ts'

let server: TestServer
let staff: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
  staff = await hire(server)
})
afterAll(() => server.close())

const create = (body: unknown, by: Person = staff) => server.send('POST', '/fsm/tenant', { token: by.token, body })
const nothingIsLeft = async (work: () => Promise<unknown>) =>
  expect((await actionsOf(server, work)).filter((action) => action !== 'access.denied')).toEqual([])

const needed = [
  'accountId',
  'companyId',
  'accountName',
  'companyName',
  'cluster',
  'contactCompanyName',
  'contactFullName',
  'contactEmailAddress',
  'clientId',
  'clientSecret',
]

describe('a tenant is not made', () => {
  test('by anyone but staff', async () => {
    const owner = await found(server)
    const { key } = await keyOf(server, owner, 'admin')
    const operator = await hire(server, 'platform_operator')
    await nothingIsLeft(async () => {
      for (const by of [owner, operator]) expect(said(await create(aCompany(), by))).toEqual([403, 'Forbidden'])
      const withKey = await server.send('POST', '/fsm/tenant', { headers: { 'x-api-key': key }, body: aCompany() })
      expect(said(withKey)).toEqual([403, 'Forbidden'])
      expect(said(await server.send('POST', '/fsm/tenant', { body: aCompany() }))).toEqual([401, 'Unauthorized'])
    })
  })

  test('without what it needs, which is listed in order', async () => {
    const answer = await create({})
    expect(answer.body).toMatchObject({
      status: 400,
      title: 'Missing required fields',
      error: 'Missing required fields',
      missingFields: needed,
    })
    await nothingIsLeft(async () => {
      for (const [index, field] of needed.entries())
        for (const value of [undefined, null, '', ' \t\n']) {
          const { status, body } = await create(aCompany({ [field]: value, [needed[(index + 5) % 10] as string]: null }))
          const expected = needed.filter((_, at) => at === index || at === (index + 5) % 10)
          expect([status, body.error, body.missingFields]).toEqual([400, 'Missing required fields', expected])
        }
    })
  })

  test.each([
    [{ accountId: 'a b' }, 'accountId'],
    [{ accountId: 'a/b' }, 'accountId'],
    [{ accountId: 'ä' }, 'accountId'],
    [{ accountId: 'x'.repeat(65) }, 'accountId'],
    [{ companyId: ' C-1' }, 'companyId'],
    [{ companyId: 'unknown' }, 'companyId'],
    [{ accountId: 'UnKnown' }, 'accountId'],
    [{ accountId: 7 }, 'accountId'],
    [{ accountName: 'x'.repeat(257) }, 'accountName'],
    [{ companyName: ['x'] }, 'companyName'],
    [{ contactCompanyName: {} }, 'contactCompanyName'],
    [{ contactFullName: true }, 'contactFullName'],
    [{ clientId: 'x'.repeat(257) }, 'clientId'],
    [{ contactPhone: 5 }, 'contactPhone'],
    [{ contactPhone: '1'.repeat(65) }, 'contactPhone'],
    [{ cluster: 'EU' }, 'cluster'],
    [{ cluster: 'eu.evil' }, 'cluster'],
    [{ cluster: 'eu/' }, 'cluster'],
    [{ cluster: 'x'.repeat(33) }, 'cluster'],
    [{ clientSecret: 'x'.repeat(1025) }, 'clientSecret'],
    [{ clientSecret: 5 }, 'clientSecret'],
    [{ nonsense: 1 }, 'nonsense'],
    [{ secretVersion: 1 }, 'secretVersion'],
    [{ key: 'x' }, 'key'],
    [{ id: 'x' }, 'id'],
  ])('from %j', async (more, field) => {
    await nothingIsLeft(async () => {
      const { status, body } = await create(aCompany(more))
      expect([status, body.errors?.map((error) => error.field)]).toEqual([400, [field]])
      expect(JSON.stringify(body)).not.toContain(aSecret)
    })
  })

  test.each(['ada', 'ada@example', '@example.org', 'a b@example.org', `${'x'.repeat(251)}@e.org`, `${'@'.repeat(5000)}`])(
    'from the mail address %j',
    async (contactEmailAddress) => {
      const { status, body } = await create(aCompany({ contactEmailAddress }))
      expect([status, body.title, body.error, body.message, body.errors?.[0]?.field]).toEqual([
        400,
        'Please enter a valid email address',
        'Please enter a valid email address',
        'Please enter a valid email address',
        'contactEmailAddress',
      ])
    },
  )

  test('twice, nor where other ids are joined to the same key', async () => {
    const ids = nextIds()
    const first = await create(aCompany({ ...ids, companyId: 'x_y' }))
    expect(first.body.tenant?.tenantId).toBe(`${ids.accountId}_x_y`)
    await nothingIsLeft(async () => {
      for (const again of [
        { ...ids, companyId: 'x_y' },
        { accountId: `${ids.accountId}_x`, companyId: 'y' },
      ]) {
        const { status, body } = await create(aCompany(again))
        expect([status, body.title, body.message]).toEqual([
          409,
          'Tenant already exists',
          'A tenant with this account and company ID already exists',
        ])
      }
    })
    const other = await server.send('GET', `/fsm/validate?accountId=${ids.accountId}_x&companyId=y`)
    expect(other.body).toEqual({ isValid: false, error: 'NOT_FOUND', message: 'Tenant not found. Setup required.' })
  })

  test('twice by twenty at once', async () => {
    const body = aCompany()
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
  })

  test('over a key that was given otherwise', async () => {
    const ids = nextIds()
    const key = `${ids.accountId}_${ids.companyId}`
    expect((await server.send('POST', '/v1/tenants', { token: staff.token, body: { name: 'x', key } })).status).toBe(201)
    expect((await create(aCompany(ids))).status).toBe(409)
  })
})

describe('a new tenant', () => {
  test('is licensed for fourteen days from now, and shows no secret', async () => {
    const given = aCompany({
      contactPhone: ' +49 30 123 ',
      accountName: '  Example Field Service ',
      contactEmailAddress: 'ada@example.org',
    })
    const answer = await create(given)
    const now = new Date(server.holdfast.runtime.clock.businessMs())
    const { clientSecret: _, ...shown } = given
    expect(answer.status).toBe(201)
    expect(answer.body).toEqual({
      success: true,
      message: 'Tenant created successfully',
      tenant: {
        ...shown,
        accountName: 'Example Field Service',
        contactPhone: '+49 30 123',
        tenantId: `${given.accountId}_${given.companyId}`,
        validFrom: now.toISOString(),
        createdAt: now.toISOString(),
        updatedAt: now.toISOString(),
        validTo: new Date(now.getTime() + 1_209_600_000).toISOString(),
        isActive: true,
        version: 1,
        secretVersion: 1,
      },
    })
    expect(answer.headers['holdfast-commit']).toBeDefined()
  })

  test.each([undefined, null, '', '  '])('has no phone for %j', async (contactPhone) => {
    expect('contactPhone' in (await createdBy(server, staff, { contactPhone }))).toBe(false)
  })

  test('takes values up to their bounds', async () => {
    const ids = { accountId: `${'x'.repeat(60)}A._-`, companyId: `${'y'.repeat(60)}Z._-` }
    const long = 'n'.repeat(256)
    const made = await createdBy(server, staff, {
      ...ids,
      accountName: long,
      companyName: '😀'.repeat(256),
      contactEmailAddress: `${'m'.repeat(250)}@e.org`.slice(-256),
      contactPhone: '1'.repeat(64),
      cluster: 'c'.repeat(32),
      clientSecret: 's'.repeat(1024),
    })
    expect(made).toMatchObject({ ...ids, accountName: long, tenantId: `${ids.accountId}_${ids.companyId}` })
  })

  test('ignores what the server decides itself', async () => {
    const theirs = {
      tenantId: 'x',
      validFrom: 1,
      validTo: '1999-01-01T00:00:00Z',
      isActive: false,
      createdAt: 'x',
      updatedAt: 0,
      version: 9,
      gsi1pk: 'x',
      gsi1sk: 1,
    }
    const made = await createdBy(server, staff, theirs)
    expect(made).toMatchObject({ isActive: true, version: 1, tenantId: `${made.accountId}_${made.companyId}` })
    expect(Date.parse(String(made.validTo)) - Date.parse(String(made.validFrom))).toBe(1_209_600_000)
    expect('gsi1pk' in made).toBe(false)
  })

  test('is a tenant like any other: staff gives it people, who see it natively under its key', async () => {
    const made = await createdBy(server, staff)
    const owner = await peopled(server, staff, made, 'owner')
    const native = await server.send('GET', `/v1/tenants/${made.tenantId}`, { token: owner.token })
    expect(native.body).toMatchObject({ id: owner.tenantId, key: made.tenantId, accountId: made.accountId, name: made.companyName })
    expect(native.text).not.toMatch(/clientSecret|hfs1/)
    expect((await server.send('GET', `/v1/tenants/${owner.tenantId}`, { token: owner.token })).text).toBe(native.text)
    const byId = { tenantId: owner.tenantId, username: 'by-id', role: 'admin' }
    expect((await server.send('POST', '/v1/users', { token: staff.token, body: byId })).status).toBe(201)
  })

  test('leaves one entry in its own log, with who, before and after, and no secret', async () => {
    const made = await createdBy(server, staff)
    const owner = await peopled(server, staff, made, 'owner')
    const entry = await lastEntry(server, owner, 'tenant.create')
    expect(entry).toMatchObject({
      actor: { kind: 'platform', id: staff.id },
      detail: {
        before: null,
        after: { accountId: made.accountId, validTo: made.validTo, isActive: true, clientId: 'client-1', secretVersion: 1 },
      },
    })
    expect(JSON.stringify(entry)).not.toMatch(/clientSecret"|hfs1|hush/)
  })

  test('is made once for one Idempotency-Key', async () => {
    const body = aCompany()
    const send = () => server.send('POST', '/fsm/tenant', { token: staff.token, body, headers: { 'idempotency-key': 'k-1' } })
    const [first, second] = [await send(), await send()]
    expect([second.status, second.text, second.headers['idempotency-replayed']]).toEqual([201, first.text, 'true'])
    const other = await server.send('POST', '/fsm/tenant', { token: staff.token, body: aCompany(), headers: { 'idempotency-key': 'k-1' } })
    expect(other.status).toBe(422)
  })
})

test('tenants made in other ways have no account and no end of validity', async () => {
  const owner = await found(server)
  const { body } = await server.send('GET', `/v1/tenants/${owner.tenantId}`, { token: owner.token })
  expect(body).toMatchObject({ accountId: null, companyId: null, validTo: null, secretVersion: null })
  const shown = await server.send('GET', `/fsm/tenant/${owner.tenantId}`, { token: (await join(server, owner)).token })
  expect(shown.body.tenant).toMatchObject({ tenantId: owner.key, accountId: null, validTo: null })
})
