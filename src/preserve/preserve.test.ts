import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { actionsOf } from '../testing/log.ts'
import { asSystem, found } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { runPreserve } from './operations.ts'
import type { Report } from './report.ts'
import { aHash, anAdminRecord, aRecord, freshFolder } from './testing/records.ts'

let server: TestServer
const { folder, remove } = freshFolder()
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(async () => {
  await server.close()
  remove()
})

let count = 0
let file: string
let tenant: { tenantId: string; token: string }
beforeEach(async () => {
  file = join(folder, `${++count}`, 'users.json')
  mkdirSync(join(folder, `${count}`))
  tenant = await found(server)
})

type Given = { action?: string; file?: string | null; format?: string; includeDeleted?: boolean; force?: boolean }
const run = async (given: Given = {}, at = tenant): Promise<Report> =>
  asSystem<Report>(server, runPreserve, { action: 'ensure', file, ...given }, at.tenantId)
const saidBy = ({ lines }: Report): string[] => lines.map(({ text }) => text)
const asciiJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
const write = (value: unknown, to = file): void => writeFileSync(to, typeof value === 'string' ? value : asciiJson(value))
const text = (path = file): string => readFileSync(path, 'utf8')
const outcomes = ({ records }: Report): string[] => records.map(({ outcome }) => outcome)
const send = (method: string, path: string, body?: unknown) =>
  server.send(method, path, { token: tenant.token, ...(body === undefined ? {} : { body }) })
const signIn = (employee_id: string, password: string) =>
  server.send('POST', '/auth/login/', { body: { employee_id, password, tenant: tenant.tenantId }, from: `10.3.${count}.1` })
const four = () => [
  anAdminRecord(1),
  aRecord(1),
  aRecord(2, { first_name: 'ÅSA', reporting_manager: 'RAVI MEHTA 1' }),
  aRecord(3, { email: '', is_active: false }),
]
const generations = () =>
  readdirSync(join(file, '..'))
    .filter((name) => /^users\.json\.\d{8}T/.test(name))
    .sort()
const badFiles = () => readdirSync(join(file, '..')).filter((name) => name.includes('.bad-'))

describe('a legacy file', () => {
  test('restored into an empty store and exported is the same bytes', async () => {
    write(four())
    const restored = await run({ action: 'restore' })
    expect(restored).toMatchObject({
      exitCode: 0,
      totals: { created: 4 },
      source: { format: 'legacy', records: 4 },
      counts: { admins: 1, fieldOfficers: 3 },
    })
    const out = join(folder, `${count}`, 'again.json')
    await run({ action: 'backup', file: out })
    expect(text(out)).toBe(text())
    expect(text()).toContain('\\u00c5SA')
    expect(statSync(out).mode & 0o777).toBe(0o600)
  })

  test('keeps hashes to the letter until their owner signs in', async () => {
    write(four())
    await run({ action: 'restore' })
    expect((await signIn('MGJ00001', 'Test-Vector-2')).status).toBe(401)
    await run({ action: 'backup' })
    expect(JSON.parse(text())[1].password).toBe(aHash)
    expect((await signIn('MGJ00001', 'Test-Vector-1')).status).toBe(200)
    await run({ action: 'backup' })
    expect(JSON.parse(text()).map(({ password }: { password: string }) => password.split('$').slice(0, 2))).toEqual([
      ['pbkdf2_sha256', '1000'],
      ['argon2', 'argon2id'],
      ['pbkdf2_sha256', '1000'],
      ['pbkdf2_sha256', '1000'],
    ])
    // both forms open the account elsewhere too
    const elsewhere = await found(server)
    await run({ action: 'restore' }, elsewhere)
    const body = { employee_id: 'MGJ00001', password: 'Test-Vector-1', tenant: elsewhere.tenantId }
    expect((await server.send('POST', '/auth/login/', { body })).status).toBe(200)
  })

  test('has people made here in the zone’s time and an invited one with a hash that opens nothing', async () => {
    await run({ file: null })
    await run({ action: 'backup' })
    const records = JSON.parse(text())
    expect(Object.keys(records[0])).toEqual(Object.keys(aRecord(1)))
    expect(records[0].date_joined).toMatch(/\+05:30$/)
    expect(text().endsWith(']')).toBe(true)
  })
})

describe('restoring', () => {
  test('without any file, or with none that is valid, ends with 3 and changes nothing', async () => {
    const none = await run({ action: 'restore' })
    expect([none.exitCode, saidBy(none)[0]]).toEqual([3, 'No backup file found'])
    for (const [bad, index] of [
      ['', 1],
      ['[]', 2],
      ['{"a":1}', 3],
      ['[1,2]', 4],
      ['[{"employee_id":', 5],
      ['null', 6],
    ] as const) {
      write(bad)
      const actions = await actionsOf(server, async () => {
        const report = await run({ action: 'restore' })
        expect([bad, report.exitCode, saidBy(report)[0]]).toEqual([bad, 3, 'No valid backup found (1 set aside)'])
        expect(report.error).not.toBeNull()
      })
      expect(actions).toEqual([])
      expect(text()).toBe(bad)
      expect(badFiles()).toHaveLength(index)
    }
  })

  test('sets an invalid file aside once, under its digest', async () => {
    write('broken')
    const digest = createHash('sha256').update('broken').digest('hex').slice(0, 12)
    for (let times = 0; times < 2; times++)
      expect((await run({ action: 'restore' })).rejected).toEqual([{ path: file, reason: 'is not JSON', keptAs: `${file}.bad-${digest}` }])
    expect(text(`${file}.bad-${digest}`)).toBe('broken')
    expect(statSync(`${file}.bad-${digest}`).mode & 0o777).toBe(0o600)
  })

  test('tells what becomes of every record, and a rejected one stops no other', async () => {
    write([aRecord(1)])
    await run({ action: 'restore' })
    write([
      aRecord(1, { first_name: 'CHANGED' }),
      aRecord(2),
      aRecord(3, { contact_number: '9876500001' }),
      aRecord(4, { contact_number: '9876500002' }),
      aRecord(5, { email: 'OFFICER1@example.org' }),
      aRecord(6, { email: 'officer2@example.org' }),
      aRecord(7, { password: 'nonsense' }),
      'nobody',
      aRecord(8, { dccb: 'ATLANTIS' }),
      aRecord(2, { contact_number: '9000000002', email: '' }),
    ])
    const report = await run({ action: 'restore' })
    expect(outcomes(report)).toEqual([
      'existing',
      'created',
      'conflict',
      'conflict',
      'conflict',
      'conflict',
      'invalid',
      'invalid',
      'created',
      'conflict',
    ])
    expect(report.records.map(({ message }) => message ?? null).slice(2, 7)).toEqual([
      'contact_number is held by MGJ00001',
      'contact_number is that of MGJ00002, an earlier record',
      'email is held by MGJ00001',
      'email is that of MGJ00002, an earlier record',
      'password is no password hash that can be verified',
    ])
    expect(report.records.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(report.records[8]?.warnings).toEqual(['dccb is not one of the policy'])
    expect(report).toMatchObject({ exitCode: 1, totals: { created: 2, existing: 1, conflict: 5, invalid: 2, deleted: 0 } })
    expect(saidBy(report)).toContain('[RESTORE] Created user: MGJ00002')
    expect(saidBy(report).at(-1)).toBe('[RESTORE] Restored 2 users from backup')
    expect((await send('GET', '/auth/admin/employees/MGJ00001/')).body.employee).toMatchObject({ first_name: 'ASHA' })
    expect(JSON.stringify(report)).not.toContain('pbkdf2')
  })

  test('is one commit with its totals and the digest of the file, and no secret', async () => {
    write(four())
    expect(await actionsOf(server, () => run({ action: 'restore' }))).toEqual(['preserve.restore'])
    const { body, text: audit } = await send('GET', '/v1/audit?action=preserve.restore')
    expect(body.items).toHaveLength(1)
    expect(audit).not.toContain('pbkdf2')
    const store = server.holdfast.runtime.storage.tenant(tenant.tenantId)
    const head = await store.head()
    const [entry] = (await store.log(null, 0, 1000)).filter((one) => one.entry.action === 'preserve.restore')
    expect(entry?.entry.detail).toMatchObject({ file: createHash('sha256').update(text()).digest('hex'), totals: { created: 4 } })
    expect(head).not.toBeNull()
    expect(await actionsOf(server, () => run({ action: 'restore' }))).toEqual([])
  })

  test('links managers when everyone is in, whatever the order', async () => {
    write([
      aRecord(1, { reporting_manager: 'mgj00003' }),
      aRecord(2, { reporting_manager: 'asha  mehta 1' }),
      aRecord(3, { reporting_manager: 'ASHA MEHTA 2' }),
    ])
    const { records } = await run({ action: 'restore' })
    // the last one would close the circle
    expect(records.map(({ managerEmployeeId }) => managerEmployeeId)).toEqual(['MGJ00003', 'MGJ00001', null])
  })

  test('leaves the deleted deleted, unless asked for them: then it is the same user with the same password', async () => {
    write(four())
    await run({ action: 'restore' })
    const { body } = await send('GET', '/v1/users?q=mgj00001')
    await send('DELETE', '/auth/admin/employees/MGJ00001/')
    expect(outcomes(await run({ action: 'restore' }))).toEqual(['existing', 'deleted', 'existing', 'existing'])
    expect((await signIn('MGJ00001', 'Test-Vector-1')).status).toBe(401)
    const revived = await run({ action: 'restore', includeDeleted: true })
    expect(outcomes(revived)).toEqual(['existing', 'created', 'existing', 'existing'])
    expect((await send('GET', '/v1/users?q=mgj00001')).body.items[0]?.id).toBe(body.items[0]?.id)
    expect((await signIn('MGJ00001', 'Test-Vector-1')).status).toBe(200)
  })

  test('takes the newest valid generation, else the next older, and says which', async () => {
    write([aRecord(1)])
    await run()
    await send('PUT', '/auth/admin/employees/MGJ00001/update/', { first_name: 'Later' })
    await run({ action: 'backup' })
    expect(generations()).toHaveLength(1)
    write('cut off')
    const report = await run({ action: 'restore' }, await found(server))
    expect(report.source?.path).toBe(join(file, '..', generations()[0] ?? ''))
    expect(saidBy(report)[0]).toBe(`[RESTORE] Restoring from ${generations()[0]}`)
    expect(report).toMatchObject({ exitCode: 0, totals: { created: 1 } })
  })
})

describe('the other forms', () => {
  test('eleven keys with password_hash and role_level', async () => {
    const { password, role, is_staff: _1, is_superuser: _2, date_joined: _3, username: _4, ...rest } = aRecord(1)
    write([{ ...rest, password_hash: password, role_level: 'mt' }])
    const report = await run({ action: 'restore' })
    expect(report).toMatchObject({ exitCode: 0, source: { format: 'list11' }, totals: { created: 1 } })
    expect(role).toBe('field_officer')
    expect((await signIn('MGJ00001', 'Test-Vector-1')).status).toBe(200)
  })

  test('the newest set of a folder, or the set that a file belongs to', async () => {
    const set = join(folder, `${count}`, 'sets')
    mkdirSync(set)
    write([aRecord(1)], join(set, 'users_20250101_000000.json'))
    write([aRecord(2)], join(set, 'users_20260101_000000.json'))
    write('broken', join(set, 'users_20270101_000000.json'))
    const newest = await run({ action: 'restore', file: set })
    expect(newest).toMatchObject({
      source: { format: 'set', path: join(set, 'users_20260101_000000.json') },
      rejected: [{ reason: 'is not JSON' }],
    })
    const older = await run({ action: 'restore', file: join(set, 'users_20250101_000000.json') })
    expect(older).toMatchObject({ source: { format: 'set' }, totals: { created: 1 } })
    const refused = await run({ action: 'backup', file: set })
    expect([refused.exitCode, refused.error]).toEqual([1, expect.stringMatching(/set of files/)])
  })

  test('a dump of the framework, by key and by natural key', async () => {
    const { employee_id } = aRecord(1)
    write([
      { model: 'authe.customuser', pk: 7, fields: aRecord(1) },
      { model: 'sessions.session', pk: 'x', fields: {} },
      { model: 'authe.attendance', pk: 1, fields: { user: 7, date: '2024-02-01', status: 'present' } },
      { model: 'authe.leaverequest', pk: 2, fields: { user: [employee_id], leave_type: 'planned' } },
    ])
    const report = await run({ action: 'restore' })
    expect(report).toMatchObject({ source: { format: 'dump', records: 1 }, totals: { created: 1 } })
    expect(saidBy(report)).toContain('[RESTORE] Ignored 1 objects of other models')
  })

  test('the full form: its checksum, its version, ids, deletions', async () => {
    write(four())
    await run({ action: 'restore' })
    await send('DELETE', '/auth/admin/employees/MGJ00003/')
    const full = join(folder, `${count}`, 'full.json')
    const made = await run({ action: 'backup', file: full, format: 'full' })
    const document = JSON.parse(text(full))
    const { sha256: own, ...rest } = document
    expect(own).toBe(sha256(canonical(rest as Json)))
    expect(document).toMatchObject({
      format: 'holdfast-preserve',
      version: 1,
      tenant: tenant.tenantId,
      counts: { users: 3, admins: 1, fieldOfficers: 2 },
      tombstones: [{ employee_id: 'MGJ00003' }],
    })
    expect(made.backup).toMatchObject({ written: true, records: 3 })
    const ids = document.users.map(({ id }: { id: string }) => id)

    for (const [change, reason] of [
      [{ ...document, tenant: 'x' }, 'does not have its checksum'],
      [{ ...document, version: 2 }, 'is of a version that is not known'],
    ] as const) {
      const other = join(folder, `${count}`, `full${reason.length}.json`)
      write(change, other)
      expect((await run({ action: 'restore', file: other })).rejected[0]?.reason).toBe(reason)
    }

    const elsewhere = await found(server)
    const restored = await run({ action: 'restore', file: full }, elsewhere)
    expect(restored).toMatchObject({ exitCode: 0, totals: { created: 3 } })
    const { body } = await server.send('GET', '/v1/users', { token: elsewhere.token })
    expect(body.items.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
    const taken = await server.send('POST', '/auth/register/', {
      token: elsewhere.token,
      body: { ...aRecord(3), password: 'nine herons over the weir', email: '' },
    })
    expect([taken.status, taken.body.message]).toEqual([409, 'Employee ID belongs to a deleted employee'])
  })
})

describe('backing up', () => {
  test('an empty store writes nothing: 0 without a file or with [], else 1', async () => {
    expect(await run({ action: 'backup' })).toMatchObject({ exitCode: 0, backup: null })
    expect(existsSync(file)).toBe(false)
    write('[]')
    expect(await run({ action: 'backup' })).toMatchObject({ exitCode: 0, backup: null })
    write([aRecord(1)])
    const before = text()
    expect(await run({ action: 'backup', force: true })).toMatchObject({ exitCode: 1, backup: null })
    write('broken')
    expect(await run({ action: 'backup' })).toMatchObject({ exitCode: 1, backup: null })
    expect([text(), before.length]).toEqual(['broken', before.length])
  })

  test('refuses to replace a backup by less, unless forced, and a forced one takes nothing away', async () => {
    write([anAdminRecord(1), aRecord(1)])
    await run()
    write([...JSON.parse(text()), aRecord(2), aRecord(9, { password: 'nonsense' })])
    const before = text()
    const refused = await run({ action: 'backup', force: false })
    // the file was changed outside: what counts is the newest generation, and nobody of that is missing
    expect(refused.rejected[0]?.reason).toBe('changed outside Holdfast')
    expect(refused).toMatchObject({ exitCode: 0, backup: { written: true, records: 2 } })

    const plain = join(folder, `${count}`, 'plain.json')
    writeFileSync(plain, before)
    const less = await run({ action: 'backup', file: plain })
    expect([less.exitCode, less.error, less.backup]).toEqual([
      1,
      '2 users of the newest backup are missing from the database; run restore first',
      null,
    ])
    expect(saidBy(less)).toEqual(['[ERROR] Backup failed: 2 users of the newest backup are missing from the database; run restore first'])
    expect(text(plain)).toBe(before)
    const forced = await run({ action: 'backup', file: plain, force: true })
    expect(forced).toMatchObject({ exitCode: 0, backup: { written: true, records: 2 } })
    expect(readdirSync(join(file, '..')).filter((name) => /^plain\.json\.\d{8}T/.test(name))).toHaveLength(1)
  })

  test('refuses when the backup has administrators and the store none', async () => {
    write([aRecord(1)])
    await run({ action: 'restore' })
    const other = join(folder, `${count}`, 'other.json')
    write([aRecord(1, { role: 'admin' })], other)
    expect(await run({ action: 'backup', file: other })).toMatchObject({ exitCode: 1, backup: null })
  })

  test('deleted people are missed by nobody', async () => {
    write(four())
    await run()
    await send('DELETE', '/auth/admin/employees/MGJ00001/')
    expect(await run({ action: 'backup' })).toMatchObject({ exitCode: 0, backup: { written: true, records: 3 } })
    expect(JSON.parse(text(`${file}.manifest.json`)).tombstones).toMatchObject([{ employee_id: 'MGJ00001' }])
    // the older generation still has them: a restore of it into an empty store leaves them deleted
    write('cut off')
    const elsewhere = await run({ action: 'restore' }, await found(server))
    expect(outcomes(elsewhere)).toEqual(['created', 'deleted', 'created', 'created'])
  })

  test('says what it did, lists generations, and unchanged content makes no new one', async () => {
    write(four())
    const first = await run()
    expect(saidBy(first)).toEqual([
      '[PRESERVATION] Starting user preservation system...',
      '[CHECK] Current DB: 0 field officers, 0 admins',
      '[RESTORE] Missing users detected, restoring from backup...',
      '[RESTORE] Created user: MP0001',
      '[RESTORE] Created user: MGJ00001',
      '[RESTORE] Created user: MGJ00002',
      '[RESTORE] Created user: MGJ00003',
      '[RESTORE] Restored 4 users from backup',
      '[STARTUP] Backed up 4 users to persistent storage',
      '[FINAL] System ready: 3 field officers, 1 admins',
    ])
    expect(first.backup).toMatchObject({ written: false })
    const second = await run({ action: 'backup' })
    expect(saidBy(second)).toEqual(['[STARTUP] Backed up 4 users to persistent storage', 'Successfully backed up 4 users'])
    expect([second.backup?.written, generations()]).toEqual([false, []])
    const manifest = JSON.parse(text(`${file}.manifest.json`))
    expect(manifest.generations).toMatchObject([
      { name: 'users.json', records: 4, admins: 1, fieldOfficers: 3, sha256: second.backup?.sha256 },
    ])
    expect(statSync(`${file}.manifest.json`).mode & 0o777).toBe(0o600)
  })

  test('ten generations stay, the newest first in the list', async () => {
    write([anAdminRecord(1)])
    await run()
    for (let number = 1; number <= 12; number++) {
      await send('PUT', '/auth/admin/employees/MP0001/update/', { last_name: `Nair ${number}` })
      expect((await run({ action: 'backup' })).backup?.written).toBe(true)
    }
    expect(generations()).toHaveLength(9)
    const { generations: listed } = await run({ action: 'list' })
    expect(listed).toHaveLength(10)
    expect(listed.map(({ name }) => name)).toEqual(['users.json', ...generations().reverse()])
    expect(listed.every(({ valid }) => valid)).toBe(true)
    const manifest = JSON.parse(text(`${file}.manifest.json`))
    expect(manifest.generations.map(({ name }: { name: string }) => name).sort()).toEqual(['users.json', ...generations()].sort())
    for (const name of generations()) expect(statSync(join(file, '..', name)).mode & 0o777).toBe(0o600)
  })
})

describe('ensuring', () => {
  test('a tenant that never had anyone gets the four, whose passwords must be changed', async () => {
    const report = await run({ file: null })
    expect(saidBy(report)).toEqual([
      '[PRESERVATION] Starting user preservation system...',
      '[CHECK] Current DB: 0 field officers, 0 admins',
      '[RESTORE] No backup file found, creating default users...',
      '[DEFAULT] Created admin user: MP0001',
      '[DEFAULT] Created field officer: MGJ00001',
      '[DEFAULT] Created field officer: MGJ00002',
      '[DEFAULT] Created field officer: MGJ00003',
      '[STARTUP] Backed up 4 users to persistent storage',
      '[FINAL] System ready: 3 field officers, 1 admins',
    ])
    expect(report.defaults.map(({ employeeId, password }) => [employeeId, password.length >= 16])).toEqual([
      ['MP0001', true],
      ['MGJ00001', true],
      ['MGJ00002', true],
      ['MGJ00003', true],
    ])
    expect((await signIn('MP0001', report.defaults[0]?.password ?? '')).body.must_change_password).toBe(true)
    const again = await run({ file: null })
    expect(again).toMatchObject({ exitCode: 0, defaults: [], backup: { written: false } })
    expect(saidBy(again)[2]).toBe('[CHECK] All users present, no restore needed')
  })

  test('files that are all invalid never lead to defaults', async () => {
    write('broken')
    const report = await run()
    expect(report).toMatchObject({ exitCode: 3, defaults: [], backup: null, counts: { admins: 0, fieldOfficers: 0 } })
    expect(saidBy(report).at(-1)).toMatch(/^\[ERROR\] Ensure users failed: No valid backup found \(1 set aside\)/)
    expect(text()).toBe('broken')
  })

  test('an invalid file is replaced where everyone is there', async () => {
    write(four())
    await run()
    write('broken')
    const report = await run()
    expect(report).toMatchObject({ exitCode: 0, backup: { written: true, records: 4 } })
    expect(JSON.parse(text())).toHaveLength(4)
    expect(badFiles()).toHaveLength(1)
  })

  test('a file that was changed outside is no source, unless forced', async () => {
    write([aRecord(1)])
    await run()
    write([aRecord(1), aRecord(2)])
    expect(await run({ action: 'restore' })).toMatchObject({ exitCode: 3, rejected: [{ reason: 'changed outside Holdfast' }] })
    expect(await run({ action: 'restore', force: true })).toMatchObject({ exitCode: 0, totals: { created: 1, existing: 1 } })
  })

  test('two at once are one after the other, and one of them creates', async () => {
    write(four())
    const reports = await Promise.all([run(), run(), run()])
    expect(reports.map(({ totals }) => totals.created).sort()).toEqual([0, 0, 4])
    expect(reports.every(({ exitCode }) => exitCode === 0)).toBe(true)
  })
})

test('a tenant’s own file is sealed for it, and opens for nobody else', async () => {
  await run({ file: null })
  const at = (id: string) => join(server.folder, 'persistent', id, 'employees.sealed')
  expect(text(at(tenant.tenantId))).toMatch(/^hfs1\./)
  expect(text(at(tenant.tenantId))).not.toMatch(/argon2|MGJ/)
  const other = await found(server)
  await run({ file: null }, other)
  writeFileSync(at(other.tenantId), readFileSync(at(tenant.tenantId)))
  const report = await run({ file: null, action: 'restore' }, other)
  expect(report).toMatchObject({ exitCode: 3, rejected: [{ reason: expect.stringMatching(/cannot be opened/) }] })
})
