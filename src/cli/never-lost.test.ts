import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshFolder, holdfast, send, signIn, startServer } from './testing/process.ts'

const { folder, data, remove } = freshFolder()
afterAll(remove)

const target = join(folder, 'backups')
const environment = { HOLDFAST_BACKUP: `file:${target}` }
const password = 'a good long passphrase'
const run = (...args: string[]) => holdfast(data, [...args, '--json'], { environment })
const names = async () =>
  ((await run('users', 'list')).json.items as unknown as { username: string }[]).map(({ username }) => username).sort()
const integrity = async (url: string) =>
  (await fetch(`${url}/v1/integrity`, { headers: { authorization: `Bearer ${await signIn(url)}` } })).json()

let kit = ''

beforeAll(async () => {
  const server = await startServer(data, environment)
  const token = await signIn(server.url)
  for (const username of ['ann', 'ben']) expect((await send(server.url, '/v1/users', { username, password }, token)).status).toBe(201)
  expect((await run('backup', 'create')).code).toBe(0)
  await server.stop()
  kit = readFileSync(join(data, 'recovery-kit.txt'), 'utf8')
})

test('the first start gives a recovery kit that its owner alone reads, once', async () => {
  expect(statSync(join(data, 'recovery-kit.txt')).mode & 0o777).toBe(0o600)
  const { json } = await run('keys', 'recovery')
  expect(json).toEqual({ recipient: expect.stringMatching(/^age1/), identity: expect.stringMatching(/^AGE-SECRET-KEY-1/) })
  expect(kit).toContain(String(json.identity))
  rmSync(join(data, 'recovery-kit.txt'))
  const server = await startServer(data, environment)
  await server.stop()
  expect(existsSync(join(data, 'recovery-kit.txt'))).toBe(false)
  expect((await holdfast(join(folder, 'no-data'), ['keys', 'recovery', '--json'])).code).toBe(6)
  expect(existsSync(join(folder, 'no-data'))).toBe(false)
})

const hasAge = spawnSync('age', ['--version']).status === 0 && spawnSync('jq', ['--version']).status === 0
if (!hasAge) process.stderr.write('!! age or jq is not here: the lines of the recovery kit are not tried\n')
test.skipIf(!hasAge && process.env.CI !== 'true')('the lines of the kit do what it says, with nothing of Holdfast', () => {
  const lines = kit.split('\n').filter((line) => line.startsWith('     ') && !line.includes('bin/holdfast'))
  const said = execFileSync('bash', ['-euc', lines.join('\n')], { encoding: 'utf8' })
  for (const username of ['owner', 'ann', 'ben']) expect(said).toContain(`"${username}"`)
  expect(said).toContain('"user": 3')
  expect(said).toContain('"action":"user.create"')
})

test('the doctor says where the backups are, how old the newest proven one is, and that the kit opens it', async () => {
  const { code, json } = await run('doctor')
  const checks = Object.fromEntries(
    (json.checks as unknown as { name: string; ok: boolean; detail: string; advice: string | null }[]).map((check) => [check.name, check]),
  )
  expect(code).toBe(0)
  expect(checks['backup-place']).toMatchObject({ ok: true, advice: null })
  expect(checks.backups).toMatchObject({ ok: true, detail: expect.stringContaining('proven at') })
  expect(checks['recovery-kit']).toMatchObject({ ok: true })
  const inside = await holdfast(join(folder, 'inside'), ['users', 'list', '--json'])
  expect(inside.code).toBe(4)
})

test('rows that were deleted or changed behind its back are healed before anyone is served', async () => {
  const db = new Database(join(data, 'holdfast.db'))
  db.exec("DELETE FROM users WHERE username = 'ann'; UPDATE users SET full_name = 'rotten' WHERE username = 'ben'")
  db.close()
  const server = await startServer(data, environment)
  await signIn(server.url, 'ann', password)
  expect(await integrity(server.url)).toMatchObject({
    status: 'ok',
    rows: { mismatched: 0 },
    backups: { newestProvenAt: expect.any(String) },
  })
  const audit = await fetch(`${server.url}/v1/audit?action=restore.run`, {
    headers: { authorization: `Bearer ${await signIn(server.url)}` },
  })
  expect(((await audit.json()) as { items: unknown[] }).items).toEqual([
    expect.objectContaining({
      actor: expect.objectContaining({ kind: 'system' }),
      detail: expect.objectContaining({ reason: 'integrity', changes: { inserted: 1, updated: 1, removed: 0 } }),
    }),
  ])
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  const { out } = await server.stop()
  expect(out).toContain('healed from the backups')
})

test('a database that was set back to an earlier state goes on from the newest', async () => {
  const old = join(folder, 'old')
  cpSync(data, old, { recursive: true })
  const server = await startServer(data, environment)
  await send(server.url, '/v1/users', { username: 'cid', password }, await signIn(server.url))
  await server.stop()
  rmSync(data, { recursive: true })
  cpSync(old, data, { recursive: true })
  expect(await names()).toEqual(['ann', 'ben', 'cid', 'owner'])
  expect(readdirSync(data).some((name) => name.startsWith('holdfast.db.incomplete-'))).toBe(true)
})

test('a drill brings everything back to the side and signs somebody in, and leaves nothing', async () => {
  const before = readdirSync(data).length
  expect(await run('backup', 'drill')).toMatchObject({ code: 0, json: { ok: true, problems: [] } })
  expect(readdirSync(data).length).toBeLessThanOrEqual(before)
  const [newest = ''] = readdirSync(join(target, 'snapshots')).sort().reverse()
  const path = join(target, 'snapshots', newest, 'user.ndjson.zst.age')
  const good = readFileSync(path)
  rmSync(path)
  expect(await run('backup', 'drill')).toMatchObject({ code: 3, json: { ok: false } })
  execFileSync('sh', ['-c', `cat > '${path}'`], { input: good })
})

test('after the master key was replaced, the new one alone reads everything, whatever becomes of the former', async () => {
  const rotated = await run('keys', 'rotate-master')
  expect(rotated.code, rotated.err).toBe(0)
  for (const path of rotated.json.formerKeys as unknown as string[]) rmSync(path)
  expect((await run('backup', 'create')).code).toBe(0)
  const verified = await run('backup', 'verify')
  expect(verified.json).toMatchObject({ ok: true, problems: [] })
  for (const { id } of (await run('backup', 'list')).json.items as unknown as { id: string }[])
    expect((await run('backup', 'prove', id)).json).toMatchObject({ ok: true })
  const key = readFileSync(join(data, 'master.key'), 'utf8').trim()
  rmSync(data, { recursive: true })
  rmSync(join(target, 'snapshots'), { recursive: true })
  const back = await holdfast(data, ['restore', '--json'], { environment: { ...environment, HOLDFAST_KEY: key } })
  expect(back.code, back.err).toBe(0)
  const server = await startServer(data, { ...environment, HOLDFAST_KEY: key })
  await signIn(server.url, 'cid', password)
  await server.stop()
})
