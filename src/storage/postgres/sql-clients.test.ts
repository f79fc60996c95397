import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { checkIntegrity, verifyAudit } from '../../audit/operations.ts'
import { asSystem, enterOwner, found, join, type Person } from '../../testing/people.ts'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let database: PostgresServer
let server: TestServer
let owner: Person
let url: string
let admin: pg.Client
const open: pg.Client[] = []

beforeAll(async () => {
  database = await startPostgres({ own: true })
  url = (await freshDatabase(database.adminUrl)).url
  server = await startTestServer({ HOLDFAST_STORAGE: url })
  owner = await enterOwner(server)
  admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query("CREATE ROLE reporting LOGIN PASSWORD 'r' IN ROLE holdfast_app")
})
afterAll(async () => {
  for (const one of [...open, admin]) await one.end()
  await server.close()
  await database.stop()
})

/** A connection of an SQL client, for one tenant. */
async function client(tenant: string | null = owner.tenantId): Promise<pg.Client> {
  const address = new URL(url)
  Object.assign(address, { username: 'reporting', password: 'r' })
  const one = new pg.Client({ connectionString: address.href })
  one.on('error', () => {})
  await one.connect()
  open.push(one)
  if (tenant !== null) await one.query(`SET app.tenant = '${tenant}'`)
  return one
}

const call = (method: string, path: string, by: Person, body?: unknown) =>
  server.send(method, path, { token: by.token, ...(body === undefined ? {} : { body }) })
const contact = async (by: Person = owner): Promise<string> =>
  String((await call('POST', '/v1/contacts', by, { email: `${randomUUID()}@example.org` })).body.id)
const campaign = async (by: Person = owner): Promise<string> =>
  String((await call('POST', '/v1/campaigns', by, { name: 'Spring' })).body.id)
const assigned = async (id: string): Promise<Loose> => (await call('GET', `/api/admin/users/${id}/assignments`, owner)).body.data as Loose
const link = async (body: object = {}): Promise<Loose> =>
  (await call('POST', '/api/admin/onboarding/create-link', owner, body)).body.data as Loose
const one = async <T>(db: pg.Client, sql: string, values: unknown[] = []): Promise<T> => (await db.query(sql, values)).rows[0] as T
const give = (db: pg.Client, user: string, id: string, isPrimary = true) =>
  db.query('INSERT INTO user_contact_assignment (user_id, contact_id, is_primary_owner) VALUES ($1, $2, $3) RETURNING *', [
    user,
    id,
    isPrimary,
  ])

const shared = [
  'user_campaign_assignment',
  'user_contact_assignment',
  'onboarding_link',
  'onboarding_link_access',
  'onboarding_link_completion',
]

describe('what SQL clients may not', () => {
  test('see or write without a tenant, and none of it is an error to read', async () => {
    await link()
    const db = await client(null)
    for (const prepare of ['SELECT 1', "SET app.tenant = ''", `SET app.tenant = '${owner.tenantId}'; RESET app.tenant`]) {
      await db.query(prepare)
      for (const table of [...shared, 'users', 'contacts', 'log', 'sql_writes'])
        expect((await db.query(`SELECT * FROM ${table}`)).rows).toEqual([])
    }
    await expect(give(db, owner.id, randomUUID())).rejects.toMatchObject({ code: expect.stringMatching(/23502|42501/) })
  })

  test('reach another tenant, by its ids or by naming it in a row', async () => {
    const other = await found(server)
    const [ours, theirs] = [await contact(), await contact(other)]
    const db = await client()
    await expect(give(db, owner.id, theirs)).rejects.toMatchObject({ code: '23503' })
    await expect(give(db, other.id, ours)).rejects.toMatchObject({ code: '23503' })
    await expect(
      db.query('INSERT INTO user_contact_assignment (tenant_id, user_id, contact_id) VALUES ($1, $2, $3)', [
        other.tenantId,
        other.id,
        theirs,
      ]),
    ).rejects.toMatchObject({ code: '42501' })
    await give(db, owner.id, ours)
    expect(
      (await db.query('UPDATE user_contact_assignment SET interactions_count = 1 WHERE tenant_id = $1', [other.tenantId])).rowCount,
    ).toBe(0)
    await expect(db.query('UPDATE user_contact_assignment SET tenant_id = $1', [other.tenantId])).rejects.toMatchObject({
      code: expect.stringMatching(/23514|42501/),
    })
  })

  test('change what tables are, or take on what reaches further', async () => {
    const db = await client()
    for (const sql of [
      'TRUNCATE onboarding_link_access',
      'CREATE TABLE mine (id text)',
      'CREATE TRIGGER t AFTER INSERT ON onboarding_link EXECUTE FUNCTION sql_record()',
      'ALTER TABLE onboarding_link DISABLE ROW LEVEL SECURITY',
      'DELETE FROM sql_writes',
      'UPDATE log SET hash = hash',
      `SET ROLE "${new URL(url).pathname.slice(1)}_transfer"`,
    ])
      await expect(db.query(sql), sql).rejects.toMatchObject({ code: '42501' })
  })

  test.each([
    ["INSERT INTO onboarding_link (token_digest, expires_at, status) VALUES (repeat('a', 64), now(), 'open')"],
    ["INSERT INTO onboarding_link (token_digest, expires_at, current_step, total_steps) VALUES (repeat('a', 64), now(), 6, 5)"],
    ["INSERT INTO onboarding_link (token_digest, expires_at, uses_count) VALUES (repeat('a', 64), now(), 2)"],
    ["INSERT INTO onboarding_link (token_digest, expires_at, dedupe_seconds) VALUES (repeat('a', 64), now(), 86401)"],
    ["INSERT INTO onboarding_link (token_digest, expires_at, user_role) VALUES (repeat('a', 64), now(), 'owner')"],
  ])('store what is out of bounds: %s', async (sql) => {
    await expect((await client()).query(sql)).rejects.toMatchObject({ code: '23514' })
  })
})

test('the role of SQL clients has nothing of its own, and every table of tenants is guarded', async () => {
  expect(await one(admin, "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'holdfast_app'")).toEqual({
    rolcanlogin: false,
    rolsuper: false,
    rolbypassrls: false,
  })
  expect((await admin.query("SELECT FROM pg_auth_members WHERE member = 'holdfast_app'::regrole")).rowCount).toBe(0)
  expect((await admin.query("SELECT FROM pg_class WHERE relowner = 'holdfast_app'::regrole")).rowCount).toBe(0)
  const unguarded =
    await admin.query(`SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policies p
      WHERE p.tablename = c.relname AND 'holdfast_app' = ANY(p.roles) AND p.qual LIKE '%app.tenant%' AND p.with_check LIKE '%app.tenant%'))
      AND c.relname <> 'parked'`)
  expect(unguarded.rows).toEqual([])
  expect((await admin.query("SELECT FROM pg_policies WHERE qual = 'true' OR with_check = 'true'")).rowCount).toBe(0)
  const called = [
    'generate_onboarding_token',
    'expire_old_onboarding_links',
    'track_onboarding_link_access',
    'get_user_campaign_count',
    'get_user_contact_count',
    'get_next_user_round_robin',
  ]
  const functions = await admin.query('SELECT proname, prosecdef, proconfig::text, proacl::text FROM pg_proc WHERE proname = ANY($1)', [
    called,
  ])
  expect(functions.rows).toHaveLength(6)
  for (const { prosecdef, proconfig, proacl } of functions.rows) {
    expect(prosecdef).toBe(false)
    expect(proconfig).toContain('search_path')
    expect(proacl).toContain('holdfast_app=X')
    expect(proacl).not.toMatch(/[{,]=X/)
  }
})

test('starting again migrates nothing twice', async () => {
  const steps = () => one<{ n: string }>(admin, 'SELECT count(*) AS n FROM migrations')
  const before = await steps()
  await server.restart()
  expect(await steps()).toEqual(before)
})

describe('what SQL clients write', () => {
  test('gets its defaults, is seen by HTTP at once, and is in the log within five seconds', async () => {
    const [user, id] = [await join(server, owner), await contact()]
    const db = await client()
    const { rows } = await give(db, user.id, id)
    expect(rows[0]).toMatchObject({
      tenant_id: owner.tenantId,
      organization_id: owner.tenantId,
      assignment_type: 'manual',
      ownership_percentage: 100,
      status: 'active',
      version: '1',
      assigned_by: null,
    })
    expect(await assigned(user.id)).toMatchObject({
      contacts_count: 1,
      contacts: [{ contact_id: id, assignment_id: rows[0].id, is_primary_owner: true }],
    })
    expect((await call('GET', `/v1/contacts/${id}`, owner)).body.ownerId).toBe(user.id)
    await vi.waitFor(async () => expect((await admin.query('SELECT FROM sql_writes')).rowCount).toBe(0), { timeout: 60_000, interval: 100 })
    const { body } = await call('GET', '/v1/audit?action=sql&limit=1', owner)
    expect(body.items[0]).toMatchObject({ actor: { kind: 'system', id: null, name: 'reporting' }, detail: { databaseUser: 'reporting' } })
    expect(JSON.stringify(body.items[0]?.changes)).toContain(String(rows[0].id))
    const history = await call('GET', `/v1/assignment-history?contactId=${id}`, owner)
    expect(history.body.items).toMatchObject([{ action: 'assigned', userId: user.id, by: null }])
  })

  test('moves version and time, and ends what it ends', async () => {
    const [user, id] = [await join(server, owner), await contact()]
    const db = await client()
    await give(db, user.id, id)
    const ended = await one<Record<string, unknown>>(
      db,
      "UPDATE user_contact_assignment SET status = 'inactive' WHERE contact_id = $1 RETURNING version, updated_at >= created_at AS later",
      [id],
    )
    expect(ended).toEqual({ version: '2', later: true })
    expect(await assigned(user.id)).toMatchObject({ contacts_count: 0 })
    expect((await call('GET', `/v1/contacts/${id}`, owner)).body.ownerId).toBeNull()
    const again = await call('POST', `/api/admin/users/${user.id}/assign-contacts`, owner, { contact_ids: [id] })
    expect(again.body).toMatchObject({ success_count: 1 })
    expect((await db.query('SELECT status, version FROM user_contact_assignment WHERE contact_id = $1', [id])).rows).toEqual([
      { status: 'active', version: '3' },
    ])
  })

  test('never makes a second primary owner, nor a second row of one pair', async () => {
    const [one, two, id] = [await join(server, owner), await join(server, owner), await contact()]
    const db = await client()
    await give(db, one.id, id)
    await expect(give(db, two.id, id)).rejects.toMatchObject({ code: '23505' })
    await expect(give(db, one.id, id, false)).rejects.toMatchObject({ code: '23505' })
    await give(db, two.id, id, false)
    expect((await call('POST', `/api/admin/users/${two.id}/assign-contacts`, owner, { contact_ids: [id] })).body).toMatchObject({
      success_count: 1,
    })
    expect((await call('GET', `/v1/contacts/${id}`, owner)).body.ownerId).toBe(two.id)
  })

  test('of campaigns is counted, with what may be done', async () => {
    const [user, id] = [await join(server, owner), await campaign()]
    const db = await client()
    await db.query('INSERT INTO user_campaign_assignment (user_id, campaign_id) VALUES ($1, $2)', [user.id, id])
    await db.query('UPDATE user_campaign_assignment SET can_edit = true WHERE user_id = $1', [user.id])
    expect(await assigned(user.id)).toMatchObject({
      campaigns: [{ campaign_id: id, can_edit: true, can_view_stats: true, role: 'member' }],
    })
    expect(await one(db, 'SELECT get_user_campaign_count($1) AS n', [user.id])).toEqual({ n: 1 })
    await db.query('DELETE FROM user_campaign_assignment WHERE user_id = $1', [user.id])
    expect(await assigned(user.id)).toMatchObject({ campaigns_count: 0 })
  })

  test('and what is removed with the row it referred to, leaves log and rows in one voice', async () => {
    const [user, id] = [await join(server, owner), await contact()]
    const db = await client()
    await give(db, user.id, id)
    expect((await call('DELETE', `/v1/contacts/${id}`, owner)).status).toBe(204)
    expect(await assigned(user.id)).toMatchObject({ contacts_count: 0 })
    const audit = await asSystem<Loose>(server, verifyAudit, {}, owner.tenantId)
    expect(audit).toMatchObject({ ok: true, problems: [] })
    const integrity = await asSystem<Loose>(server, checkIntegrity, {}, owner.tenantId)
    expect(integrity).toMatchObject({ status: 'ok', rows: { mismatched: 0 }, problems: [] })
  })

  test('while the server writes the same rows, is told in the order in which it happened', async () => {
    const [user, id] = [await join(server, owner), await contact()]
    const db = await client()
    for (let round = 0; round < 5; round++) {
      await db.query(
        round === 0
          ? 'INSERT INTO user_contact_assignment (user_id, contact_id) VALUES ($1, $2)'
          : "UPDATE user_contact_assignment SET status = 'active', is_primary_owner = true, assigned_at = clock_timestamp() WHERE user_id = $1 AND contact_id = $2",
        [user.id, id],
      )
      expect((await call('DELETE', `/api/admin/users/${user.id}/contacts/${id}`, owner)).status).toBe(200)
    }
    expect(await asSystem<Loose>(server, checkIntegrity, {}, owner.tenantId)).toMatchObject({ status: 'ok', problems: [] })
  })
})

describe('the functions', () => {
  test('tokens have 32 letters and digits, all as likely as any other', async () => {
    const { rows } = await (await client()).query<{ token: string }>(
      'SELECT generate_onboarding_token() AS token FROM generate_series(1, 2000)',
    )
    const counts = new Map<string, number>()
    for (const { token } of rows) {
      expect(token).toMatch(/^[A-Za-z0-9]{32}$/)
      for (const letter of token) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    }
    expect(new Set(rows.map(({ token }) => token)).size).toBe(2_000)
    const expected = (2_000 * 32) / 62
    const chi = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    expect(counts.size).toBe(62)
    // 61 degrees of freedom: beyond 130 once in a million
    expect(chi).toBeLessThan(130)
  })

  test('links that have expired are marked so, of the own tenant alone', async () => {
    const db = await client()
    await db.query(
      "INSERT INTO onboarding_link (token_digest, expires_at) SELECT encode(sha256(n::text::bytea), 'hex'), now() - interval '1 s' FROM generate_series(1, 3) n",
    )
    expect(await one(await client((await found(server)).tenantId), 'SELECT expire_old_onboarding_links() AS n')).toEqual({ n: 0 })
    expect(await one(db, 'SELECT expire_old_onboarding_links() AS n')).toEqual({ n: 3 })
    expect(await one(db, 'SELECT expire_old_onboarding_links() AS n')).toEqual({ n: 0 })
  })

  test('an open is counted once in a while, of live links, and with the server’s own opens', async () => {
    const db = await client()
    const made = await link()
    const track = (token: unknown, ip: string | null, agent: string | null) =>
      db.query('SELECT track_onboarding_link_access($1, $2, $3)', [token, ip, agent])
    const clicks = async () =>
      Number(
        (await one<{ clicks_count: number }>(db, 'SELECT clicks_count FROM onboarding_link WHERE id = $1', [made.link_id])).clicks_count,
      )
    await track(made.link_token, '192.0.2.1', 'Firefox')
    await track(made.link_token, '192.0.2.1', 'Firefox')
    expect(await clicks()).toBe(1)
    await track(made.link_token, '192.0.2.2', 'Firefox')
    await track(made.link_token, null, null)
    await track(made.link_token, null, '')
    await track(made.link_token, '192.0.2.3', 'Mozilla WhatsApp/2.1')
    expect(await clicks()).toBe(3)
    const opened = (from: string) =>
      server.send('GET', `/api/admin/onboarding/o/${made.link_token}`, { from, headers: { 'user-agent': 'Firefox' } })
    await opened('192.0.2.1')
    expect(await clicks()).toBe(3)
    expect((await opened('192.0.2.9')).status).toBe(200)
    expect(await clicks()).toBe(4)
    await track(made.link_token, '192.0.2.9', 'Firefox')
    expect(await clicks()).toBe(4)
    expect((await db.query('SELECT FROM onboarding_link_access WHERE link_id = $1', [made.link_id])).rowCount).toBe(4)
    await track('x'.repeat(32), '192.0.2.1', 'Firefox')
    await (await client((await found(server)).tenantId)).query('SELECT track_onboarding_link_access($1, NULL, NULL)', [made.link_token])
    await call('POST', `/api/admin/onboarding/link/${made.link_id}/revoke`, owner, {})
    await track(made.link_token, '192.0.2.77', 'Firefox')
    expect(await clicks()).toBe(4)
  })

  test('a link made in SQL works over HTTP, and shows no token', async () => {
    const db = await client()
    const { token } = await one<{ token: string }>(db, 'SELECT generate_onboarding_token() AS token')
    const { id } = await one<{ id: string }>(
      db,
      "INSERT INTO onboarding_link (token_digest, expires_at) VALUES (encode(sha256($1::bytea), 'hex'), now() + interval '1 day') RETURNING id",
      [token],
    )
    expect((await server.send('GET', `/api/admin/onboarding/o/${token}`)).body.data).toMatchObject({
      template_name: 'Basic Onboarding',
      total_steps: 5,
    })
    expect((await call('GET', `/api/admin/onboarding/link/${id}`, owner)).body.data).toMatchObject({
      link_token: null,
      link_url: null,
      clicks_count: 1,
    })
    expect((await server.send('POST', `/api/admin/onboarding/o/${token}/complete`, { body: {} })).status).toBe(200)
    expect(await one(db, 'SELECT status, progress_percentage FROM onboarding_link WHERE id = $1', [id])).toEqual({
      status: 'used',
      progress_percentage: 100,
    })
  })

  test('counts are 0 for unknown and foreign people, and without a tenant', async () => {
    const other = await found(server)
    for (const db of [await client(), await client(null)])
      for (const id of [randomUUID(), other.id])
        expect(await one(db, 'SELECT get_user_campaign_count($1) AS a, get_user_contact_count($1) AS b', [id])).toEqual({ a: 0, b: 0 })
    expect(await one(await client(null), 'SELECT get_next_user_round_robin($1) AS u', [owner.tenantId])).toEqual({ u: null })
    expect(await one(await client(), 'SELECT get_next_user_round_robin($1) AS u', [other.tenantId])).toEqual({ u: null })
  })

  test('turns are exactly fair among SQL clients and with the server, at once', async () => {
    const boss = await found(server)
    await call('PATCH', `/v1/users/${boss.id}`, boss, {
      version: Number((await call('GET', `/v1/users/${boss.id}`, boss)).body.version),
      assignable: false,
    })
    const people = await Promise.all(Array.from({ length: 4 }, () => join(server, boss)))
    const ids = await Promise.all(Array.from({ length: 40 }, () => contact(boss)))
    const clients = await Promise.all(Array.from({ length: 4 }, () => client(boss.tenantId)))
    const bySql = async (db: pg.Client, mine: string[]): Promise<void> => {
      for (const id of mine) {
        await db.query('BEGIN')
        const { u } = await one<{ u: string }>(db, 'SELECT get_next_user_round_robin($1) AS u', [boss.tenantId])
        await db.query("INSERT INTO user_contact_assignment (user_id, contact_id, assignment_type) VALUES ($1, $2, 'round_robin')", [u, id])
        await db.query('COMMIT')
      }
    }
    const byHttp = async (id: string) => {
      const answer = await call('POST', '/api/admin/contacts/bulk-assign', boss, { assignment_mode: 'round_robin', contact_ids: [id] })
      expect(answer.body).toMatchObject({ success: true, assignments_created: 1 })
    }
    await Promise.all([...clients.map((db, n) => bySql(db, ids.slice(n * 5, n * 5 + 5))), ...ids.slice(20).map(byHttp)])
    const { rows } = await admin.query(
      "SELECT user_id, count(*)::int AS n FROM user_contact_assignment WHERE tenant_id = $1 AND status = 'active' GROUP BY 1",
      [boss.tenantId],
    )
    expect(rows.map(({ n }) => n)).toEqual([10, 10, 10, 10])
    expect(new Set(rows.map(({ user_id }) => user_id))).toEqual(new Set(people.map(({ id }) => id)))
    expect(await asSystem<Loose>(server, checkIntegrity, {}, boss.tenantId)).toMatchObject({ status: 'ok', problems: [] })
  })
})
