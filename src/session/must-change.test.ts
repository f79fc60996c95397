import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { patched, update } from '../kernel/change.ts'
import { system } from '../kernel/context.ts'
import { actionsOf } from '../testing/log.ts'
import { enter, enterOwner, goodPassword, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Credential } from '../user/entity.ts'

let server: TestServer
let owner: Person
let ann: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
beforeEach(async () => {
  ann = await join(server, owner, { role: 'admin' })
  await mark(ann)
})
afterAll(() => server.close())

async function mark({ id, tenantId }: Person): Promise<void> {
  const store = server.holdfast.runtime.storage.tenant(tenantId)
  const row = await store.get(Credential, id)
  if (row === null) throw new Error('no credential')
  const meta = { actor: system, action: 'test', entity: null, requestId: null, time: row.updatedAt }
  await store.commit([update(Credential, row, patched(Credential, row, { mustChangePassword: true }, row.updatedAt))], meta)
}

const send = (method: string, path: string, body?: unknown) =>
  server.send(method, path, { token: ann.token, ...(body === undefined ? {} : { body }) })

describe('whoever must change the password', () => {
  test('may sign in, and is told so on everything else', async () => {
    ann = await enter(server, { login: ann.username })
    const { body: bob } = await server.send('POST', '/v1/users', { token: owner.token, body: { username: `x-${ann.username}` } })
    const calls: [string, string, unknown?][] = [
      ['GET', '/v1/me'],
      ['GET', '/v1/users'],
      ['GET', `/v1/users/${ann.id}`],
      ['GET', '/v1/sessions'],
      ['GET', '/v1/organization'],
      ['GET', '/v1/audit'],
      ['GET', '/v1/second-factor'],
      ['POST', '/v1/users', { username: 'new' }],
      ['POST', '/v1/api-keys', { name: 'x', role: 'member' }],
      ['POST', `/v1/users/${bob.id}/password`, { newPassword: 'another long passphrase' }],
    ]
    for (const [method, path, body] of calls) {
      const actions = await actionsOf(server, async () => {
        const answer = await send(method, path, body)
        expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'password_change_required'])
      })
      expect([path, actions]).toEqual([path, ['access.denied']])
    }
  })

  test('may refresh, and is told so all the same', async () => {
    const { body } = await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: ann.refreshToken } })
    expect((await server.send('GET', '/v1/me', { token: String(body.accessToken) })).body.code).toBe('password_change_required')
  })

  test.each(['/v1/sessions/current', '/v1/sessions'])('may sign out with DELETE %s', async (path) => {
    expect((await send('DELETE', path)).status).toBe(204)
    expect((await send('GET', '/v1/me')).status).toBe(401)
  })

  test('is free once it is changed, and not by a wrong or weak one', async () => {
    const change = (currentPassword: string, newPassword: string) =>
      send('POST', `/v1/users/${ann.id}/password`, { currentPassword, newPassword })
    expect((await change('a wrong passphrase', 'another long passphrase')).body.code).toBe('wrong_password')
    expect((await change(goodPassword, 'short')).body.code).toBe('weak_password')
    expect((await send('GET', '/v1/me')).status).toBe(403)
    expect((await change(goodPassword, 'another long passphrase')).status).toBe(204)
    expect((await send('GET', '/v1/me')).status).toBe(200)
  })

  test('is free when someone else has set it', async () => {
    await server.send('POST', `/v1/users/${ann.id}/password`, { token: owner.token, body: { newPassword: 'another long passphrase' } })
    ann = await enter(server, { login: ann.username, password: 'another long passphrase' })
    expect((await send('GET', '/v1/me')).status).toBe(200)
  })
})
