import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { updateAgent } from '../contact/update-agent.ts'
import { insert } from '../kernel/change.ts'
import { asSystem, attempt, enterOwner, goodPassword, invite, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Credential, newCredential } from './entity.ts'

let server: TestServer
let owner: Person
let ann: { id: string; username: string; number: number }

beforeAll(async () => {
  server = await startTestServer()
})
beforeEach(async () => {
  owner = await enterOwner(server)
  ann = (await invite(server, owner, {})) as unknown as typeof ann
})
afterAll(() => server.close())

const storeOf = () => server.holdfast.runtime.storage.tenant(owner.tenantId)
const credential = () => storeOf().get(Credential, ann.id)
const signIn = async (password: string) => (await attempt(server, { login: ann.username, password, tenant: owner.tenantId })).status
const post = (path: string, body: object) => server.send('POST', path, { token: owner.token, body })
const newToken = async () => String((await post(`/v1/users/${ann.id}/password-resets`, {})).body.token)
const redeem = async (token: string, newPassword: string) =>
  (await server.send('POST', '/v1/password-resets', { body: { token, newPassword } })).status
const setPassword = async (newPassword: string) =>
  (await server.send('POST', `/v1/users/${ann.id}/password`, { token: owner.token, body: { newPassword } })).status

/** As versions before this one stored it. */
async function storeEmptyCredential(): Promise<void> {
  const row = newCredential(ann.id, { passwordHash: null, mustChangePassword: false, now: new Date().toISOString() })
  const actor = { id: null, kind: 'system', name: 'test' } as const
  await storeOf().commit([insert(Credential, row)], { actor, action: 'test', entity: null, requestId: null, time: row.createdAt })
}

describe.each([
  ['someone invited', async () => {}],
  ['someone invited by an older version, whose credential is stored and empty', storeEmptyCredential],
])('%s', (_who, prepare) => {
  beforeEach(prepare)

  test('signs in once a password is set', async () => {
    expect(await signIn(goodPassword)).toBe(401)
    expect(await setPassword(goodPassword)).toBe(204)
    expect(await signIn(goodPassword)).toBe(201)
    expect(await setPassword('another long passphrase')).toBe(204)
    expect([await signIn(goodPassword), await signIn('another long passphrase')]).toEqual([401, 201])
  })

  test('signs in once a password is set along with other changes', async () => {
    await asSystem(server, updateAgent, { number: ann.number, fields: { fullName: 'Ann', password: goodPassword } }, owner.tenantId)
    expect(await signIn(goodPassword)).toBe(201)
  })

  test('may redeem one reset token, and all others that were given out end with it', async () => {
    const [first, second] = [await newToken(), await newToken()]
    expect(await redeem(first, goodPassword)).toBe(204)
    expect(await redeem(first, goodPassword)).toBe(404)
    expect(await redeem(second, 'another long passphrase')).toBe(404)
    expect(await signIn(goodPassword)).toBe(201)
  })

  test('has one password when several are set at once', async () => {
    const tokens = [await newToken(), await newToken(), await newToken()]
    const answers = await Promise.all(tokens.map((token, n) => redeem(token, `passphrase number ${n}`)))
    expect(answers.toSorted()).toEqual([204, 404, 404])
    expect(await signIn(`passphrase number ${answers.indexOf(204)}`)).toBe(201)
  })

  test('has nothing to end or take away, and that is no error', async () => {
    expect((await server.send('DELETE', `/v1/users/${ann.id}/sessions`, { token: owner.token })).status).toBe(204)
    expect((await server.send('DELETE', `/v1/users/${ann.id}/second-factor`, { token: owner.token })).status).toBe(204)
    expect((await server.send('DELETE', `/v1/users/${ann.id}`, { token: owner.token })).status).toBe(204)
    expect(await signIn(goodPassword)).toBe(401)
  })

  test('who is deactivated while a password is set cannot sign in', async () => {
    const token = await newToken()
    const [removed] = await Promise.all([
      server.send('DELETE', `/v1/users/${ann.id}`, { token: owner.token }),
      redeem(token, goodPassword),
      setPassword(goodPassword),
    ])
    expect(removed.status).toBe(204)
    expect(await signIn(goodPassword)).toBe(401)
  })
})

test('an invitation stores no credential; the first password makes it', async () => {
  expect(await credential()).toBeNull()
  await setPassword(goodPassword)
  expect(await credential()).toMatchObject({ version: 1, sessionEpoch: 1, mustChangePassword: false })
})
