import pg from 'pg'
import { chainProblems, versionProblems } from './offline.ts'
import type { World } from './world.ts'

/** The tables themselves, as a superuser sees them: the chain computed anew, and every acknowledged user by id and version. */
export async function checkPostgres(url: string, world: World): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const log = await client.query<{ stream: string; sequence: string; entry: string; hash: string }>(
      'SELECT stream, sequence, entry, hash FROM log ORDER BY stream COLLATE "C", sequence',
    )
    const users = await client.query<{ id: string; version: number }>('SELECT id, version FROM users')
    return [
      ...chainProblems(log.rows.map((row) => ({ ...row, sequence: Number(row.sequence) }))),
      ...versionProblems(new Map(users.rows.map(({ id, version }) => [id, Number(version)])), world),
    ]
  } finally {
    await client.end()
  }
}
