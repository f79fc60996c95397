import { createHash } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { World } from './world.ts'

type Row = { stream: string; sequence: number; entry: string; hash: string }

/** The files themselves, without a line of the server's code: SQLite's check, the chain computed anew from the documented columns, and every acknowledged user by id and version. */
export function checkOffline(folder: string, world: World): string[] {
  const db = new Database(join(folder, 'holdfast.db'), { readonly: true, fileMustExist: true })
  try {
    const found = (db.pragma('integrity_check') as { integrity_check: string }[]).map((row) => row.integrity_check)
    const problems = found.filter((text) => text !== 'ok').map((text) => `integrity_check: ${text}`)
    return [...problems, ...checkChain(db), ...checkVersions(db, world)]
  } finally {
    db.close()
  }
}

function checkChain(db: Database.Database): string[] {
  return chainProblems(db.prepare<[], Row>('SELECT stream, sequence, entry, hash FROM log ORDER BY stream, sequence').iterate())
}

function checkVersions(db: Database.Database, world: World): string[] {
  const users = db.prepare<[], { id: string; version: number }>('SELECT id, version FROM users').all()
  return versionProblems(new Map(users.map(({ id, version }) => [id, version])), world)
}

/** Every hash computed anew, and no gap. `rows` by stream and sequence. */
export function chainProblems(rows: Iterable<Row>): string[] {
  const problems: string[] = []
  const last = new Map<string, { sequence: number; hash: string }>()
  for (const row of rows) {
    const before = last.get(row.stream) ?? { sequence: 0, hash: '0'.repeat(64) }
    const hash = createHash('sha256')
      .update(before.hash + row.entry)
      .digest('hex')
    if (row.sequence !== before.sequence + 1) problems.push(`log ${row.stream}: ${before.sequence} is followed by ${row.sequence}`)
    if (hash !== row.hash) problems.push(`log ${row.stream}/${row.sequence} does not have the hash that its text has`)
    last.set(row.stream, row)
  }
  return problems
}

/** Every acknowledged user, and no other, is stored with the version that was acknowledged. */
export function versionProblems(stored: ReadonlyMap<string, number>, world: World): string[] {
  const problems = stored.size === world.users.size ? [] : [`${world.users.size} users were acknowledged, and the table has ${stored.size}`]
  for (const { id, version } of world.users.values())
    if (stored.get(id) !== version)
      problems.push(`LOST: user ${id} is acknowledged with version ${version}, and the table has ${stored.get(id)}`)
  return problems
}
