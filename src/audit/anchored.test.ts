import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { execute } from '../cli/execute.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { testEngine } from '../testing/engines.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

type Verified = { ok: boolean; problems: { stream: string; sequence: number; code: string; detail: string }[] }

let server: TestServer
let token: string
let tenantId: string

const backup = () => execute(server.holdfast, { name: 'backup.create', at: 'platform', input: {} })
const verify = (input: object = { everything: true }) =>
  execute(server.holdfast, { name: 'audit.verify', at: 'platform', input }) as Promise<Verified>
const found = async (input?: object) =>
  (await verify(input)).problems.map(({ code, stream, sequence }) => ({ code, isOurs: stream === tenantId, sequence }))
const createUser = (username: string) => server.send('POST', '/v1/users', { token, body: { username } })
const heads = () => join(server.folder, 'backups', 'heads', tenantId)
const anchored = () =>
  readdirSync(heads())
    .map((name) => Number(name.slice(0, 12)))
    .sort((a, b) => a - b)

beforeEach(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  token = await server.signIn()
  tenantId = String((await createUser('ann')).headers['holdfast-commit']?.split('/')[0])
  await backup()
  await createUser('ben')
  await backup()
})
afterEach(() => server.close())

test('a log that is as it was agrees with every head, also while it grows', async () => {
  expect(anchored().length).toBeGreaterThan(1)
  expect(await verify()).toMatchObject({ ok: true, problems: [] })
  await createUser('cid')
  expect(await verify({})).toMatchObject({ ok: true })
  expect(await verify({ target: `file:${server.folder}/backups` })).toMatchObject({ ok: true })
})

test('a head in the target that was touched is named, and the one before it counts', async () => {
  const newest = anchored().at(-1) ?? 0
  const path = join(heads(), `${String(newest).padStart(12, '0')}.json`)
  writeFileSync(path, readFileSync(path, 'utf8').replace('"hash":"', '"hash":"0'))
  expect(await found()).toEqual([{ code: 'head_invalid', isOurs: true, sequence: newest }])
})

test('a target that cannot be read is an error, and never agreement', async () => {
  rmSync(join(server.folder, 'backups'), { recursive: true })
  writeFileSync(join(server.folder, 'backups'), '')
  await expect(verify()).rejects.toMatchObject({ code: 'target_unreachable' })
})

/** Rewrites our stream with hashes and a signature that are right, as whoever has the database and the keys in it can. */
function rewrite(change: (entry: Record<string, Json>) => void, until = Number.MAX_SAFE_INTEGER): void {
  const db = new Database(join(server.folder, 'holdfast.db'))
  const rows = db.prepare('SELECT sequence, entry FROM log WHERE stream = ? ORDER BY sequence').all(tenantId) as {
    sequence: number
    entry: string
  }[]
  let last = { stream: tenantId, sequence: 0, hash: '0'.repeat(64), time: '' }
  for (const { sequence, entry: text } of rows) {
    if (sequence > until) {
      db.prepare('DELETE FROM log WHERE stream = ? AND sequence = ?').run(tenantId, sequence)
      continue
    }
    const entry = JSON.parse(text) as Record<string, Json>
    change(entry)
    entry.previousHash = last.hash
    const hash = sha256(last.hash + canonical(entry))
    db.prepare('UPDATE log SET entry = ?, hash = ? WHERE stream = ? AND sequence = ?').run(canonical(entry), hash, tenantId, sequence)
    last = { stream: tenantId, sequence, hash, time: String(entry.time) }
  }
  const head = server.holdfast.keys.signHead(last)
  db.prepare('UPDATE heads SET sequence = ?, hash = ?, time = ?, leaves = ?, kid = ?, signature = ? WHERE stream = ?').run(
    head.sequence,
    head.hash,
    head.time,
    JSON.stringify(head.leaves),
    head.kid,
    head.signature,
    tenantId,
  )
  db.close()
}

describe.runIf(testEngine === 'sqlite')('someone who has the database and its keys, but not the target,', () => {
  test('cannot change an entry: the first head after it tells the place', async () => {
    const [first = 0, second = 0] = anchored()
    rewrite((entry) => {
      if (entry.sequence === 2) entry.action = 'nothing.happened'
    })
    expect(await found()).toEqual([{ code: 'changed', isOurs: true, sequence: first }])
    expect(second).toBeGreaterThan(first)
  })

  test('cannot change what was written between two heads', async () => {
    const [first = 0, second = 0] = anchored()
    rewrite((entry) => {
      if (entry.sequence === first + 1) entry.requestId = 'another'
    })
    expect(await found()).toEqual([{ code: 'changed', isOurs: true, sequence: second }])
  })

  test('cannot cut the tail', async () => {
    const newest = anchored().at(-1) ?? 0
    rewrite(() => {}, newest - 1)
    expect(await found()).toEqual([{ code: 'tail_missing', isOurs: true, sequence: newest }])
  })

  test('cannot remove the whole stream', async () => {
    const db = new Database(join(server.folder, 'holdfast.db'))
    for (const table of ['log', 'heads']) db.prepare(`DELETE FROM ${table} WHERE stream = ?`).run(tenantId)
    db.close()
    expect(await found()).toEqual([{ code: 'tail_missing', isOurs: true, sequence: 1 }])
  })

  test('without the comparison nothing of this would be found', async () => {
    rewrite((entry) => {
      if (entry.sequence === 2) entry.action = 'nothing.happened'
    })
    rmSync(join(server.folder, 'backups', 'heads'), { recursive: true })
    expect(await verify()).toMatchObject({ ok: true })
  })
})
