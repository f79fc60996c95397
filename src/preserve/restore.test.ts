import { createHash } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { actionsOf } from '../testing/log.ts'
import { found } from '../testing/people.ts'
import { four, openPlace, outcomesOf, saidBy } from './testing/place.ts'
import { aRecord } from './testing/records.ts'

let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  place = await openPlace()
})
beforeEach(() => place.next())
afterAll(() => place.close())

describe('restoring', () => {
  test('without any file, or with none that is valid, ends with 3 and changes nothing', async () => {
    const none = await place.run({ action: 'restore' })
    expect([none.exitCode, saidBy(none)[0]]).toEqual([3, 'No backup file found'])
    for (const [bad, index] of [
      ['', 1],
      ['[]', 2],
      ['{"a":1}', 3],
      ['[1,2]', 4],
      ['[{"employee_id":', 5],
      ['null', 6],
    ] as const) {
      place.write(bad)
      const actions = await actionsOf(place.server, async () => {
        const report = await place.run({ action: 'restore' })
        expect([bad, report.exitCode, saidBy(report)[0]]).toEqual([bad, 3, 'No valid backup found (1 set aside)'])
        expect(report.error).not.toBeNull()
      })
      expect(actions).toEqual([])
      expect(place.text()).toBe(bad)
      expect(place.badFiles()).toHaveLength(index)
    }
  })

  test('sets an invalid file aside once, under its digest', async () => {
    place.write('broken')
    const digest = createHash('sha256').update('broken').digest('hex').slice(0, 12)
    for (let times = 0; times < 2; times++)
      expect((await place.run({ action: 'restore' })).rejected).toEqual([
        { path: place.file, reason: 'is not JSON', keptAs: `${place.file}.bad-${digest}` },
      ])
    expect(place.text(`${place.file}.bad-${digest}`)).toBe('broken')
    expect(statSync(`${place.file}.bad-${digest}`).mode & 0o777).toBe(0o600)
  })

  test('tells what becomes of every record, and a rejected one stops no other', async () => {
    place.write([aRecord(1)])
    await place.run({ action: 'restore' })
    place.write([
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
    const report = await place.run({ action: 'restore' })
    expect(outcomesOf(report)).toEqual([
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
    expect((await place.send('GET', '/auth/admin/employees/MGJ00001/')).body.employee).toMatchObject({ first_name: 'ASHA' })
    expect(JSON.stringify(report)).not.toContain('pbkdf2')
  })

  test('is one commit with its totals and the digest of the file, and no secret', async () => {
    place.write(four())
    expect(await actionsOf(place.server, () => place.run({ action: 'restore' }))).toEqual(['preserve.restore'])
    const { body, text: audit } = await place.send('GET', '/v1/audit?action=preserve.restore')
    expect(body.items).toHaveLength(1)
    expect(audit).not.toContain('pbkdf2')
    const store = place.server.holdfast.runtime.storage.tenant(place.tenant.tenantId)
    const head = await store.head()
    const [entry] = (await store.log(null, 0, 1000)).filter((one) => one.entry.action === 'preserve.restore')
    expect(entry?.entry.detail).toMatchObject({ file: createHash('sha256').update(place.text()).digest('hex'), totals: { created: 4 } })
    expect(head).not.toBeNull()
    expect(await actionsOf(place.server, () => place.run({ action: 'restore' }))).toEqual([])
  })

  test('links managers when everyone is in, whatever the order', async () => {
    place.write([
      aRecord(1, { reporting_manager: 'mgj00003' }),
      aRecord(2, { reporting_manager: 'asha  mehta 1' }),
      aRecord(3, { reporting_manager: 'ASHA MEHTA 2' }),
    ])
    const { records } = await place.run({ action: 'restore' })
    // the last one would close the circle
    expect(records.map(({ managerEmployeeId }) => managerEmployeeId)).toEqual(['MGJ00003', 'MGJ00001', null])
  })

  test('leaves the deleted deleted, unless asked for them: then it is the same user with the same password', async () => {
    place.write(four())
    await place.run({ action: 'restore' })
    const { body } = await place.send('GET', '/v1/users?q=mgj00001')
    await place.send('DELETE', '/auth/admin/employees/MGJ00001/')
    expect(outcomesOf(await place.run({ action: 'restore' }))).toEqual(['existing', 'deleted', 'existing', 'existing'])
    expect((await place.signIn('MGJ00001', 'Test-Vector-1')).status).toBe(401)
    const revived = await place.run({ action: 'restore', includeDeleted: true })
    expect(outcomesOf(revived)).toEqual(['existing', 'created', 'existing', 'existing'])
    expect((await place.send('GET', '/v1/users?q=mgj00001')).body.items[0]?.id).toBe(body.items[0]?.id)
    expect((await place.signIn('MGJ00001', 'Test-Vector-1')).status).toBe(200)
  })

  test('takes the newest valid generation, else the next older, and says which', async () => {
    place.write([aRecord(1)])
    await place.run()
    await place.send('PUT', '/auth/admin/employees/MGJ00001/update/', { first_name: 'Later' })
    await place.run({ action: 'backup' })
    expect(place.generations()).toHaveLength(1)
    place.write('cut off')
    const report = await place.run({ action: 'restore' }, await found(place.server))
    expect(report.source?.path).toBe(join(place.file, '..', place.generations()[0] ?? ''))
    expect(saidBy(report)[0]).toBe(`[RESTORE] Restoring from ${place.generations()[0]}`)
    expect(report).toMatchObject({ exitCode: 0, totals: { created: 1 } })
  })
})

describe('the other forms', () => {
  test('eleven keys with password_hash and role_level', async () => {
    const { password, role, is_staff: _1, is_superuser: _2, date_joined: _3, username: _4, ...rest } = aRecord(1)
    place.write([{ ...rest, password_hash: password, role_level: 'mt' }])
    const report = await place.run({ action: 'restore' })
    expect(report).toMatchObject({ exitCode: 0, source: { format: 'list11' }, totals: { created: 1 } })
    expect(role).toBe('field_officer')
    expect((await place.signIn('MGJ00001', 'Test-Vector-1')).status).toBe(200)
  })

  test('the newest set of a folder, or the set that a file belongs to', async () => {
    const set = join(place.folder, 'sets')
    mkdirSync(set)
    place.write([aRecord(1)], join(set, 'users_20250101_000000.json'))
    place.write([aRecord(2)], join(set, 'users_20260101_000000.json'))
    place.write('broken', join(set, 'users_20270101_000000.json'))
    const newest = await place.run({ action: 'restore', file: set })
    expect(newest).toMatchObject({
      source: { format: 'set', path: join(set, 'users_20260101_000000.json') },
      rejected: [{ reason: 'is not JSON' }],
    })
    const older = await place.run({ action: 'restore', file: join(set, 'users_20250101_000000.json') })
    expect(older).toMatchObject({ source: { format: 'set' }, totals: { created: 1 } })
    const refused = await place.run({ action: 'backup', file: set })
    expect([refused.exitCode, refused.error]).toEqual([1, expect.stringMatching(/set of files/)])
  })

  test('a dump of the framework, by key and by natural key', async () => {
    const { employee_id } = aRecord(1)
    place.write([
      { model: 'authe.customuser', pk: 7, fields: aRecord(1) },
      { model: 'sessions.session', pk: 'x', fields: {} },
      { model: 'authe.attendance', pk: 1, fields: { user: 7, date: '2024-02-01', status: 'present' } },
      { model: 'authe.leaverequest', pk: 2, fields: { user: [employee_id], leave_type: 'planned' } },
    ])
    const report = await place.run({ action: 'restore' })
    expect(report).toMatchObject({ source: { format: 'dump', records: 1 }, totals: { created: 1 } })
    expect(saidBy(report)).toContain('[RESTORE] Ignored 1 objects of other models')
  })

  test('the full form: its checksum, its version, ids, deletions', async () => {
    place.write(four())
    await place.run({ action: 'restore' })
    await place.send('DELETE', '/auth/admin/employees/MGJ00003/')
    const full = join(place.folder, 'full.json')
    const made = await place.run({ action: 'backup', file: full, format: 'full' })
    const document = JSON.parse(place.text(full))
    const { sha256: own, ...rest } = document
    expect(own).toBe(sha256(canonical(rest as Json)))
    expect(document).toMatchObject({
      format: 'holdfast-preserve',
      version: 1,
      tenant: place.tenant.tenantId,
      counts: { users: 3, admins: 1, fieldOfficers: 2 },
      tombstones: [{ employee_id: 'MGJ00003' }],
    })
    expect(made.backup).toMatchObject({ written: true, records: 3 })
    const ids = document.users.map(({ id }: { id: string }) => id)

    for (const [change, reason] of [
      [{ ...document, tenant: 'x' }, 'does not have its checksum'],
      [{ ...document, version: 2 }, 'is of a version that is not known'],
    ] as const) {
      const other = join(place.folder, `full${reason.length}.json`)
      place.write(change, other)
      expect((await place.run({ action: 'restore', file: other })).rejected[0]?.reason).toBe(reason)
    }

    const elsewhere = await found(place.server)
    const restored = await place.run({ action: 'restore', file: full }, elsewhere)
    expect(restored).toMatchObject({ exitCode: 0, totals: { created: 3 } })
    const { body } = await place.server.send('GET', '/v1/users', { token: elsewhere.token })
    expect(body.items.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
    const taken = await place.server.send('POST', '/auth/register/', {
      token: elsewhere.token,
      body: { ...aRecord(3), password: 'nine herons over the weir', email: '' },
    })
    expect([taken.status, taken.body.message]).toEqual([409, 'Employee ID belongs to a deleted employee'])
  })
})
