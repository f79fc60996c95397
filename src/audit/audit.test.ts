import { createHash } from 'node:crypto'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { type Damage, keepsHeadsApart, storedLog, tamper } from '../testing/tamper.ts'

let server: TestServer
let token: string

beforeEach(async () => {
  server = await startTestServer()
  token = await server.signIn()
})
afterEach(() => server.close())

const createUser = (username: string) => server.send('POST', '/v1/users', { token, body: { username, password: 'a good long passphrase' } })

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
  const previous = new Map<string, string>()
  for (const { stream, entry, hash } of await storedLog(server)) {
    const before = previous.get(stream) ?? '0'.repeat(64)
    expect(
      createHash('sha256')
        .update(before + entry)
        .digest('hex'),
    ).toBe(hash)
    previous.set(stream, hash)
  }
  expect(previous.size).toBe(2)
})

test('a store that nobody touched is ok', async () => {
  await createUser('ann')
  const body = await integrity()
  expect(body).toMatchObject({ status: 'ok', problems: [], rows: { mismatched: 0 }, backups: { newestProvenAt: null } })
  expect(Number(body.rows.checked)).toBeGreaterThan(4)
})

type Item = Record<string, AttributeValue>
const isAnn = (item: Item): boolean => item.username?.S === 'ann'
const isOurs = (item: Item): boolean => item.stream?.S !== 'platform'
const edited = (item: Item, field: string, from: string, to: string): Item => ({
  ...item,
  [field]: { S: (item[field]?.S ?? '').replaceAll(from, to) },
})

const damages: [what: string, damage: Damage, code: string][] = [
  [
    'a changed row',
    {
      sql: `UPDATE users SET full_name = 'Mallory' WHERE username = 'ann'`,
      table: 'users',
      change: (item) => (isAnn(item) ? { ...item, fullName: { S: 'Mallory' } } : item),
    },
    'row',
  ],
  [
    'a changed secret',
    {
      sql: `UPDATE credentials SET password_hash = 'x' WHERE id IN (SELECT id FROM users WHERE username = 'ann')`,
      table: 'credentials',
      change: (item) => ({ ...item, passwordHash: { S: 'x' } }),
    },
    'row',
  ],
  [
    'a deleted row',
    { sql: `DELETE FROM users WHERE username = 'ann'`, table: 'users', change: (item) => (isAnn(item) ? null : item) },
    'row',
  ],
  [
    'a row that nobody logged',
    {
      sql: `INSERT INTO counters (tenant_id, id, value, version, created_at, updated_at) SELECT tenant_id, 'planted', 1, 1, created_at, created_at FROM users LIMIT 1`,
      table: 'users',
      change: (item) => (isAnn(item) ? { ...item, id: { S: '019b1f3a-7c40-7000-8000-000000000007' }, username: { S: 'eve' } } : item),
    },
    'row',
  ],
  [
    'a changed entry',
    {
      sql: `UPDATE log SET entry = replace(entry, 'ann', 'eve') WHERE entry LIKE '%user.create%'`,
      table: 'audit-log',
      change: (item) => (item.entry?.S?.includes('user.create') ? edited(item, 'entry', 'ann', 'eve') : item),
    },
    'changed',
  ],
  [
    'a removed entry',
    {
      sql: `DELETE FROM log WHERE sequence = 2 AND stream <> 'platform'`,
      table: 'audit-log',
      change: (item) => (isOurs(item) && item.sequence?.N === '2' ? null : item),
    },
    'missing',
  ],
  [
    'a forged head',
    {
      sql: `UPDATE heads SET signature = substr(signature, 2) || 'A' WHERE stream <> 'platform'`,
      table: 'audit-log',
      change: (item) =>
        isOurs(item) && item.signature !== undefined ? { ...item, signature: { S: `${item.signature.S?.slice(1)}A` } } : item,
    },
    'head_invalid',
  ],
  [
    'a changed secret in the log',
    {
      sql: `UPDATE log SET secrets = replace(secrets, 'argon2id', 'argon2xx') WHERE secrets LIKE '%argon2id%'`,
      table: 'audit-log',
      change: (item) => (item.secrets?.S?.includes('argon2id') ? edited(item, 'secrets', 'argon2id', 'argon2xx') : item),
    },
    'changed',
  ],
]
if (keepsHeadsApart)
  damages.push([
    'a cut tail',
    {
      sql: `DELETE FROM log WHERE stream <> 'platform' AND sequence = (SELECT max(sequence) FROM log WHERE stream <> 'platform')`,
      table: 'audit-log',
      change: (item) => item,
    },
    'tail_missing',
  ])

test.each(damages)('finds %s', async (_what, damage, code) => {
  await createUser('ann')
  await tamper(server, damage)
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
