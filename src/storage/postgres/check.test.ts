import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { entities } from '../contract/harness.ts'
import { settingProblems } from './check.ts'
import { postgres } from './engine.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({ own: true })
})
afterAll(() => server.stop())
// one role for all databases of a server
afterEach(() =>
  administer(
    server.adminUrl,
    `DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
      ALTER ROLE holdfast_app NOLOGIN NOBYPASSRLS; REVOKE postgres FROM holdfast_app; END IF; END $$`,
  ),
)

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

/** A database that was set up as it should be, and the URL of the role that serves it. */
async function setUp(): Promise<{ url: string; appUrl: string; name: string; plant(sql: string): Promise<void> }> {
  const { url, name } = await freshDatabase(server.adminUrl)
  const first = postgres({ url, entities })
  await first.open()
  await first.close()
  await administer(
    url,
    `CREATE ROLE "${name}_server" LOGIN NOINHERIT PASSWORD 'serves'; GRANT holdfast_app, "${name}_directory", "${name}_transfer" TO "${name}_server"`,
  )
  const appUrl = new URL(url)
  appUrl.username = `${name}_server`
  appUrl.password = 'serves'
  return { url, name, appUrl: appUrl.href, plant: (sql) => administer(url, sql.replaceAll('$role', `"${name}`)) }
}

const refusal = (url: string): Promise<Error & { code?: string }> => {
  const storage = postgres({ url, entities })
  return storage.open().then(
    async () => {
      await storage.close()
      return new Error('was not refused')
    },
    (error: Error) => error,
  )
}

test('starts where everything is as it should be, as the owner and as the role that serves', async () => {
  const { url, appUrl } = await setUp()
  for (const one of [url, appUrl]) {
    const storage = postgres({ url: one, entities })
    await storage.open()
    expect(await storage.check()).toEqual([])
    await storage.close()
  }
})

const open = 'USING (true) WITH CHECK (true)'
const ours = "tenant_id = (SELECT nullif(current_setting('app.tenant', true), ''))"

describe.each<[string, string, RegExp]>([
  [
    'row level security is off',
    'ALTER TABLE members DISABLE ROW LEVEL SECURITY',
    /table members: row level security is off; run: ALTER TABLE "members" ENABLE/,
  ],
  [
    'row level security is not forced',
    'ALTER TABLE log NO FORCE ROW LEVEL SECURITY',
    /table log: .*not forced.* run: ALTER TABLE "log" FORCE/,
  ],
  ['the policy is missing', 'DROP POLICY tenant ON notes', /table notes: policy tenant is missing; run: CREATE POLICY "tenant" ON "notes"/],
  [
    'USING lets everything through',
    `ALTER POLICY tenant ON notes USING (true)`,
    /table notes: policy tenant has another USING; run: DROP POLICY/,
  ],
  [
    'USING forgets the tenant of a null',
    `ALTER POLICY tenant ON notes USING (tenant_id = current_setting('app.tenant', true))`,
    /policy tenant has another USING/,
  ],
  [
    'WITH CHECK is missing',
    `DROP POLICY tenant ON members; CREATE POLICY tenant ON members FOR ALL TO holdfast_app USING (${ours})`,
    /table members: policy tenant has no WITH CHECK/,
  ],
  ['WITH CHECK differs', 'ALTER POLICY tenant ON counters WITH CHECK (true)', /table counters: policy tenant has another WITH CHECK/],
  ['the policy is for everybody', 'ALTER POLICY directory ON members TO PUBLIC', /table members: policy directory is for PUBLIC/],
  [
    'one more policy opens the table',
    `CREATE POLICY wide ON notes ${open}`,
    /table notes: policy wide is not ours.* run: DROP POLICY "wide" ON "notes"/,
  ],
  [
    'the role that serves owns a table',
    'ALTER TABLE notes OWNER TO holdfast_app',
    /table notes: it belongs to the role holdfast_app.* run: ALTER TABLE "notes" OWNER TO/,
  ],
  [
    'the role that serves bypasses row level security',
    'ALTER ROLE holdfast_app BYPASSRLS',
    /role holdfast_app bypasses row level security; run: ALTER ROLE .* NOBYPASSRLS/,
  ],
  ['the role that moves is a superuser', 'ALTER ROLE $role_transfer" SUPERUSER', /role holdfast_\w+_transfer is a superuser/],
  ['the role that serves may sign in', 'ALTER ROLE holdfast_app LOGIN', /role holdfast_app can sign in; run: ALTER ROLE/],
  ['the role that serves is a member of another', 'GRANT postgres TO holdfast_app', /is a member of postgres; run: REVOKE|is a superuser/],
  [
    'the primary key does not name the tenant',
    'ALTER TABLE notes DROP CONSTRAINT notes_pkey; ALTER TABLE notes ADD PRIMARY KEY (id)',
    /table notes: its primary key is \(id\); run: ALTER TABLE "notes" ADD PRIMARY KEY \("tenant_id", "id"\)/,
  ],
  [
    'a foreign key is missing',
    'ALTER TABLE log DROP CONSTRAINT log_stream',
    /table log: the constraint log_stream is missing.* ADD CONSTRAINT "log_stream" FOREIGN KEY/,
  ],
  ['a unique index is missing', 'DROP INDEX members_unique_email', /create members_unique_email|members_unique_email is missing/],
  [
    'a unique index is not unique',
    'DROP INDEX members_unique_email; CREATE INDEX members_unique_email ON members (tenant_id, email) WHERE email IS NOT NULL',
    /members_unique_email/,
  ],
  [
    'texts of a column compare by language',
    'ALTER TABLE notes ALTER COLUMN text TYPE text COLLATE "en-x-icu"',
    /table notes: column text does not compare by code point; run: ALTER TABLE/,
  ],
  [
    'an index goes by language',
    'DROP INDEX members_index_by_role; CREATE INDEX members_index_by_role ON members (tenant_id, role COLLATE "en-x-icu", id)',
    /members_index_by_role does not go by code point/,
  ],
  [
    'everybody may read',
    'GRANT SELECT ON members TO PUBLIC',
    /table members: everybody may SELECT; run: REVOKE ALL ON "members" FROM PUBLIC/,
  ],
  [
    'the role that serves may change the log',
    'GRANT UPDATE, DELETE ON log TO holdfast_app',
    /table log: holdfast_app may (UPDATE, DELETE|DELETE, UPDATE); run: REVOKE/,
  ],
  [
    'the role that serves may not write',
    'REVOKE INSERT ON notes FROM holdfast_app',
    /table notes: holdfast_app may not INSERT; run: GRANT INSERT/,
  ],
  ['a crash would empty a table', 'ALTER TABLE notes SET UNLOGGED', /table notes: it is unlogged.* run: ALTER TABLE "notes" SET LOGGED/],
  [
    'somebody else’s trigger drops entries',
    'CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$; CREATE TRIGGER swallow BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION swallow()',
    /table log: the trigger swallow is not ours.* run: DROP TRIGGER "swallow" ON "log"/,
  ],
  [
    'a rule drops rows',
    'CREATE RULE nothing AS ON INSERT TO notes DO INSTEAD NOTHING',
    /table notes: the rule nothing rewrites statements; run: DROP RULE "nothing" ON "notes"/,
  ],
  [
    'one more policy hides rows',
    'CREATE POLICY none ON notes AS RESTRICTIVE USING (false)',
    /table notes: policy none is not ours and hides rows; run: DROP POLICY "none" ON "notes"/,
  ],
  [
    'the role that serves may change one column of the log',
    'GRANT UPDATE (entry) ON log TO holdfast_app',
    /table log: holdfast_app may UPDATE its column entry; run: REVOKE UPDATE \("entry"\) ON "log" FROM "holdfast_app"/,
  ],
  [
    'a foreign key became a condition that always holds',
    'ALTER TABLE log DROP CONSTRAINT log_stream; ALTER TABLE log ADD CONSTRAINT log_stream CHECK (true)',
    /table log: the constraint log_stream is another one; run: ALTER TABLE "log" DROP CONSTRAINT "log_stream"; ALTER TABLE .* FOREIGN KEY/,
  ],
  [
    'a view shows everybody’s rows to all',
    'CREATE VIEW peek AS SELECT * FROM members; GRANT SELECT ON peek TO PUBLIC',
    /the view peek shows everybody's rows of members; run: ALTER VIEW "peek" SET \(security_invoker = true\)/,
  ],
  ['a table is missing', 'DROP TABLE notes', /create notes|table notes is missing/],
])('a database in which %s', (_, mistake, told) => {
  test('is refused, with the name of the table and the remedy', async () => {
    const { appUrl, plant } = await setUp()
    await plant(mistake)

    const error = await refusal(appUrl)

    expect(error.code).toMatch(/^(database_unsafe|migration_pending)$/)
    expect(error.message).toMatch(told)
  })
})

test('tells of a mistake that came in while it ran', async () => {
  const { url, plant } = await setUp()
  const storage = postgres({ url, entities })
  await storage.open()
  await plant('ALTER TABLE members DISABLE ROW LEVEL SECURITY')
  expect(await storage.check()).toEqual([expect.stringContaining('table members: row level security is off')])
  await storage.close()
})

test.each([
  [
    'a unique index of other columns',
    'DROP INDEX members_unique_email; CREATE UNIQUE INDEX members_unique_email ON members (tenant_id, id)',
    /members_unique_email/,
  ],
  [
    'a unique index of no row',
    'DROP INDEX members_unique_email; CREATE UNIQUE INDEX members_unique_email ON members (tenant_id, email) WHERE false',
    /members_unique_email/,
  ],
  ['a column that is gone', 'ALTER TABLE notes DROP COLUMN text', /notes\.text/],
  ['a column of another type', 'ALTER TABLE counters ALTER COLUMN value TYPE text COLLATE "C"', /counters\.value/],
])('tells of %s that came in while it ran', async (_, mistake, told) => {
  const { url, plant } = await setUp()
  const storage = postgres({ url, entities })
  await storage.open()
  await plant(mistake)
  expect((await storage.check()).join('\n')).toMatch(told)
  await storage.close()
})

test('takes triggers and views of others that can neither lose nor show anything', async () => {
  const { appUrl, plant } = await setUp()
  await plant(
    `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
     CREATE TRIGGER tell AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION tell();
     CREATE VIEW own WITH (security_invoker = true) AS SELECT * FROM members; GRANT SELECT ON own TO PUBLIC`,
  )
  const storage = postgres({ url: appUrl, entities })
  await storage.open()
  expect(await storage.check()).toEqual([])
  await storage.close()
})

describe.each([
  ['fsync', 'fsync=off'],
  ['full_page_writes', 'full_page_writes=off'],
  ['synchronous_commit', 'synchronous_commit=off'],
])('a server with %s off', (name, setting) => {
  test('is refused, with the remedy', async () => {
    const unsafe = await startPostgres({ own: true, settings: [setting] })
    const { url } = await freshDatabase(unsafe.adminUrl)
    expect(await refusal(url)).toMatchObject({ code: 'database_unsafe', message: expect.stringContaining(`set ${name} = on`) })
    await unsafe.stop()
  })
})

test.each([
  [140_009, ['the server is older than PostgreSQL 15; upgrade it']],
  [150_000, []],
])('a server of version %d', (version, problems) => {
  const settings = {
    server_version_num: String(version),
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    server_encoding: 'UTF8',
  }
  expect(settingProblems(new Map(Object.entries(settings)))).toEqual(problems)
})
