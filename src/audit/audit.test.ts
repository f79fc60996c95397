import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let token: string

beforeEach(async () => {
  server = await startTestServer()
  token = await server.signIn()
})
afterEach(() => server.close())

const createUser = (username: string) => server.send('POST', '/v1/users', { token, body: { username, password: 'a good long passphrase' } })

/** Changes the database behind the server's back, as someone with the disk in hand could. */
async function tamper(sql: string): Promise<void> {
  expect(readdirSync(server.folder)).toContain('holdfast.db')
  const database = new Database(join(server.folder, 'holdfast.db'))
  database.exec(sql)
  database.close()
}

const integrity = async () => (await server.send('GET', '/v1/integrity', { token })).body

test('an item tells who did what under which request, newest first', async () => {
  const made = await createUser('ann')
  const { body } = await server.send('GET', '/v1/audit', { token })
  expect(body.items[0]).toMatchObject({
    action: 'user.create',
    actor: { kind: 'user', name: 'owner' },
    entity: { type: 'user', id: made.body.id },
    requestId: made.headers['x-request-id'],
  })
})

test('reading the log leaves one audit.read', async () => {
  await server.send('GET', '/v1/audit', { token })
  const { body } = await server.send('GET', '/v1/audit?action=audit.read', { token })
  expect(body.items).toHaveLength(1)
})

test('no item shows a secret field', async () => {
  await createUser('ann')
  const { text } = await server.send('GET', '/v1/audit', { token })
  expect(text).not.toMatch(/argon2|passwordHash|successor"|"privateKey/)
})

test('every filter narrows, and pages follow each other without gap or repeat', async () => {
  const made = await createUser('ann')
  for (const name of ['bob', 'cy', 'dee']) await createUser(name)
  const all = (await server.send('GET', '/v1/audit?order=asc&limit=200', { token })).body.items.map((item) => Number(item.sequence))
  const paged: number[] = []
  for (let cursor = ''; ; ) {
    const { body } = await server.send('GET', `/v1/audit?order=asc&limit=2${cursor}`, { token })
    paged.push(...body.items.map((item) => Number(item.sequence)))
    if (body.nextCursor === null || paged.length >= all.length) break
    cursor = `&cursor=${String(body.nextCursor)}`
  }
  expect(paged.slice(0, all.length)).toEqual(all)
  const by = async (query: string) =>
    (await server.send('GET', `/v1/audit?${query}`, { token })).body.items.map((item) => String(item.action))
  expect(await by(`requestId=${made.headers['x-request-id']}`)).toEqual(['user.create'])
  expect(await by(`entityType=user&entityId=${String(made.body.id)}`)).toEqual(['user.create'])
  expect(await by('actorId=nobody')).toEqual([])
  expect(await by('action=user.create')).toHaveLength(4)
  expect(await by('to=2020-01-01T00:00:00Z')).toEqual([])
  expect(await by('action=tenant.create&from=2020-01-01T00:00:00Z')).toEqual(['tenant.create'])
})

test.each(['limit=0', 'limit=201', 'cursor=rubbish', 'order=sideways', 'from=yesterday', 'colour=red'])('refuses %s', async (query) => {
  expect((await server.send('GET', `/v1/audit?${query}`, { token })).status).toBe(422)
})

test('anyone can recompute the chain without a secret', async () => {
  await createUser('ann')
  const database = new Database(join(server.folder, 'holdfast.db'), { readonly: true })
  const rows = database.prepare('SELECT stream, sequence, entry, hash FROM log ORDER BY stream, sequence').all() as {
    stream: string
    sequence: number
    entry: string
    hash: string
  }[]
  const previous = new Map<string, string>()
  for (const { stream, entry, hash } of rows) {
    const before = previous.get(stream) ?? '0'.repeat(64)
    expect(
      createHash('sha256')
        .update(before + entry)
        .digest('hex'),
    ).toBe(hash)
    previous.set(stream, hash)
  }
  database.close()
  expect(previous.size).toBe(2)
})

test('a store that nobody touched is ok', async () => {
  await createUser('ann')
  const body = await integrity()
  expect(body).toMatchObject({ status: 'ok', problems: [], rows: { mismatched: 0 }, backups: { newestProvenAt: null } })
  expect(Number(body.rows.checked)).toBeGreaterThan(4)
})

test.each([
  ['a changed row', `UPDATE users SET full_name = 'Mallory' WHERE username = 'ann'`, 'row'],
  ['a changed secret', `UPDATE credentials SET password_hash = 'x' WHERE id IN (SELECT id FROM users WHERE username = 'ann')`, 'row'],
  ['a deleted row', `DELETE FROM users WHERE username = 'ann'`, 'row'],
  [
    'a row that nobody logged',
    `INSERT INTO counters (tenant_id, id, value, version, created_at, updated_at) SELECT tenant_id, 'planted', 1, 1, created_at, created_at FROM users LIMIT 1`,
    'row',
  ],
  ['a changed entry', `UPDATE log SET entry = replace(entry, 'ann', 'eve') WHERE entry LIKE '%user.create%'`, 'changed'],
  ['a removed entry', `DELETE FROM log WHERE sequence = 2 AND stream <> 'platform'`, 'missing'],
  [
    'a cut tail',
    `DELETE FROM log WHERE stream <> 'platform' AND sequence = (SELECT max(sequence) FROM log WHERE stream <> 'platform')`,
    'tail_missing',
  ],
  ['a forged head', `UPDATE heads SET signature = substr(signature, 2) || 'A' WHERE stream <> 'platform'`, 'head_invalid'],
  [
    'a changed secret in the log',
    `UPDATE log SET secrets = replace(secrets, 'argon2id', 'argon2xx') WHERE secrets LIKE '%argon2id%'`,
    'changed',
  ],
])('finds %s', async (_what, sql, code) => {
  await createUser('ann')
  await tamper(sql)
  const body = await integrity()
  expect(body.status).toBe('suspect')
  expect(body.problems.map((problem) => String(problem.code))).toContain(code)
})

test('members may not read the log, and asking leaves one access.denied', async () => {
  await createUser('ann')
  const ann = await server.signIn('ann', 'a good long passphrase')
  expect((await server.send('GET', '/v1/audit', { token: ann })).status).toBe(403)
  expect((await server.send('GET', '/v1/integrity', { token: ann })).status).toBe(403)
  const { body } = await server.send('GET', '/v1/audit?action=access.denied', { token })
  expect(body.items.map((item) => item.detail.operation)).toEqual(['integrity.check', 'audit.read'])
})
