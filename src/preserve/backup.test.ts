import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { found } from '../testing/people.ts'
import { four, openPlace, outcomesOf, saidBy } from './testing/place.ts'
import { aHash, anAdminRecord, aRecord } from './testing/records.ts'

let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  place = await openPlace()
})
beforeEach(() => place.next())
afterAll(() => place.close())

describe('a legacy file', () => {
  test('restored into an empty store and exported is the same bytes', async () => {
    place.write(four())
    const restored = await place.run({ action: 'restore' })
    expect(restored).toMatchObject({
      exitCode: 0,
      totals: { created: 4 },
      source: { format: 'legacy', records: 4 },
      counts: { admins: 1, fieldOfficers: 3 },
    })
    const out = join(place.folder, 'again.json')
    await place.run({ action: 'backup', file: out })
    expect(place.text(out)).toBe(place.text())
    expect(place.text()).toContain('\\u00c5SA')
    expect(statSync(out).mode & 0o777).toBe(0o600)
  })

  test('keeps hashes to the letter until their owner signs in', async () => {
    place.write(four())
    await place.run({ action: 'restore' })
    expect((await place.signIn('MGJ00001', 'Test-Vector-2')).status).toBe(401)
    await place.run({ action: 'backup' })
    expect(JSON.parse(place.text())[1].password).toBe(aHash)
    expect((await place.signIn('MGJ00001', 'Test-Vector-1')).status).toBe(200)
    await place.run({ action: 'backup' })
    expect(JSON.parse(place.text()).map(({ password }: { password: string }) => password.split('$').slice(0, 2))).toEqual([
      ['pbkdf2_sha256', '1000'],
      ['argon2', 'argon2id'],
      ['pbkdf2_sha256', '1000'],
      ['pbkdf2_sha256', '1000'],
    ])
    // both forms open the account elsewhere too
    const elsewhere = await found(place.server)
    await place.run({ action: 'restore' }, elsewhere)
    const body = { employee_id: 'MGJ00001', password: 'Test-Vector-1', tenant: elsewhere.tenantId }
    expect((await place.server.send('POST', '/auth/login/', { body })).status).toBe(200)
  })

  test('has people made here in the zone’s time and an invited one with a hash that opens nothing', async () => {
    await place.run({ file: null })
    await place.run({ action: 'backup' })
    const records = JSON.parse(place.text())
    expect(Object.keys(records[0])).toEqual(Object.keys(aRecord(1)))
    expect(records[0].date_joined).toMatch(/\+05:30$/)
    expect(place.text().endsWith(']')).toBe(true)
  })
})

describe('backing up', () => {
  test('an empty store writes nothing: 0 without a file or with [], else 1', async () => {
    expect(await place.run({ action: 'backup' })).toMatchObject({ exitCode: 0, backup: null })
    expect(existsSync(place.file)).toBe(false)
    place.write('[]')
    expect(await place.run({ action: 'backup' })).toMatchObject({ exitCode: 0, backup: null })
    place.write([aRecord(1)])
    const before = place.text()
    expect(await place.run({ action: 'backup', force: true })).toMatchObject({ exitCode: 1, backup: null })
    place.write('broken')
    expect(await place.run({ action: 'backup' })).toMatchObject({ exitCode: 1, backup: null })
    expect([place.text(), before.length]).toEqual(['broken', before.length])
  })

  test('refuses to replace a backup by less, unless forced, and a forced one takes nothing away', async () => {
    place.write([anAdminRecord(1), aRecord(1)])
    await place.run()
    place.write([...JSON.parse(place.text()), aRecord(2), aRecord(9, { password: 'nonsense' })])
    const before = place.text()
    const refused = await place.run({ action: 'backup', force: false })
    // the place.file was changed outside: what counts is the newest generation, and nobody of that is missing
    expect(refused.rejected[0]?.reason).toBe('changed outside Holdfast')
    expect(refused).toMatchObject({ exitCode: 0, backup: { written: true, records: 2 } })

    const plain = join(place.folder, 'plain.json')
    writeFileSync(plain, before)
    const less = await place.run({ action: 'backup', file: plain })
    expect([less.exitCode, less.error, less.backup]).toEqual([
      1,
      '2 users of the newest backup are missing from the database; run restore first',
      null,
    ])
    expect(saidBy(less)).toEqual(['[ERROR] Backup failed: 2 users of the newest backup are missing from the database; run restore first'])
    expect(place.text(plain)).toBe(before)
    const forced = await place.run({ action: 'backup', file: plain, force: true })
    expect(forced).toMatchObject({ exitCode: 0, backup: { written: true, records: 2 } })
    expect(readdirSync(join(place.file, '..')).filter((name) => /^plain\.json\.\d{8}T/.test(name))).toHaveLength(1)
  })

  test('refuses when the backup has administrators and the store none', async () => {
    place.write([aRecord(1)])
    await place.run({ action: 'restore' })
    const other = join(place.folder, 'other.json')
    place.write([aRecord(1, { role: 'admin' })], other)
    expect(await place.run({ action: 'backup', file: other })).toMatchObject({ exitCode: 1, backup: null })
  })

  test('deleted people are missed by nobody', async () => {
    place.write(four())
    await place.run()
    await place.send('DELETE', '/auth/admin/employees/MGJ00001/')
    expect(await place.run({ action: 'backup' })).toMatchObject({ exitCode: 0, backup: { written: true, records: 3 } })
    expect(JSON.parse(place.text(`${place.file}.manifest.json`)).tombstones).toMatchObject([{ employee_id: 'MGJ00001' }])
    // the older generation still has them: a restore of it into an empty store leaves them deleted
    place.write('cut off')
    const elsewhere = await place.run({ action: 'restore' }, await found(place.server))
    expect(outcomesOf(elsewhere)).toEqual(['created', 'deleted', 'created', 'created'])
  })

  test('says what it did, lists generations, and unchanged content makes no new one', async () => {
    place.write(four())
    const first = await place.run()
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
    const second = await place.run({ action: 'backup' })
    expect(saidBy(second)).toEqual(['[STARTUP] Backed up 4 users to persistent storage', 'Successfully backed up 4 users'])
    expect([second.backup?.written, place.generations()]).toEqual([false, []])
    const manifest = JSON.parse(place.text(`${place.file}.manifest.json`))
    expect(manifest.generations).toMatchObject([
      { name: 'users.json', records: 4, admins: 1, fieldOfficers: 3, sha256: second.backup?.sha256 },
    ])
    expect(statSync(`${place.file}.manifest.json`).mode & 0o777).toBe(0o600)
  })

  test('ten generations stay, the newest first in the list', async () => {
    place.write([anAdminRecord(1)])
    await place.run()
    for (let number = 1; number <= 12; number++) {
      await place.send('PUT', '/auth/admin/employees/MP0001/update/', { last_name: `Nair ${number}` })
      expect((await place.run({ action: 'backup' })).backup?.written).toBe(true)
    }
    expect(place.generations()).toHaveLength(9)
    const { generations: listed } = await place.run({ action: 'list' })
    expect(listed).toHaveLength(10)
    expect(listed.map(({ name }) => name)).toEqual(['users.json', ...place.generations().reverse()])
    expect(listed.every(({ valid }) => valid)).toBe(true)
    const manifest = JSON.parse(place.text(`${place.file}.manifest.json`))
    expect(manifest.generations.map(({ name }: { name: string }) => name).sort()).toEqual(['users.json', ...place.generations()].sort())
    for (const name of place.generations()) expect(statSync(join(place.file, '..', name)).mode & 0o777).toBe(0o600)
  })
})

describe('ensuring', () => {
  test('a tenant that never had anyone gets the four, whose passwords must be changed', async () => {
    const report = await place.run({ file: null })
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
    expect((await place.signIn('MP0001', report.defaults[0]?.password ?? '')).body.must_change_password).toBe(true)
    const again = await place.run({ file: null })
    expect(again).toMatchObject({ exitCode: 0, defaults: [], backup: { written: false } })
    expect(saidBy(again)[2]).toBe('[CHECK] All users present, no restore needed')
  })

  test('files that are all invalid never lead to defaults', async () => {
    place.write('broken')
    const report = await place.run()
    expect(report).toMatchObject({ exitCode: 3, defaults: [], backup: null, counts: { admins: 0, fieldOfficers: 0 } })
    expect(saidBy(report).at(-1)).toMatch(/^\[ERROR\] Ensure users failed: No valid backup found \(1 set aside\)/)
    expect(place.text()).toBe('broken')
  })

  test('an invalid file is replaced where everyone is there', async () => {
    place.write(four())
    await place.run()
    place.write('broken')
    const report = await place.run()
    expect(report).toMatchObject({ exitCode: 0, backup: { written: true, records: 4 } })
    expect(JSON.parse(place.text())).toHaveLength(4)
    expect(place.badFiles()).toHaveLength(1)
  })

  test('a file that was changed outside is no source, unless forced', async () => {
    place.write([aRecord(1)])
    await place.run()
    place.write([aRecord(1), aRecord(2)])
    expect(await place.run({ action: 'restore' })).toMatchObject({ exitCode: 3, rejected: [{ reason: 'changed outside Holdfast' }] })
    expect(await place.run({ action: 'restore', force: true })).toMatchObject({ exitCode: 0, totals: { created: 1, existing: 1 } })
  })

  test('two at once are one after the other, and one of them creates', async () => {
    place.write(four())
    const reports = await Promise.all([place.run(), place.run(), place.run()])
    expect(reports.map(({ totals }) => totals.created).sort()).toEqual([0, 0, 4])
    expect(reports.every(({ exitCode }) => exitCode === 0)).toBe(true)
  })
})

test('a tenant’s own file is sealed for it, and opens for nobody else', async () => {
  await place.run({ file: null })
  const at = (id: string) => join(place.server.folder, 'persistent', id, 'employees.sealed')
  expect(place.text(at(place.tenant.tenantId))).toMatch(/^hfs1\./)
  expect(place.text(at(place.tenant.tenantId))).not.toMatch(/argon2|MGJ/)
  const other = await found(place.server)
  await place.run({ file: null }, other)
  writeFileSync(at(other.tenantId), readFileSync(at(place.tenant.tenantId)))
  const report = await place.run({ file: null, action: 'restore' }, other)
  expect(report).toMatchObject({ exitCode: 3, rejected: [{ reason: expect.stringMatching(/cannot be opened/) }] })
})
