import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ContactAssignment, Workload } from '../assignment/entity.ts'
import { pairId } from '../assignment/moment.ts'
import { walkChain } from '../audit/chain.ts'
import { Contact } from '../contact/entity.ts'
import { enter, enterOwner, goodPassword, join as hire, invite, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { User } from '../user/entity.ts'

let server: TestServer
let owner: Person
let person: { id: string; version: number }

const name = 'Wilhelmina Quixote'
const mail = 'wilhelmina.quixote@example.org'
const traces = ['wilhelmina', 'quixote', 'mozilla-of-hers']

const erase = (id: string, body: object = { username: 'wilhelmina' }, { token } = owner) =>
  server.send('POST', `/v1/users/${id}/erasure`, { token, body })
const certificate = async () => (await server.send('GET', `/v1/users/${person.id}/erasure`, { token: owner.token })).body
const store = () => server.holdfast.runtime.storage.tenant(owner.tenantId)
const everything = async () => {
  const entries = await store().log(null, 0, 1_000)
  return JSON.stringify(entries.map(({ text, secrets }) => [text, secrets])).toLowerCase()
}
const verified = async () => {
  const { problems } = await walkChain(store(), owner.tenantId, server.holdfast.keys.logKeys())
  return problems
}
async function done(): Promise<void> {
  await expect.poll(async () => (await certificate()).state, { timeout: 60_000 }).toBe('done')
}

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  owner = await enterOwner(server)
  const made = await invite(server, owner, { username: 'wilhelmina', fullName: name, email: mail, password: goodPassword })
  person = { id: String(made.id), version: Number(made.version) }
  const { token } = await enter(server, { login: 'wilhelmina', tenant: owner.tenantId })
  for (const password of [goodPassword, 'not the right one'])
    await server.send('POST', '/v1/sessions', {
      body: { login: 'wilhelmina', password, tenant: owner.tenantId },
      headers: { 'user-agent': 'mozilla-of-hers' },
    })
  const lead = await server.send('POST', '/api/v1/leads', {
    token,
    body: { practice_name: 'A practice', owner_name: 'Somebody Else', practice_phone: '+1 555 0100' },
  })
  if (lead.status !== 201) throw new Error(lead.text)
  await server.send('POST', '/v1/users', { token: owner.token, body: { username: 'bystander', fullName: 'Somebody Else' } })
})
afterAll(() => server.close())

test('is for owners alone, of people who are there and deactivated, and named once more', async () => {
  const admin = await hire(server, owner, { role: 'admin' })
  expect((await erase(person.id, undefined, admin)).status).toBe(403)
  expect((await erase(owner.id, { username: 'owner' })).body.code).toBe('user_active')
  expect((await erase(person.id)).body.code).toBe('user_active')
  expect((await erase('019b1f3a-7c40-7000-8000-000000000007')).status).toBe(404)
  expect((await server.send('GET', `/v1/users/${person.id}/erasure`, { token: owner.token })).status).toBe(404)
  await server.send('DELETE', `/v1/users/${person.id}`, { token: owner.token })
  expect((await erase(person.id, { username: 'wilhelmin' })).body).toMatchObject({
    code: 'validation_failed',
    errors: [{ field: 'username' }],
  })
  expect((await store().get(User, person.id))?.fullName).toBe(name)
})

test('leaves nothing of a person in rows and log, and all the rest as it was, still verifying', async () => {
  await server.send('POST', '/v1/backups', { token: owner.token, body: {} })
  const before = await store().log(null, 0, 1_000)
  expect(await everything()).toContain('wilhelmina')
  expect(await store().get(Workload, person.id)).toMatchObject({ contacts: 1 })

  const answer = await erase(person.id, { username: 'wilhelmina', reference: 'request 2026-17' })
  expect(answer).toMatchObject({ status: 201, body: { userId: person.id, state: 'pending', reference: 'request 2026-17', proof: null } })
  await done()

  const after = await store().log(null, 0, 1_000)
  for (const trace of traces) expect(await everything(), trace).not.toContain(trace)
  expect(after.slice(0, before.length).map(({ hash }) => hash)).toEqual(before.map(({ hash }) => hash))
  expect(await verified()).toEqual([])
  expect(await everything()).toContain('somebody else')
  expect(await store().get(User, person.id)).toMatchObject({ username: `erased-${person.id}`, fullName: null, email: null })
  const { items } = await store().list(Contact, {})
  expect(items[0]).toMatchObject({
    practiceName: 'A practice',
    createdById: person.id,
    createdByName: `erased-${person.id}`,
    ownerId: null,
  })
  expect(await store().get(ContactAssignment, pairId(person.id, items[0]?.id ?? ''))).toMatchObject({ status: 'inactive' })
  expect(await store().get(Workload, person.id)).toMatchObject({ contacts: 0, campaigns: 0 })
  expect(await certificate()).toMatchObject({ state: 'done', rows: { user: 1 }, proof: { head: { stream: owner.tenantId } } })
  expect((await server.send('GET', '/v1/integrity', { token: owner.token })).body).toMatchObject({ status: 'ok', problems: [] })
  expect((await erase(person.id, { username: `erased-${person.id}` })).body.code).toBe('already_erased')
})

test('an entry that somebody else emptied, or emptied further, is found', async () => {
  const [emptied] = (await store().log(null, 0, 1_000)).filter(({ entry }) => entry.erased !== undefined)
  if (emptied?.entry.erased === undefined) throw new Error('nothing was erased')
  const { signature, ...said } = emptied.entry.erased
  const forged = { ...emptied.entry, actor: { ...emptied.entry.actor, name: 'nobody' }, erased: { ...said, signature } }
  const text = JSON.stringify(forged)
  await server.holdfast.runtime.storage.erase(owner.tenantId, [{ ...emptied, entry: forged, text }])
  expect((await verified()).length).toBeGreaterThan(0)
  await server.holdfast.runtime.storage.erase(owner.tenantId, [emptied])
  expect(await verified()).toEqual([])
})

test('no restore brings a person back who was erased', async () => {
  const { body } = await server.send('GET', '/v1/backups', { token: owner.token })
  const snapshot = String((body.items as unknown as { id: string }[])[0]?.id)
  const restored = await server.send('POST', '/v1/restores', {
    token: owner.token,
    body: { scope: 'tenant', at: { snapshot }, includeRemoved: true },
  })
  expect(restored.status).toBe(201)
  expect(await store().get(User, person.id)).toMatchObject({ username: `erased-${person.id}`, fullName: null, email: null })
  for (const trace of traces) expect(await everything(), trace).not.toContain(trace)
})

test('a log that is rebuilt from older backups forgets again', async () => {
  if (server.config.storage.engine !== 'sqlite') return // only the embedded engine's database is a file that can be lost
  for (const file of readdirSync(server.folder)) if (file.startsWith('holdfast.db')) rmSync(join(server.folder, file))
  await server.restart()
  owner = await enterOwner(server)
  await expect.poll(everything, { timeout: 60_000 }).not.toContain('wilhelmina')
  expect(await verified()).toEqual([])
  expect(await store().get(User, person.id)).toMatchObject({ username: `erased-${person.id}`, email: null })
})
