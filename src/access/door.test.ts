import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patched, update } from '../kernel/change.ts'
import { system } from '../kernel/context.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { surfaces } from '../surfaces.ts'
import { Tenant } from '../tenant/entity.ts'
import { actionsOf } from '../testing/log.ts'
import { enterOwner, found, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Credential, User } from '../user/entity.ts'

let server: TestServer
/** Credentials that are good for nothing, and why. */
let worthless: Record<string, Record<string, string>>
let marked: Person
let unlicensed: Person

beforeAll(async () => {
  server = await startTestServer()
  const owner = await enterOwner(server)
  const [revoked, gone, reset] = [await join(server, owner), await join(server, owner), await join(server, owner)]
  await server.send('DELETE', '/v1/sessions/current', { token: revoked.token })
  await server.send('DELETE', `/v1/users/${gone.id}`, { token: owner.token })
  await server.send('POST', `/v1/users/${reset.id}/password`, { token: owner.token, body: { newPassword: 'another long passphrase' } })
  const { body: key } = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: 'x', role: 'admin' } })
  await server.send('DELETE', `/v1/api-keys/${key.id}`, { token: owner.token })
  const { sid } = JSON.parse(Buffer.from(owner.token.split('.')[1] ?? '', 'base64url').toString()) as { sid: string }
  const issue = (claims: object, ago: number) =>
    server.holdfast.keys.issue(
      { sub: owner.id, sid, tid: owner.tenantId, jti: randomUUID(), ...claims },
      Math.floor(Date.now() / 1000) - ago,
      600,
    )
  const other = await found(server)
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  expect((await server.send('GET', '/v1/me', { token: issue({}, 0) })).status).toBe(200)
  worthless = {
    none: {},
    garbage: bearer('x.y.z'),
    expired: bearer(issue({}, 601)),
    'of a session that was signed out': bearer(revoked.token),
    'of a person who was deactivated': bearer(gone.token),
    'of a person whose password was set': bearer(reset.token),
    'of a session that never was': bearer(issue({ sid: randomUUID() }, 0)),
    'of another person’s session': bearer(issue({ sub: gone.id }, 0)),
    'of a session of another tenant': bearer(issue({ tid: other.tenantId }, 0)),
    'of a tenant that never was': bearer(issue({ tid: randomUUID() }, 0)),
    'of the platform, where there is no such session': bearer(issue({ tid: 'platform' }, 0)),
    'a removed API key': { 'x-api-key': String(key.key) },
    'an unknown API key': { 'x-api-key': `hfk_${'x'.repeat(43)}` },
  }
  const stale = await join(server, owner)
  await amend(stale.tenantId, User, stale.id, { isActive: false })
  worthless['of a person whose row alone says deactivated'] = bearer(stale.token)
  marked = await join(server, owner, { role: 'admin' })
  await amend(marked.tenantId, Credential, marked.id, { mustChangePassword: true })
  unlicensed = await found(server)
  await amend(unlicensed.tenantId, Tenant, unlicensed.tenantId, { isActive: false })
})
afterAll(() => server.close())

async function amend(tenantId: string, type: AnyEntity, id: string, patch: object): Promise<void> {
  const store = server.holdfast.runtime.storage.tenant(tenantId)
  const row = await store.get(type, id)
  const time = new Date().toISOString()
  const meta = { actor: system, action: 'test', entity: null, requestId: null, time }
  await store.commit([update(type, row as never, patched(type, row as never, patch as never, time))], meta)
}

const routes = surfaces.flatMap(({ name, routes: table }) => table.map((route) => ({ ...route, surface: name })))
const closed = routes.filter(({ operation }) => operation.needs !== 'public')
const urlOf = (path: string) => path.replaceAll(/:\w+/g, () => randomUUID())
const bodyFor = (method: string) => (method === 'GET' ? {} : { body: {} })

describe('a stranger', () => {
  test.each(closed)('is refused with 401 at $method $path, whatever is shown, and nothing is left of it', async ({ method, path }) => {
    const actions = await actionsOf(server, async () => {
      for (const [what, headers] of Object.entries(worthless)) {
        const answer = await server.send(method, urlOf(path), { headers, ...bodyFor(method) })
        expect([what, answer.status, answer.headers['www-authenticate']]).toEqual([what, 401, 'Bearer'])
        expect(answer.headers['holdfast-commit']).toBeUndefined()
      }
    })
    expect(actions).toEqual([])
  })

  test.each(closed.filter(({ method }) => method !== 'GET'))(
    'is refused at $method $path before the body is read',
    async ({ method, path }) => {
      expect((await server.send(method, urlOf(path), { raw: '{"half', headers: { 'content-type': 'text/plain' } })).status).toBe(401)
    },
  )
})

/** What stays open to whoever must change the password: that, and signing out. */
const whileMustChange = [
  'user.password',
  'agent.password',
  'employee.password',
  'session.revoke',
  'session.revoke-current',
  'session.revoke-all',
]
/** What stays open to a tenant without a licence. */
const whileUnlicensed = ['session.revoke', 'session.revoke-current', 'session.revoke-all']

describe('at every other door', () => {
  test.each(closed.filter(({ operation }) => !whileMustChange.includes(operation.name)))(
    'whoever must change the password is told so: $method $path',
    async ({ method, path }) => {
      const actions = await actionsOf(server, async () => {
        const answer = await server.send(method, urlOf(path), { token: marked.token, ...bodyFor(method) })
        expect([answer.status, answer.body.code]).toEqual([403, 'password_change_required'])
      })
      expect(actions).toEqual(['access.denied'])
    },
  )

  test.each(closed.filter(({ operation }) => !whileUnlicensed.includes(operation.name)))(
    'the people of a tenant without a licence are told so: $method $path',
    async ({ method, path }) => {
      const actions = await actionsOf(server, async () => {
        const answer = await server.send(method, urlOf(path), { token: unlicensed.token, ...bodyFor(method) })
        expect([answer.status, answer.body.code]).toEqual([403, 'tenant_inactive'])
      })
      expect(actions).toEqual(['access.denied'])
    },
  )
})

test('what is public is on this list, and nothing else', () => {
  const open = routes.filter(({ operation }) => operation.needs === 'public').map(({ method, path }) => `${method} ${path}`)
  expect(open.sort()).toEqual([
    'GET /api/admin/onboarding/o/:link_token',
    'GET /fsm/appointments/token/:token',
    'GET /fsm/validate',
    'GET /v1/shared/:token',
    'POST /api/admin/onboarding/o/:link_token/complete',
    'POST /api/auth/login',
    'POST /api/auth/refresh',
    'POST /api/v1/auth/login',
    'POST /auth/login/',
    'POST /v1/console/session',
    'POST /v1/console/session/refresh',
    'POST /v1/password-resets',
    'POST /v1/sessions',
    'POST /v1/sessions/refresh',
    'PUT /api/admin/onboarding/o/:link_token/progress',
    'PUT /api/media/bytes/:tenantId/:fileId',
    'PUT /fsm/appointments/token/:token',
  ])
})
