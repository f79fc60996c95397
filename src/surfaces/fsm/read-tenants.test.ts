import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { found, hire, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { type Company, createdBy, keyOf, nextIds, peopled, said } from './testing/tenants.ts'

let server: TestServer
let staff: Person
let company: Company
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  staff = await hire(server)
  company = await createdBy(server, staff)
  owner = await peopled(server, staff, company, 'owner')
})
afterAll(() => server.close())

describe('a tenant', () => {
  test('is shown to staff and to all its own, by key or id, with its ETag', async () => {
    const people = [staff, owner, await hire(server, 'platform_operator')]
    for (const role of ['admin', 'supervisor', 'manager', 'member', 'auditor'] as const) people.push(await join(server, owner, { role }))
    const keys = [await keyOf(server, owner, 'auditor'), await keyOf(server, owner, 'member')]
    const credentials = [
      ...people.map(({ token }) => ({ authorization: `Bearer ${token}` })),
      ...keys.map(({ key }) => ({ 'x-api-key': key })),
    ]
    for (const headers of credentials as Record<string, string>[])
      for (const id of [company.tenantId, owner.tenantId]) {
        const answer = await server.send('GET', `/fsm/tenant/${id}`, { headers })
        expect([answer.status, answer.headers.etag, answer.body]).toEqual([200, '"1"', { tenant: company }])
      }
  })

  test('of others is not there, exactly like one that never was', async () => {
    const other = await found(server)
    const { key } = await keyOf(server, other, 'admin')
    const absent = await server.send('GET', `/fsm/tenant/${randomUUID()}`, { token: staff.token })
    expect(said(absent)).toEqual([404, 'Tenant not found'])
    for (const id of [company.tenantId, owner.tenantId, 'A_nothing', 'platform'])
      for (const headers of [{ authorization: `Bearer ${other.token}` }, { 'x-api-key': key }] as Record<string, string>[]) {
        const answer = await server.send('GET', `/fsm/tenant/${id}`, { headers })
        expect({ ...answer.body, requestId: 0 }).toEqual({ ...absent.body, requestId: 0 })
      }
  })
})

describe('the tenants of an account', () => {
  const list = (query: string, by = staff) => server.send('GET', `/fsm/tenants?${query}`, { token: by.token })

  test('are for staff alone', async () => {
    expect(said(await list(`accountId=${company.accountId}`, owner))).toEqual([403, 'Forbidden'])
    expect(said(await list(`accountId=${company.accountId}`, await found(server)))).toEqual([403, 'Forbidden'])
  })

  test.each(['', 'accountId=', 'accountId=%20', 'account=x'])('are asked for by the account, not by %j', async (query) => {
    const answer = await list(query)
    expect([...said(answer), answer.body.message]).toEqual([
      400,
      'Missing required parameters: accountId',
      'Missing required parameters: accountId',
    ])
  })

  test.each(['limit=0', 'limit=201', 'limit=-1', 'limit=x', 'limit=1.5', 'cursor=x', 'cursor='])('are refused for %s', async (query) => {
    expect((await list(`accountId=${company.accountId}&${query}`)).status).toBe(400)
  })

  test('come in ascending order of their ids by code unit, in pages, while others write', async () => {
    const { accountId } = nextIds()
    const companies = ['b', 'B', 'a_1', 'a-1', 'a.1', 'a', 'Z9', '10', '9', '_', 'e', 'aa'].map((id) => `${id}x`)
    const expected = companies.map((companyId) => `${accountId}_${companyId}`).sort((a, b) => (a < b ? -1 : 1))
    for (const companyId of companies) await createdBy(server, staff, { accountId, companyId })
    // a neighbour whose key begins alike
    await createdBy(server, staff, { accountId: `${accountId}_`, companyId: 'neighbour' })
    const all = await list(`accountId=${accountId}`)
    expect(all.body.tenants.map(({ tenantId }) => tenantId)).toEqual(expected)
    expect([all.body.count, all.body.nextCursor]).toEqual([companies.length, null])
    expect(all.text).not.toMatch(/clientSecret|hfs1|gsi1/)

    const seen: string[] = []
    let pages = 0
    for (let cursor = ''; ; ) {
      const { body } = await list(`accountId=${accountId}&limit=3${cursor}`)
      seen.push(...body.tenants.map(({ tenantId }) => String(tenantId)))
      expect(Number(body.count)).toBe(body.tenants.length)
      pages += 1
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
      // one before what was seen, one changed, one beyond
      await createdBy(server, staff, { accountId, companyId: `!${pages}`.replace('!', '0') })
      await server.send('PUT', `/fsm/tenant/${seen[0]}`, { token: staff.token, body: { cluster: `c${pages}` } })
    }
    expect(seen.filter((id) => expected.includes(id))).toEqual(expected)
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('are none for an account that nobody has, and a cursor belongs to its account', async () => {
    expect((await list('accountId=nobody')).body).toEqual({ tenants: [], count: 0, nextCursor: null })
    const { accountId } = nextIds()
    for (const companyId of ['1', '2']) await createdBy(server, staff, { accountId, companyId })
    const { body } = await list(`accountId=${accountId}&limit=1`)
    expect((await list(`accountId=${company.accountId}&cursor=${body.nextCursor}`)).status).toBe(400)
    expect((await list(`accountId=${accountId}&cursor=${body.nextCursor}&limit=200`)).body.tenants).toHaveLength(1)
  })
})

describe('naming a tenant', () => {
  const hiring = (by: Person, tenantId: unknown) =>
    server.send('POST', '/v1/users', { token: by.token, body: { tenantId, username: `u${randomUUID()}` } })

  test('is for staff by id or key', async () => {
    expect((await hiring(staff, company.tenantId)).status).toBe(201)
    expect((await hiring(staff, owner.tenantId)).status).toBe(201)
    expect((await hiring(staff, 'A_nothing')).status).toBe(404)
  })

  test('is for everyone else by their own key alone: another’s is forbidden, there or not, and an id is no field', async () => {
    const other = await found(server)
    expect((await hiring(owner, company.tenantId)).status).toBe(201)
    for (const key of [other.key, 'A_nothing']) expect((await hiring(owner, key)).status).toBe(403)
    for (const id of [owner.tenantId, other.tenantId, randomUUID()]) expect((await hiring(owner, id)).status).toBe(422)
    const path = `/v1/users/${owner.id}`
    for (const tenantId of [company.tenantId, owner.tenantId])
      expect((await server.send('PATCH', path, { token: owner.token, body: { version: 1, tenantId } })).status).toBe(422)
  })
})
