import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { AssignmentStep, ContactAssignment } from '../src/assignment/entity.ts'
import { Contact } from '../src/contact/entity.ts'

/** The tables that a hand-out writes one row of for each contact. */
const tables = [Contact, ContactAssignment, AssignmentStep].map(({ table }) => table)

/**
 * What the database alone takes for the rows of the hand-out that was made: the same tables and indexes, filled as they were before, then in one transaction each contact changed, and its assignment and its
 * step put in by plain SQL. No log, no guard, no check, and nothing outside the database. Milliseconds.
 */
export function floorOnSqlite(data: string): number {
  const db = new Database(join(data, 'floor.db'))
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('cache_size = -65536')
    db.prepare('ATTACH ? AS made').run(join(data, 'holdfast.db'))
    const schema = db
      .prepare<unknown[], string>('SELECT sql FROM made.sqlite_schema WHERE sql IS NOT NULL AND tbl_name = ? ORDER BY type DESC')
      .pluck()
    for (const table of tables) for (const sql of schema.all(table)) db.exec(sql)
    db.exec('INSERT INTO main.contacts SELECT * FROM made.contacts; UPDATE main.contacts SET owner_id = NULL, assigned_at = NULL')
    db.pragma('wal_checkpoint(TRUNCATE)')
    const startedMs = performance.now()
    db.exec(`BEGIN IMMEDIATE;
      UPDATE main.contacts SET owner_id = b.owner_id, assigned_at = b.assigned_at, version = b.version + 1, updated_at = b.updated_at
        FROM made.contacts b WHERE b.tenant_id = main.contacts.tenant_id AND b.id = main.contacts.id;
      INSERT INTO main.user_contact_assignment SELECT * FROM made.user_contact_assignment;
      INSERT INTO main.assignment_steps SELECT * FROM made.assignment_steps;
      COMMIT`)
    return performance.now() - startedMs
  } finally {
    db.close()
  }
}

/** The same on PostgreSQL, by whoever owns its tables. */
export async function floorOnPostgres(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('CREATE SCHEMA floor')
    const columns = new Map<string, string>()
    for (const table of tables) {
      await client.query(`CREATE TABLE floor.${table} (LIKE public.${table} INCLUDING ALL)`)
      const { rows } = await client.query<{ names: string }>(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS names FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [`public.${table}`],
      )
      columns.set(table, rows[0]?.names ?? '')
    }
    const copy = (table: string) => `INSERT INTO floor.${table} (${columns.get(table)}) SELECT ${columns.get(table)} FROM public.${table}`
    await client.query(copy('contacts'))
    await client.query('UPDATE floor.contacts SET owner_id = NULL, assigned_at = NULL')
    await client.query('VACUUM ANALYZE floor.contacts')
    await client.query('CHECKPOINT')
    const startedMs = performance.now()
    await client.query('BEGIN')
    await client.query(
      'UPDATE floor.contacts a SET owner_id = b.owner_id, assigned_at = b.assigned_at, version = b.version + 1, updated_at = b.updated_at FROM public.contacts b WHERE b.tenant_id = a.tenant_id AND b.id = a.id',
    )
    await client.query(copy('user_contact_assignment'))
    await client.query(copy('assignment_steps'))
    await client.query('COMMIT')
    return performance.now() - startedMs
  } finally {
    await client.end()
  }
}
