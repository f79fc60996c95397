import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, describe, expect, test } from 'vitest'
import { anAdminRecord, aRecord } from '../preserve/testing/records.ts'
import { freshFolder, holdfast, send, startServer } from './testing/process.ts'

const { folder, remove } = freshFolder()
afterAll(remove)

const environment = { HOLDFAST_BACKUP: 'off' }
const asJson = (value: unknown): string => JSON.stringify(value, null, 2)
const people = [anAdminRecord(1), aRecord(1), aRecord(2)]
let count = 0
const place = () => {
  const at = join(folder, String(++count))
  mkdirSync(at)
  const file = join(at, 'users.json')
  writeFileSync(file, asJson(people))
  return { at, data: join(at, 'data'), file }
}
const run = (data: string, args: string, more: Record<string, string> = {}) =>
  holdfast(data, ['preserve', ...args.split(' ').filter(Boolean)], { environment: { ...environment, ...more } })
const signIn = async (url: string, employee_id: string) =>
  (await send(url, '/auth/login/', { employee_id, password: 'Test-Vector-1' })).status

/** What an accident, or a hand in the wrong place, does to the database. */
function damage(data: string, ...statements: string[]): void {
  const db = new Database(join(data, 'holdfast.db'))
  for (const statement of statements) db.exec(statement)
  db.close()
}

/** Waits until something holds that a server does by itself. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it did not come to be')
}

describe('the command', () => {
  test('refuses unknown actions, formats and options with 2, and an unknown tenant with 4', async () => {
    const { data } = place()
    for (const args of ['--action=burn', '--format=xml', '--nonsense', '--file='])
      expect([args, (await run(data, args)).code]).toEqual([args, 2])
    expect((await run(data, '--tenant=nobody')).code).toBe(4)
  })

  test('sets an empty folder up, prints its lines on standard output, and with --json one document', async () => {
    const { data, at } = place()
    const first = await run(data, '')
    expect([first.code, first.out.split('\n')[0]]).toEqual([0, '[PRESERVATION] Starting user preservation system...'])
    expect(first.out).toContain('[DEFAULT] Created admin user: MP0001\n')
    const second = await run(data, '--json --action=list')
    expect(second.json).toMatchObject({
      action: 'list',
      exitCode: 0,
      generations: [{ records: 4, admins: 1, fieldOfficers: 3, valid: true }],
      records: [],
      totals: { created: 0 },
      defaults: [],
      error: null,
    })
    expect(second.json).not.toHaveProperty('lines')
    const none = await run(data, `--action=restore --json --file=${join(at, 'none.json')}`)
    expect([none.code, none.json]).toEqual([3, expect.objectContaining({ exitCode: 3, source: null })])
    expect(none.err).toContain('[ERROR] Restore failed: ')
    const there = join(at, 'relative.json')
    const file = `${relative(process.cwd(), at)}/x/../relative.json`
    const written = await holdfast(data, ['preserve', '--action=backup', '--file', file, '--json'], { environment })
    expect(written.json.backup).toMatchObject({ path: there })
  })

  test('works beside a running server, whose requests see what it restored', async () => {
    const { data, file } = place()
    const server = await startServer(data, { ...environment, HOLDFAST_MONITOR_SECONDS: '0' })
    expect((await run(data, `--action=restore --file=${file}`)).code).toBe(0)
    expect(await signIn(server.url, 'MGJ00001')).toBe(200)
    await server.stop()
  })

  test('seed satshine makes the four once', async () => {
    const { data } = place()
    const seed = () => holdfast(data, ['seed', 'satshine', '--json'], { environment })
    const first = await seed()
    expect([first.code, first.json.created]).toMatchObject([
      0,
      [
        { employeeId: 'MP0001', role: 'admin' },
        { employeeId: 'MGJ00001', role: 'field_officer' },
        { employeeId: 'MGJ00002' },
        { employeeId: 'MGJ00003' },
      ],
    ])
    expect((await seed()).json).toEqual({
      created: [],
      skipped: ['MP0001', 'MGJ00001', 'MGJ00002', 'MGJ00003'].map((employeeId) => ({ employeeId, reason: 'exists' })),
    })
  })
})

describe('the destructive cases', () => {
  test.each([
    ['a user was lost', ["DELETE FROM users WHERE username = 'MGJ00001'"]],
    [
      'users and what goes with them were lost',
      [
        "DELETE FROM users WHERE username LIKE 'MGJ%'",
        "DELETE FROM employees WHERE employee_id LIKE 'MGJ%'",
        'DELETE FROM credentials WHERE id NOT IN (SELECT id FROM users)',
      ],
    ],
    ['the table was emptied', ['DELETE FROM users', 'DELETE FROM employees', 'DELETE FROM credentials']],
  ])('%s: the server brings everyone back before it is healthy', async (_what, statements) => {
    const { data, file } = place()
    expect((await run(data, `--file=${file}`)).code).toBe(0)
    damage(data, ...statements)
    const server = await startServer(data, { ...environment, HOLDFAST_PERSISTENT_FILE: file })
    for (const id of ['MP0001', 'MGJ00001', 'MGJ00002']) expect([id, await signIn(server.url, id)]).toEqual([id, 200])
    const { out } = await server.stop()
    expect(out).toContain('[RESTORE] Missing users detected, restoring from backup...')
  })

  test('a corrupt file: everyone stays, it is set aside, and a good one takes its place', async () => {
    const { data, file, at } = place()
    expect((await run(data, `--file=${file}`)).code).toBe(0)
    writeFileSync(file, asJson(people).slice(0, 200))
    const server = await startServer(data, { ...environment, HOLDFAST_PERSISTENT_FILE: file })
    expect(await signIn(server.url, 'MGJ00001')).toBe(200)
    await server.stop()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveLength(3)
    expect(readdirSync(at).filter((name) => name.includes('.bad-'))).toHaveLength(1)
  })

  test('a corrupt file beside an empty store: the server starts, says that it failed, and changes no file', async () => {
    const { data, file } = place()
    writeFileSync(file, 'broken')
    const server = await startServer(data, { ...environment, HOLDFAST_PERSISTENT_FILE: file })
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'healthy', preserve: 'failed' })
    expect(readFileSync(file, 'utf8')).toBe('broken')
    const { out } = await server.stop()
    expect(out).toContain('[ERROR] Ensure users failed: ')
  })
})

describe('a running server', () => {
  test('refreshes the file within two seconds after a change, and at a clean stop; sign-ins do not', async () => {
    const { data, file } = place()
    const server = await startServer(data, { ...environment, HOLDFAST_PERSISTENT_FILE: file, HOLDFAST_MONITOR_SECONDS: '0' })
    const { body } = await send(server.url, '/auth/login/', { employee_id: 'MP0001', password: 'Test-Vector-1' })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(readFileSync(file, 'utf8')).toBe(asJson(people))
    const token = String(body.access_token)
    const newcomer = (number: number) => ({ ...aRecord(number), password: 'nine herons over the weir', reporting_manager: 'MP0001' })
    const startedMs = performance.now()
    expect((await send(server.url, '/auth/register/', newcomer(7), token)).status).toBe(201)
    await until(() => readFileSync(file, 'utf8').includes('MGJ00007'))
    expect(performance.now() - startedMs).toBeLessThan(2_500)
    expect((await send(server.url, '/auth/register/', newcomer(8), token)).status).toBe(201)
    const { out } = await server.stop()
    expect(readFileSync(file, 'utf8')).toContain('MGJ00008')
    expect(out).toContain('New user created: MGJ00007, triggering backup')
  })

  test('heals who is missing, and writes a file again that vanished or was damaged', async () => {
    const { data, file, at } = place()
    const server = await startServer(data, { ...environment, HOLDFAST_PERSISTENT_FILE: file, HOLDFAST_MONITOR_SECONDS: '1' })
    damage(data, "DELETE FROM users WHERE username = 'MGJ00002'")
    await until(async () => (await signIn(server.url, 'MGJ00002')) === 200)
    writeFileSync(file, 'broken')
    await until(() => readFileSync(file, 'utf8') !== 'broken' && readdirSync(at).some((name) => name.includes('.bad-')))
    const { out } = await server.stop()
    expect(out).toContain('Missing users detected: 1 admins, 1 field officers')
    expect(out).toContain('After restore: 1 admins, 2 field officers')
    expect(out).toContain('No backup found, creating one...')
  })
})
