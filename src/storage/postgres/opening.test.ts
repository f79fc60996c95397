import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { create, insert } from '../../kernel/change.ts'
import { type AnyEntity, entity } from '../../kernel/entity.ts'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { entities, meta, newSigner, now } from '../contract/harness.ts'
import { postgres } from './engine.ts'
import { setUp } from './setup.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({ own: true })
})
afterAll(() => server.stop())

async function query<T>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(sql).finally(() => client.end())
  return rows as T[]
}

const refusalOf = (url: string, of: readonly AnyEntity[] = entities) =>
  postgres({ url, entities: of })
    .open()
    .then(
      () => new Error('was not refused'),
      (error: Error & { code?: string }) => error,
    )

const changed = (url: string, change: (url: URL) => void): string => {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

describe('a database that cannot be opened', () => {
  test.each<[string, string, (url: URL) => void]>([
    ['nobody listens', 'database_unreachable', (url) => Object.assign(url, { port: '1' })],
    ['the host is unknown', 'database_unreachable', (url) => Object.assign(url, { hostname: 'nowhere.invalid' })],
    ['the password is wrong', 'database_credentials', (url) => Object.assign(url, { password: 'wrong-canary' })],
    ['the user is unknown', 'database_credentials', (url) => Object.assign(url, { username: 'stranger' })],
    ['the database is missing', 'database_missing', (url) => Object.assign(url, { pathname: '/not_there' })],
  ])('is told as such when %s, without the password', async (_, code, change) => {
    const url = changed(server.adminUrl, change)
    const error = await refusalOf(url)

    expect(error).toMatchObject({ kind: 'unavailable', code })
    expect(error.message).not.toContain(new URL(url).password)
    expect(JSON.stringify(error)).not.toContain(new URL(url).password)
  })

  test('is told when the user has no part in it', async () => {
    const { url, name } = await freshDatabase(server.adminUrl)
    await query(url, `CREATE ROLE "${name}_guest" LOGIN PASSWORD 'g'`)
    const error = await refusalOf(changed(url, (one) => Object.assign(one, { username: `${name}_guest`, password: 'g' })))
    expect(error).toMatchObject({ code: 'database_rights', message: expect.stringContaining('bin/holdfast postgres setup --admin-url') })
  })

  test('is told when the owner may not make the roles that serve', async () => {
    const { url, name } = await freshDatabase(server.adminUrl)
    await query(url, `CREATE ROLE "${name}_o" LOGIN PASSWORD 'o'`)
    await query(url, `ALTER DATABASE "${name}" OWNER TO "${name}_o"`)
    const error = await refusalOf(changed(url, (one) => Object.assign(one, { username: `${name}_o`, password: 'o' })))
    expect(error).toMatchObject({ code: 'database_rights', message: expect.stringContaining(`may not create the roles`) })
  })
})

describe('setup', () => {
  test('makes roles, database and tables; the role that serves can do nothing but serve', async () => {
    const made = await setUp(server.adminUrl, { database: 'acme', entities, newPassword: false })
    expect(made).toMatchObject({ database: 'acme', owner: 'acme_owner', login: 'acme_server', roles: { app: 'holdfast_app' } })
    const url = made.storage ?? ''
    const storage = postgres({ url, entities })
    await storage.open()
    await storage.setSigner(newSigner())
    await storage.tenant('t').commit([], meta)
    await storage.close()

    for (const forbidden of [
      'CREATE TABLE mine (id text)',
      'DROP TABLE notes',
      'UPDATE log SET hash = hash',
      'DELETE FROM heads',
      'TRUNCATE log',
      'ALTER TABLE notes DISABLE ROW LEVEL SECURITY',
    ])
      await expect(query(url, forbidden), forbidden).rejects.toMatchObject({ code: '42501' })
    await expect(query(url, 'SELECT * FROM log')).rejects.toMatchObject({ code: '42501' })
    expect(
      await query(
        changed(url, (one) => one.searchParams.set('options', '-c role=holdfast_app')),
        'SELECT * FROM log',
      ),
    ).toEqual([])
    await expect(query(url, "SET ROLE holdfast_app; INSERT INTO notes VALUES ('t', 'n', 'x', 1, 'x', 'x')")).rejects.toMatchObject({
      code: '42501',
    })
  })

  test('run again, changes nothing and keeps the password, unless a new one is asked for', async () => {
    const first = await setUp(server.adminUrl, { database: 'again', entities, newPassword: false })
    const second = await setUp(server.adminUrl, { database: 'again', entities, newPassword: false })
    expect(second).toMatchObject({ migrated: [], storage: null })
    expect(await query(first.storage ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }])

    const third = await setUp(server.adminUrl, { database: 'again', entities, newPassword: true })
    await expect(query(first.storage ?? '', 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    expect(await query(third.storage ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('refuses a server that is not there, without telling the password', async () => {
    const adminUrl = changed(server.adminUrl, (url) => Object.assign(url, { port: '1' }))
    await expect(setUp(adminUrl, { database: 'x', entities, newPassword: false })).rejects.toMatchObject({ code: 'database_unreachable' })
  })
})

const Before = entity('plan', { table: 'plans', fields: { name: z.string(), size: z.int() }, indexes: { bySize: ['size'] } })
const plan = create(Before, '0195a000-0000-7000-8000-000000000002', { name: 'First', size: 3 }, now)

describe('a database of an older version', () => {
  async function written(): Promise<{ adminUrl: string; url: string }> {
    const name = `older_${Math.random().toString(36).slice(2, 8)}`
    const { storage } = await setUp(server.adminUrl, { database: name, entities: [Before], newPassword: false })
    const engine = postgres({ url: storage ?? '', entities: [Before] })
    await engine.open()
    await engine.setSigner(newSigner())
    await engine.tenant('t').commit([insert(Before, plan)], meta)
    await engine.close()
    return { adminUrl: changed(server.adminUrl, (url) => Object.assign(url, { pathname: `/${name}` })), url: storage ?? '' }
  }

  const fields = {
    name: z.string(),
    size: z.int(),
    note: z.string().nullable(),
    isOpen: z.boolean().default(true),
    tags: z.array(z.string()).default(['a', "b'c"]),
    nameFold: z.string(),
  }
  const After = entity('plan', {
    table: 'plans',
    fields,
    unique: { name: ['nameFold'] },
    indexes: { bySize: ['size', 'nameFold'] },
    derived: { nameFold: (row) => row.name.toLowerCase() },
  })

  test('is refused for the role that serves, with the command, and left as it is', async () => {
    const { url } = await written()
    const error = await refusalOf(url, [After])
    expect(error).toMatchObject({ code: 'migration_pending', message: expect.stringContaining('bin/holdfast postgres setup --admin-url') })
    expect(await refusalOf(url, [Before]).catch(String)).toMatchObject({ message: 'was not refused' })
  })

  test('is brought to this version by its owner: columns, what they hold, indexes; and once', async () => {
    const { adminUrl, url } = await written()
    await Promise.all(
      [1, 2].map(async () => {
        const engine = postgres({ url: adminUrl, entities: [After] })
        await engine.open()
        await engine.close()
      }),
    )
    const engine = postgres({ url, entities: [After] })
    await engine.open()
    await engine.setSigner(newSigner())
    const tenant = engine.tenant('t')

    expect(await tenant.get(After, plan.id)).toEqual({ ...plan, note: null, isOpen: true, tags: ['a', "b'c"], nameFold: 'first' })
    expect(await tenant.find(After, 'name', ['first'])).toMatchObject({ id: plan.id })
    const twin = create(
      After,
      '0195a000-0000-7000-8000-000000000003',
      { ...fields, name: 'FIRST', size: 1, note: null, isOpen: false, tags: [] } as never,
      now,
    )
    await expect(tenant.commit([insert(After, twin)], meta)).rejects.toMatchObject({ reason: 'unique', key: 'name' })
    expect(await engine.check()).toEqual([])
    const steps = await query<{ name: string }>(adminUrl, 'SELECT name FROM migrations ORDER BY number')
    expect(new Set(steps.map(({ name }) => name)).size).toBe(steps.filter(({ name }) => name !== 'create plans_index_by_size').length + 1)
    await engine.close()
  })

  test.each<[string, AnyEntity, string]>([
    ['another kind', entity('plan', { table: 'plans', fields: { name: z.string(), size: z.string() } }), 'plans.size is stored as bigint'],
    [
      'a new field without a default',
      entity('plan', { table: 'plans', fields: { name: z.string(), size: z.int(), colour: z.string() } }),
      'its new column colour has no default',
    ],
    ['a field that a newer version added', entity('plan', { table: 'plans', fields: { name: z.string() } }), 'does not know'],
  ])('is refused when it would lose or reinterpret data: %s', async (_, type, words) => {
    const { adminUrl } = await written()
    expect(await refusalOf(adminUrl, [type])).toMatchObject({ code: 'schema_refused', message: expect.stringContaining(words) })
    const engine = postgres({ url: adminUrl, entities: [Before] })
    await engine.open()
    expect(await engine.tenant('t').get(Before, plan.id)).toEqual(plan)
    await engine.close()
  })
})
