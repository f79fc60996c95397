import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { patched, update } from '../kernel/change.ts'
import { system } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { moveClock, stopClock } from '../testing/clock.ts'
import { actionsOf } from '../testing/log.ts'
import { attempt, enter, found, goodPassword, hire, join, type Person } from '../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../testing/server.ts'
import { Tenant } from './entity.ts'
import { licenceProblem } from './licence.ts'

let server: TestServer
let owner: Person
let ann: Person
let key: string

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
beforeEach(async () => {
  owner = await found(server)
  ann = await join(server, owner)
  key = String((await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: 'machine', role: 'admin' } })).body.key)
})
afterAll(() => server.close())

const nowMs = () => server.holdfast.runtime.clock.businessMs()
const time = (ms: number) => new Date(nowMs() + ms).toISOString()
const said = ({ status, body }: Answer) => [status, body?.code, body?.detail]

async function license(patch: Partial<Entity<typeof Tenant>>): Promise<void> {
  const store = server.holdfast.runtime.storage.tenant(owner.tenantId)
  const row = await store.get(Tenant, owner.tenantId)
  if (row === null) throw new Error('no tenant')
  const meta = { actor: system, action: 'test', entity: null, requestId: null, time: time(0) }
  await store.commit([update(Tenant, row, patched(Tenant, row, patch, time(0)))], meta)
}

const inactive = [403, 'tenant_inactive', 'Tenant is inactive']
const expired = [403, 'tenant_expired', 'Tenant license has expired']

test.each([
  ['inactive', { isActive: false }, 'tenant_inactive'],
  ['inactive and expired', { isActive: false, validTo: '2026-01-01T00:00:00.000Z' }, 'tenant_inactive'],
  ['not yet valid', { validFrom: '2026-06-01T00:00:00.001Z' }, 'tenant_inactive'],
  ['valid from this moment on', { validFrom: '2026-06-01T00:00:00.000Z' }, null],
  ['valid up to this moment', { validTo: '2026-06-01T00:00:00.000Z' }, null],
  ['expired a moment ago', { validTo: '2026-05-31T23:59:59.999Z' }, 'tenant_expired'],
  ['without an end', {}, null],
])('a tenant %s', (_what, patch, code) => {
  const tenant = { isActive: true, validFrom: null, validTo: null, ...patch } as Entity<typeof Tenant>
  expect(licenceProblem(tenant, Date.parse('2026-06-01T00:00:00Z'))?.code ?? null).toBe(code)
})

describe.each([
  ['inactive', () => ({ isActive: false }), inactive],
  ['expired', () => ({ validTo: time(-1) }), expired],
  ['not yet valid', () => ({ validFrom: time(1) }), inactive],
])('while a tenant is %s', (_what, patch, refusal) => {
  test('its people are refused at sign-in, after the right password only', async () => {
    await license(patch())
    expect((await attempt(server, { login: ann.username, password: 'a wrong passphrase', tenant: owner.tenantId })).status).toBe(401)
    const actions = await actionsOf(server, async () => {
      const answer = await attempt(server, { login: ann.username, tenant: owner.tenantId })
      expect(said(answer)).toEqual(refusal)
      expect(answer.headers['holdfast-commit']).toBeUndefined()
    })
    expect(actions).toEqual(['access.denied'])
  })

  test('tokens, keys and refreshes are refused from the next request on, each with one entry', async () => {
    await license(patch())
    const calls = [
      () => server.send('GET', '/v1/me', { token: ann.token }),
      () => server.send('POST', '/v1/users', { token: owner.token, body: { username: 'new' } }),
      () =>
        server.send('POST', `/v1/users/${ann.id}/password`, {
          token: ann.token,
          body: { currentPassword: goodPassword, newPassword: 'x' },
        }),
      () => server.send('GET', '/v1/users', { headers: { 'x-api-key': key } }),
      () => server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: ann.refreshToken } }),
    ]
    for (const call of calls) {
      const actions = await actionsOf(server, async () => expect(said(await call())).toEqual(refusal))
      expect(actions).toEqual(['access.denied'])
    }
  })

  test('signing out works all the same', async () => {
    const second = await enter(server, { login: ann.username, tenant: owner.tenantId })
    await license(patch())
    expect((await server.send('DELETE', '/v1/sessions/current', { token: second.token })).status).toBe(204)
    expect((await server.send('DELETE', '/v1/sessions', { token: ann.token })).status).toBe(204)
    expect((await server.send('GET', '/v1/me', { token: ann.token })).status).toBe(401)
  })

  test('nothing is lost: renewed, the same tokens, keys and passwords are good', async () => {
    await license(patch())
    await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: ann.refreshToken } })
    await license({ isActive: true, validFrom: null, validTo: null })
    expect((await server.send('GET', '/v1/me', { token: ann.token })).status).toBe(200)
    expect((await server.send('GET', '/v1/users', { headers: { 'x-api-key': key } })).status).toBe(200)
    expect((await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: ann.refreshToken } })).status).toBe(200)
    expect((await enter(server, { login: ann.username, tenant: owner.tenantId })).id).toBe(ann.id)
  })
})

test('a licence ends by itself, with the clock', async () => {
  await license({ validTo: time(10_000) })
  expect((await server.send('GET', '/v1/me', { token: ann.token })).status).toBe(200)
  moveClock(server, 10_000)
  expect((await server.send('GET', '/v1/me', { token: ann.token })).status).toBe(200)
  moveClock(server, 1)
  expect(said(await server.send('GET', '/v1/me', { token: ann.token }))).toEqual(expired)
})

test('staff is not affected, and a tenant without a licence makes no login ambiguous', async () => {
  const other = await found(server)
  await join(server, other, { username: ann.username })
  await license({ isActive: false })
  const staff = await hire(server)
  expect((await server.send('GET', `/v1/tenants/${owner.tenantId}`, { token: staff.token })).body.isActive).toBe(false)
  expect((await attempt(server, { login: ann.username })).status).toBe(201)
})
