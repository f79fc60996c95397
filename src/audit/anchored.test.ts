import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { execute } from '../cli/execute.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { Head } from '../storage/port.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { storedLog, tamper } from '../testing/tamper.ts'

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

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Rewrites our stream with hashes and signatures that are right, as whoever has the database and the keys in it can. */
async function rewrite(change: (entry: Record<string, Json>) => void, until = Number.MAX_SAFE_INTEGER): Promise<void> {
  const ours = (await storedLog(server)).filter(({ stream }) => stream === tenantId)
  const written = new Map<number, { text: string; head: Head }>()
  let previous = '0'.repeat(64)
  for (const { sequence, entry: text } of ours.filter((one) => one.sequence <= until)) {
    const entry = JSON.parse(text) as Record<string, Json>
    change(entry)
    entry.previousHash = previous
    previous = sha256(previous + canonical(entry))
    const head = server.holdfast.keys.signHead({ stream: tenantId, sequence, hash: previous, time: String(entry.time) })
    written.set(sequence, { text: canonical(entry), head })
  }
  const last = [...written.values()].at(-1)?.head
  if (last === undefined) throw new Error('nothing is left to sign')
  const { sequence: end, hash, time, kid, signature } = last
  const texts = [hash, time, JSON.stringify(last.leaves), kid, signature].map(literal)
  await tamper(server, {
    sql: [
      `DELETE FROM log WHERE stream = '${tenantId}' AND sequence > ${until}`,
      ...[...written].map(
        ([sequence, { text, head }]) =>
          `UPDATE log SET entry = ${literal(text)}, hash = '${head.hash}' WHERE stream = '${tenantId}' AND sequence = ${sequence}`,
      ),
      `UPDATE heads SET (sequence, hash, time, leaves, kid, signature) = (${[end, ...texts].join(', ')}) WHERE stream = '${tenantId}'`,
    ].join(';\n'),
    table: 'audit-log',
    change(item) {
      if (item.stream?.S !== tenantId) return item
      const now = written.get(Number(item.sequence?.N))
      if (now === undefined) return null
      const { leaves, kid, signature, hash } = now.head
      const isSigned = item.signature !== undefined || now.head.sequence === end
      const signed = isSigned ? { leaves: { S: JSON.stringify(leaves) }, kid: { S: kid }, signature: { S: signature } } : {}
      return { ...item, entry: { S: now.text }, hash: { S: hash }, ...signed, ...(isSigned ? { headTime: { S: now.head.time } } : {}) }
    },
  })
}

describe('someone who has the database and its keys, but not the target,', () => {
  test('cannot change an entry: the first head after it tells the place', async () => {
    const [first = 0, second = 0] = anchored()
    await rewrite((entry) => {
      if (entry.sequence === 2) entry.action = 'nothing.happened'
    })
    expect(await found()).toEqual([{ code: 'changed', isOurs: true, sequence: first }])
    expect(second).toBeGreaterThan(first)
  })

  test('cannot change what was written between two heads', async () => {
    const [first = 0, second = 0] = anchored()
    await rewrite((entry) => {
      if (entry.sequence === first + 1) entry.requestId = 'another'
    })
    expect(await found()).toEqual([{ code: 'changed', isOurs: true, sequence: second }])
  })

  test('cannot cut the tail', async () => {
    const newest = anchored().at(-1) ?? 0
    await rewrite(() => {}, newest - 1)
    expect(await found()).toEqual([{ code: 'tail_missing', isOurs: true, sequence: newest }])
  })

  test('cannot remove the whole stream', async () => {
    await tamper(server, {
      sql: ['log', 'heads'].map((table) => `DELETE FROM ${table} WHERE stream = '${tenantId}'`).join(';'),
      table: 'audit-log',
      change: (item) => (item.stream?.S === tenantId ? null : item),
    })
    expect(await found()).toEqual([{ code: 'tail_missing', isOurs: true, sequence: 1 }])
  })

  test('without the comparison nothing of this would be found', async () => {
    await rewrite((entry) => {
      if (entry.sequence === 2) entry.action = 'nothing.happened'
    })
    rmSync(join(server.folder, 'backups', 'heads'), { recursive: true })
    expect(await verify()).toMatchObject({ ok: true })
  })
})
