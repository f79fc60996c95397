import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../kernel/errors.ts'
import type { PlatformStore, Storage, TenantStore } from '../../storage/port.ts'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { found, freshAddress, goodPassword, hire, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { type Company, createdBy, keyOf, lastEntry, peopled, said, signInOf } from './testing/tenants.ts'

let server: TestServer
let staff: Person
let company: Company
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
beforeEach(async () => {
  staff = await hire(server)
  company = await createdBy(server, staff, { contactPhone: '123' })
  owner = await peopled(server, staff, company, 'owner')
})
afterAll(() => server.close())

const dayMs = 86_400_000
const nowMs = () => server.holdfast.runtime.clock.businessMs()
const time = (ms: number) => new Date(nowMs() + ms).toISOString()
const validate = (headers: Record<string, string> = {}, { accountId, companyId }: { accountId: string; companyId: string } = company) =>
  server.send('GET', `/fsm/validate?accountId=${encodeURIComponent(accountId)}&companyId=${encodeURIComponent(companyId)}`, { headers })
const license = async (body: object) => {
  const answer = await server.send('PUT', `/fsm/tenant/${company.tenantId}`, { token: staff.token, body })
  expect(answer.status).toBe(200)
}
const bearer = ({ token }: Person) => ({ authorization: `Bearer ${token}` })

describe('validation', () => {
  test.each(['', '?accountId=a', '?companyId=a', '?accountId=&companyId=', '?accountId=%20&companyId=b', '?account=a&company=b'])(
    'of %j lacks parameters',
    async (query) => {
      const text = 'Missing required parameters: accountId, companyId'
      const answer = await server.send('GET', `/fsm/validate${query}`)
      expect([...said(answer), answer.body.message]).toEqual([400, text, text])
    },
  )

  test('knows a tenant by exactly its two ids', async () => {
    const { accountId, companyId } = company
    for (const ids of [
      { accountId, companyId: `${companyId}x` },
      { accountId: accountId.toLowerCase(), companyId },
      { accountId: `${accountId}_${companyId}`, companyId: 'x' },
      { accountId: 'unknown', companyId: 'unknown' },
      { accountId: `${accountId}'--`, companyId: 'ä/%' },
      { accountId: 'x'.repeat(3000), companyId },
    ])
      expect(await validate({}, ids)).toMatchObject({
        status: 200,
        body: { isValid: false, error: 'NOT_FOUND', message: 'Tenant not found. Setup required.' },
      })
    const other = await found(server, 'by_key')
    expect((await validate({}, { accountId: 'by', companyId: 'key' })).body.error).toBe('NOT_FOUND')
    expect(other.key).toBe('by_key')
  })

  test('tells strangers the licence and nothing more, and the tenant’s own and staff everything', async () => {
    const { key } = await keyOf(server, owner, 'auditor')
    const { tenantId, accountId, companyId, validFrom, validTo, isActive } = company
    const valid = { isValid: true, message: 'Tenant is valid', daysUntilExpiry: 14, daysExpired: 0 }
    const outline = { tenantId, accountId, companyId, validFrom, validTo, isActive }
    const stranger = await found(server)
    const strangersKey = await keyOf(server, stranger, 'admin')
    for (const headers of [{}, bearer(stranger), { 'x-api-key': strangersKey.key }] as Record<string, string>[])
      expect((await validate(headers)).body).toEqual({ ...valid, tenant: outline })
    const member = await peopled(server, staff, company, 'member')
    for (const headers of [
      bearer(staff),
      bearer(await hire(server, 'platform_operator')),
      bearer(owner),
      bearer(member),
      { 'x-api-key': key },
    ] as Record<string, string>[])
      expect((await validate(headers)).body).toEqual({ ...valid, tenant: company })
  })

  test.each([
    ['before it begins', () => ({ validFrom: time(1) }), 'INACTIVE', null],
    ['from its first moment on', () => ({ validFrom: time(0) }), null, [14, 0]],
    ['up to its last moment', () => ({ validTo: time(0) }), null, [0, 0]],
    ['a millisecond before its end', () => ({ validTo: time(1) }), null, [1, 0]],
    ['a day before its end', () => ({ validTo: time(dayMs) }), null, [1, 0]],
    ['a day and a bit before its end', () => ({ validTo: time(dayMs + 1) }), null, [2, 0]],
    ['a millisecond after its end', () => ({ validFrom: time(-dayMs), validTo: time(-1) }), 'EXPIRED', [0, 1]],
    ['a day after its end', () => ({ validFrom: time(-dayMs), validTo: time(-dayMs) }), 'EXPIRED', [0, 1]],
    ['a day and a bit after its end', () => ({ validFrom: time(-3 * dayMs), validTo: time(-dayMs - 1) }), 'EXPIRED', [0, 2]],
    ['switched off', () => ({ isActive: false }), 'INACTIVE', null],
    ['switched off and over', () => ({ isActive: false, validFrom: time(-dayMs), validTo: time(-1) }), 'INACTIVE', null],
  ] as const)('%s', async (_when, patch, error, days) => {
    await license(patch())
    const { status, body } = await validate()
    const messages = { INACTIVE: 'Tenant is inactive', EXPIRED: 'Tenant license has expired' }
    expect([status, body.isValid, body.error, body.message]).toEqual([
      200,
      error === null,
      error ?? undefined,
      error === null ? 'Tenant is valid' : messages[error],
    ])
    expect('tenant' in body).toBe(error !== 'INACTIVE')
    expect('error' in body).toBe(error !== null)
    expect([body.daysUntilExpiry, body.daysExpired]).toEqual(days ?? [undefined, undefined])
  })

  test('goes by the business clock', async () => {
    moveClock(server, 14 * dayMs)
    expect((await validate()).body).toMatchObject({ isValid: true, daysUntilExpiry: 0 })
    moveClock(server, 1)
    expect((await validate()).body).toMatchObject({ isValid: false, error: 'EXPIRED', daysExpired: 1 })
  })

  test('knows no days where there is no end', async () => {
    const path = `/v1/tenants/${owner.tenantId}`
    expect((await server.send('PATCH', path, { token: staff.token, body: { version: 1, validTo: null } })).status).toBe(200)
    const { body } = await validate()
    expect([body.isValid, body.tenant?.validTo, 'daysUntilExpiry' in body]).toEqual([true, null, false])
  })
})

const refusals = {
  INACTIVE: [403, 'tenant_inactive', 'Tenant is inactive'],
  EXPIRED: [403, 'tenant_expired', 'Tenant license has expired'],
}

describe.each([
  ['INACTIVE', () => ({ isActive: false })],
  ['INACTIVE', () => ({ validFrom: time(1) })],
  ['EXPIRED', () => ({ validFrom: time(-dayMs), validTo: time(-1) })],
] as const)('while a tenant is %s', (error, patch) => {
  const refusal = refusals[error]

  test('nobody of it signs in, on no surface, after the right password; a wrong one stays wrong', async () => {
    await license(patch())
    const answer = await signInOf(server, owner, company)
    expect([answer.status, answer.body.code, answer.body.message]).toEqual(refusal)
    expect((await signInOf(server, owner, company, 'a wrong passphrase')).status).toBe(401)
    const crm = (password: string) =>
      server.send('POST', '/api/v1/auth/login', {
        body: { username: owner.username, password, tenant: company.tenantId },
        from: freshAddress(),
      })
    const there = await crm(goodPassword)
    expect([there.status, there.body.code, there.body.detail]).toEqual(refusal)
    expect((await crm('a wrong passphrase')).status).toBe(401)
  })

  test('tokens, refreshes and keys are refused on every route, but for validation and sign-out', async () => {
    const { key } = await keyOf(server, owner, 'admin')
    const second = await signInOf(server, owner, company)
    await license(patch())
    const id = company.tenantId
    const calls: [string, string, unknown?][] = [
      ['GET', `/fsm/tenant/${id}`],
      ['PUT', `/fsm/tenant/${id}`, { cluster: 'us' }],
      ['PUT', `/fsm/tenant/${id}/secret`, { clientSecret: 'x' }],
      ['GET', '/fsm/tenants?accountId=a'],
      ['POST', '/fsm/tenant', {}],
      ['POST', '/fsm/token', {}],
      ['POST', '/fsm/import', {}],
      ['GET', '/fsm/appointments'],
      ['POST', '/fsm/appointments', {}],
      ['GET', '/v1/me'],
      ['POST', '/v1/users', {}],
      ['GET', '/v1/api-keys'],
      ['GET', '/api/v1/leads'],
    ]
    for (const headers of [bearer(owner), { 'x-api-key': key }] as Record<string, string>[])
      for (const [method, path, body] of calls) {
        const answer = await server.send(method, path, { headers, ...(body === undefined ? {} : { body }) })
        expect([path, answer.status, answer.body.code, answer.body.detail]).toEqual([path, ...refusal])
      }
    const refreshed = await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: owner.refreshToken } })
    expect([refreshed.status, refreshed.body.code]).toEqual(refusal.slice(0, 2))
    for (const headers of [bearer(owner), { 'x-api-key': key }] as Record<string, string>[]) {
      const answer = await validate(headers)
      expect([answer.status, answer.body.error]).toEqual([200, error])
    }
    expect((await server.send('DELETE', '/v1/sessions/current', { token: owner.token })).status).toBe(204)
    expect((await server.send('POST', '/api/v1/auth/logout', { token: String(second.body.accessToken), body: {} })).status).toBe(200)
  })

  test('staff goes on, and with a renewed licence everything is back', async () => {
    const { key } = await keyOf(server, owner, 'admin')
    await license(patch())
    expect((await server.send('GET', `/fsm/tenant/${company.tenantId}`, { token: staff.token })).status).toBe(200)
    expect((await signInOf(server, owner, company)).status).toBe(403)
    await license({ isActive: true, validFrom: company.validFrom, validTo: time(dayMs) })
    expect((await signInOf(server, owner, company)).status).toBe(201)
    expect((await server.send('GET', '/v1/me', { token: owner.token })).status).toBe(200)
    expect((await server.send('GET', '/v1/users', { headers: { 'x-api-key': key } })).status).toBe(200)
    const shown = (await server.send('GET', `/fsm/tenant/${company.tenantId}`, { token: owner.token })).body.tenant
    expect(shown).toEqual({ ...company, version: 3, updatedAt: expect.any(String), validTo: time(dayMs) })
    expect((await lastEntry(server, owner, 'tenant.update')).detail).toMatchObject({ after: { validTo: time(dayMs) } })
  })
})

describe('what cannot be read is an error, never "not found"', () => {
  test('an outage of the store', async () => {
    const { runtime } = server.holdfast
    const whole = runtime.storage
    const failing = (name: 'unavailable' | 'internal') =>
      Object.create(whole, {
        platform: {
          value: () => {
            throw name === 'internal' ? new Error('broken') : new AppError('unavailable', 'storage_failed', 'The data cannot be read.')
          },
        },
      }) as Storage
    for (const name of ['unavailable', 'internal'] as const) {
      Object.assign(runtime, { storage: failing(name) })
      try {
        const answer = await validate()
        expect([answer.status, answer.body.isValid, answer.body.error, answer.body.message]).toEqual([
          500,
          false,
          'ERROR',
          'Error validating tenant',
        ])
        expect(answer.text).not.toContain('broken')
      } finally {
        Object.assign(runtime, { storage: whole })
      }
    }
  })

  test('a date that is none, and then nobody comes in', async () => {
    const { runtime } = server.holdfast
    const whole = runtime.storage
    const garbled = <R>(row: R): R => (typeof row === 'object' && row !== null && 'validTo' in row ? { ...row, validTo: 'never' } : row)
    const over = <S extends TenantStore>(store: S): S => ({
      ...store,
      get: async (...wanted: Parameters<TenantStore['get']>) => garbled(await store.get(...wanted)),
      read: async (...wanted: Parameters<TenantStore['read']>) => (await store.read(...wanted)).map(garbled),
    })
    const platform = whole.platform()
    const found = async (...wanted: Parameters<PlatformStore['lookup']>) =>
      (await platform.lookup(...wanted)).map(({ tenantId, row }) => ({ tenantId, row: garbled(row) }))
    const storage = Object.create(whole, {
      tenant: { value: (id: string) => over(whole.tenant(id)) },
      platform: { value: () => ({ ...over(platform), lookup: found }) },
    }) as Storage
    Object.assign(runtime, { storage })
    try {
      const answer = await validate()
      expect([answer.status, answer.body.isValid, answer.body.error, answer.body.message]).toEqual([
        500,
        false,
        'ERROR',
        'Error validating tenant',
      ])
      const native = await server.send('GET', '/v1/me', { token: owner.token })
      expect([native.status, native.body.code]).toEqual([500, 'licence_unreadable'])
      expect((await signInOf(server, owner, company)).status).toBe(500)
    } finally {
      Object.assign(runtime, { storage: whole })
    }
  })
})

test('validating leaves no trace', async () => {
  expect(await actionsOf(server, () => validate())).toEqual([])
})
