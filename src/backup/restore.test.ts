import { afterAll, beforeAll, expect, test } from 'vitest'
import { found, goodPassword, join as joinTenant, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let ours: Person
let theirs: Person

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  ours = await found(server, 'ours')
  theirs = await found(server, 'theirs')
})
afterAll(() => server.close())

const restore = (body: object, token = ours.token) => server.send('POST', '/v1/restores', { token, body })
const create = async (username: string, fields: object = {}) =>
  (await server.send('POST', '/v1/users', { token: ours.token, body: { username, ...fields } })).body as unknown as {
    id: string
    version: number
  }
const get = async (id: string) => (await server.send('GET', `/v1/users/${id}`, { token: ours.token })).body
const patch = async (id: string, fields: object) =>
  server.send('PATCH', `/v1/users/${id}`, { token: ours.token, body: { version: (await get(id)).version, ...fields } })
const names = async (token = ours.token) =>
  ((await server.send('GET', '/v1/users?limit=200', { token })).body.items as unknown as { username: string }[]).map(
    ({ username }) => username,
  )
const head = async () => (await server.holdfast.runtime.storage.tenant(ours.tenantId).head())?.sequence ?? 0
const without = ({ version: _, ...rest }: Record<string, unknown>) => rest

test('is for owners and the platform, as people', async () => {
  for (const role of ['admin', 'supervisor', 'manager', 'member', 'auditor'] as const) {
    const { token } = await joinTenant(server, ours, { role })
    expect((await restore({ scope: 'tenant' }, token)).status).toBe(403)
  }
  expect((await restore({ scope: 'all' })).status).toBe(403)
})

test.each([
  [{}],
  [{ scope: 'everything' }],
  [{ scope: 'user' }],
  [{ scope: 'record', id: 'x' }],
  [{ scope: 'record', type: 'nothing', id: 'x' }],
  [{ scope: 'tenant', at: { sequence: -1 } }],
  [{ scope: 'tenant', at: { time: 'yesterday' } }],
  [{ scope: 'tenant', at: { time: '2026-01-01T00:00:00Z', sequence: 1 } }],
  [{ scope: 'tenant', at: { sequence: 1_000_000 } }],
])('refuses %j', async (body) => {
  expect((await restore(body)).status).toBe(422)
})

test.each([
  ['an unknown snapshot', { scope: 'tenant', at: { snapshot: 'none' } }],
  ['an unknown user', { scope: 'user', id: 'nobody' }],
  ['an unknown record', { scope: 'record', type: 'user', id: '019b1f3a-7c40-7000-8000-000000000007' }],
])('finds nothing of %s', async (_, body) => {
  expect((await restore(body)).status).toBe(404)
})

test('another tenant is as absent as one that never was', async () => {
  const [foreign, absent] = [await restore({ scope: 'tenant', id: theirs.tenantId }), await restore({ scope: 'tenant', id: 'never' })]
  expect(foreign.status).toBe(404)
  expect(without(foreign.body)).toMatchObject({ detail: absent.body.detail, code: absent.body.code })
})

test('a tenant goes back to an exact entry, with a preview before and an undo after', async () => {
  const ann = await create('ann', { fullName: 'Ann' })
  const at = { sequence: await head() }
  const before = await get(ann.id)
  await patch(ann.id, { fullName: 'Changed' })
  const late = await create('late')
  const preview = await restore({ scope: 'tenant', at, preview: true })
  expect(preview).toMatchObject({
    status: 200,
    body: { state: 'preview', scope: 'tenant', at, changes: { inserted: 0, updated: 1, removed: 1 } },
  })
  expect(await get(ann.id)).toMatchObject({ fullName: 'Changed' })

  const done = await restore({ scope: 'tenant', at })
  expect(done).toMatchObject({ status: 201, body: { state: 'done', changes: { inserted: 0, updated: 1, removed: 1 } } })
  expect(done.headers['holdfast-commit']).toBe(`${ours.tenantId}/${await head()}`)
  expect(without(await get(ann.id))).toEqual(without(before))
  expect((await get(ann.id)).version).toBe(Number(before.version) + 2)
  expect(await names()).not.toContain('late')
  const { body: audit } = await server.send('GET', '/v1/audit?action=restore.run', { token: ours.token })
  expect(audit.items[0]).toMatchObject({ entity: { type: 'restore', id: done.body.id }, detail: { scope: 'tenant', at } })

  await create('later')
  const undone = await server.send('POST', `/v1/restores/${done.body.id}/undo`, { token: ours.token, body: {} })
  expect(undone).toMatchObject({ status: 201, body: { scope: 'undo', changes: { inserted: 1, updated: 1, removed: 0 } } })
  expect(await get(ann.id)).toMatchObject({ fullName: 'Changed' })
  expect(await names()).toEqual(expect.arrayContaining(['late', 'later']))
  expect(await get(late.id)).toMatchObject({ username: 'late' })
  expect((await server.send('POST', '/v1/restores/nothing/undo', { token: ours.token, body: {} })).status).toBe(404)
})

test('nobody is signed out by it, nothing that ended comes back, and the log still says what the rows are', async () => {
  const person = await joinTenant(server, ours, { username: 'ben' })
  const at = { sequence: await head() }
  const left = await joinTenant(server, ours, { username: 'cid' })
  await server.send('DELETE', '/v1/sessions', { token: person.token })
  const owner = await server.signIn(ours.username, goodPassword).catch(() => ours.token)
  expect((await restore({ scope: 'tenant', at })).status).toBe(201)
  expect((await server.send('GET', '/v1/me', { token: ours.token })).status).toBe(200)
  expect((await server.send('GET', '/v1/me', { token: owner })).status).toBe(200)
  expect((await server.send('GET', '/v1/me', { token: person.token })).status).toBe(401)
  expect((await server.send('GET', '/v1/me', { token: left.token })).status).toBe(401)
  expect((await server.send('GET', '/v1/integrity', { token: ours.token })).body).toMatchObject({ status: 'ok', problems: [] })
})

test('one person comes back with what is theirs, the others stay as they are', async () => {
  const dan = await create('dan', { fullName: 'Dan', role: 'owner' })
  const eve = await create('eve', { fullName: 'Eve' })
  const at = { time: new Date().toISOString() }
  await new Promise((resolve) => setTimeout(resolve, 5))
  await patch(dan.id, { fullName: 'X', role: 'member' })
  await patch(eve.id, { fullName: 'Y' })
  const done = await restore({ scope: 'user', id: 'DAN', at })
  expect(done).toMatchObject({ status: 201, body: { changes: { updated: 1, inserted: 0, removed: 0 } } })
  expect(await get(dan.id)).toMatchObject({ fullName: 'Dan', role: 'owner' })
  expect(await get(eve.id)).toMatchObject({ fullName: 'Y' })
  expect((await server.send('GET', '/v1/integrity', { token: ours.token })).body.status).toBe('ok')
})

test('one record comes back alone, from a snapshot', async () => {
  const fay = await create('fay', { fullName: 'Fay' })
  const backup = (await server.send('POST', '/v1/backups', { token: ours.token, body: {} })).body
  await patch(fay.id, { fullName: 'Z' })
  const done = await restore({ scope: 'record', type: 'user', id: fay.id, at: { snapshot: backup.id } })
  expect(done).toMatchObject({ status: 201, body: { at: { snapshot: backup.id }, changes: { updated: 1 } } })
  expect(await get(fay.id)).toMatchObject({ fullName: 'Fay' })
})

test('while it runs its tenant waits and the others work', async () => {
  const closure = await server.holdfast.runtime.closures.close(ours.tenantId)
  const busy = await server.send('GET', '/v1/users', { token: ours.token })
  expect(busy).toMatchObject({ status: 503, body: { code: 'restore_running' } })
  expect(busy.headers['retry-after']).toBe('5')
  expect((await server.send('GET', '/v1/users', { token: theirs.token })).status).toBe(200)
  closure.open()
  expect((await server.send('GET', '/v1/users', { token: ours.token })).status).toBe(200)
})

test('in sync mode a restore, too, is acknowledged only with its second copy', async () => {
  const sync = await startTestServer({ HOLDFAST_BACKUP: '', HOLDFAST_BACKUP_MODE: 'sync' })
  try {
    const token = await sync.signIn()
    const made = await sync.send('POST', '/v1/users', { token, body: { username: 'gil' } })
    expect(made.headers['holdfast-durability']).toMatch(/,\s*backed-up$/)
    const sequence = Number(made.headers['holdfast-commit']?.split('/')[1]) - 1
    const restored = await sync.send('POST', '/v1/restores', { token, body: { scope: 'tenant', at: { sequence } } })
    expect(restored).toMatchObject({ status: 201, body: { changes: { removed: 1 } } })
    expect(restored.headers['holdfast-durability']).toBe(made.headers['holdfast-durability'])
  } finally {
    await sync.close()
  }
})
