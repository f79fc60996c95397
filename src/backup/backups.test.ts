import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { found, join as joinTenant, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let ours: Person
let theirs: Person
let folder: string
let backup: { id: string; target: string }

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  ours = await found(server, 'ours')
  theirs = await found(server, 'theirs')
  for (const username of ['ann', 'ben']) await server.send('POST', '/v1/users', { token: ours.token, body: { username } })
  folder = join(server.folder, 'backups')
})
afterAll(() => server.close())

const create = (token: string) => server.send('POST', '/v1/backups', { token, body: {} })
const list = async (token: string, query = '') => (await server.send('GET', `/v1/backups${query}`, { token })).body
const verify = (token: string, id = backup.id) => server.send('POST', `/v1/backups/${id}/verify`, { token, body: {} })

test('is for owners and the platform alone', async () => {
  for (const role of ['admin', 'supervisor', 'manager', 'member', 'auditor'] as const) {
    const { token } = await joinTenant(server, ours, { role })
    expect((await create(token)).status).toBe(403)
    expect((await server.send('GET', '/v1/backups', { token })).status).toBe(403)
    expect((await verify(token, 'any')).status).toBe(403)
  }
  expect((await server.send('POST', '/v1/backups', { body: {} })).status).toBe(401)
})

test('is answered when it is proven, with the caller’s own rows and heads', async () => {
  const answer = await create(ours.token)
  expect(answer.status).toBe(201)
  expect(answer.headers['holdfast-commit']).toMatch(`${ours.tenantId}/`)
  expect(answer.body).toMatchObject({ target: `file:${folder}`, entities: { tenant: 1, user: 8 } })
  expect(answer.body.provenAt >= answer.body.createdAt).toBe(true)
  expect(answer.body.heads).toEqual([
    { stream: ours.tenantId, sequence: expect.any(Number), hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ])
  expect(answer.text).not.toContain(theirs.tenantId)
  backup = answer.body as unknown as typeof backup
  const { body: audit } = await server.send('GET', '/v1/audit?action=backup.create', { token: ours.token })
  expect(audit.items).toEqual([expect.objectContaining({ entity: { type: 'backup', id: backup.id } })])
})

test('is listed, newest first, in pages', async () => {
  const second = (await create(theirs.token)).body
  expect((await list(ours.token)).items.map(({ id }) => String(id))).toEqual([second.id, backup.id])
  const page = await list(ours.token, '?limit=1')
  expect(page.items.map(({ id }) => String(id))).toEqual([second.id])
  expect((await list(ours.token, `?limit=1&cursor=${page.nextCursor}`)).items.map(({ id }) => String(id))).toEqual([backup.id])
  expect((await server.send('GET', '/v1/backups?cursor=nonsense', { token: ours.token })).status).toBe(422)
})

test('no file of it holds a readable word of anybody', () => {
  const words = ['ann', 'ours', 'argon2']
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (/\.(age|json)$/.test(name)) for (const word of words) expect(readFileSync(join(folder, name)).includes(`"${word}`)).toBe(false)
})

test('one that is whole verifies; an absent one is not found', async () => {
  expect((await verify(ours.token)).body).toMatchObject({ ok: true, problems: [] })
  expect(await verify(ours.token, 'absent')).toMatchObject({ status: 404, body: { detail: 'There is nothing at this address.' } })
})

const spoilt = async (name: string, work: (path: string, good: Buffer) => void, code: string) => {
  const path = join(folder, name)
  const good = readFileSync(path)
  work(path, good)
  const { body } = await verify(ours.token)
  writeFileSync(path, good, { mode: 0o600 })
  expect(body).toMatchObject({ ok: false, problems: expect.arrayContaining([expect.objectContaining({ file: name, code })]) })
}
const flip = (path: string, good: Buffer) =>
  writeFileSync(path, Buffer.concat([good.subarray(0, 40), Buffer.from([(good[40] ?? 0) ^ 1]), good.subarray(41)]))

test('damage is found and named: of a file, a manifest, a proof, the log, a head, the instance', async () => {
  const snapshot = `snapshots/${backup.id}`
  const [segment] = readdirSync(join(folder, 'log', ours.tenantId))
  const [head] = readdirSync(join(folder, 'heads', ours.tenantId))
  for (const name of [
    `${snapshot}/user.ndjson.zst.age`,
    `${snapshot}/manifest.json.age`,
    `${snapshot}/proven.json`,
    `log/${ours.tenantId}/${segment}`,
    `heads/${ours.tenantId}/${head}`,
  ])
    await spoilt(name, flip, 'changed')
  await spoilt(`${snapshot}/user.ndjson.zst.age`, (path, good) => writeFileSync(path, good.subarray(0, good.length - 1)), 'truncated')
  await spoilt(`${snapshot}/user.ndjson.zst.age`, (path) => rmSync(path), 'missing')
  const another = (found: string) => found.slice(0, -1) + (found.endsWith('f') ? 'e' : 'f')
  await spoilt('instance.json', (path, good) => writeFileSync(path, good.toString().replace(/"instance": "./, another)), 'foreign')
  expect((await verify(ours.token)).body.ok).toBe(true)
})

test('a hole in the log, and a file that nobody wrote, are named', async () => {
  await server.send('POST', '/v1/users', { token: ours.token, body: { username: 'cid' } })
  await create(ours.token)
  const names = readdirSync(join(folder, 'log', ours.tenantId)).sort()
  const first = join(folder, 'log', ours.tenantId, names[0] ?? '')
  const good = readFileSync(first)
  rmSync(first)
  writeFileSync(join(folder, 'notes.txt'), 'hello')
  const { body } = await verify(ours.token)
  writeFileSync(first, good)
  rmSync(join(folder, 'notes.txt'))
  const codes = (body.problems as unknown as { file: string; code: string }[]).map(({ file, code }) => [file, code])
  expect(codes).toContainEqual([`log/${ours.tenantId}/${names[1]}`, 'gap'])
  expect(codes).toContainEqual(['notes.txt', 'foreign'])
})

test('damage in the log of others is told without their names', async () => {
  const [name] = readdirSync(join(folder, 'log', theirs.tenantId))
  const path = join(folder, 'log', theirs.tenantId, name ?? '')
  const good = readFileSync(path)
  flip(path, good)
  const { body, text } = await verify(ours.token)
  writeFileSync(path, good)
  expect(body.ok).toBe(false)
  expect(text).not.toContain(theirs.tenantId)
  expect(text).toContain('of other tenants')
})

test('where none are made, that is said', async () => {
  const without = await startTestServer()
  try {
    const token = await without.signIn()
    expect(await without.send('POST', '/v1/backups', { token, body: {} })).toMatchObject({ status: 409, body: { code: 'backups_off' } })
  } finally {
    await without.close()
  }
})
