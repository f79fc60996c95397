import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, found, join, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'
import { defaultPolicy } from './policy.ts'

let server: TestServer
let owner: Person
let admin: Person
let member: Person
let auditor: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  admin = await join(server, owner, { role: 'admin' })
  member = await join(server, owner)
  auditor = await join(server, owner, { role: 'auditor' })
})
afterAll(() => server.close())

const read = async (by: Person) => (await server.send('GET', '/v1/settings/attendance', { token: by.token })).body
const put = (by: Person, body: unknown) => server.send('PUT', '/v1/settings/attendance', { token: by.token, body })

describe('the policy', () => {
  test('is the default while nothing was decided, and everyone may read it', async () => {
    for (const by of [owner, admin, member, auditor]) expect(await read(by)).toEqual({ ...defaultPolicy, version: 1 })
    expect(defaultPolicy).toMatchObject({
      timeZone: 'Asia/Kolkata',
      onTimeUntil: '10:00',
      lateUntil: '13:30',
      halfDayUntil: '15:00',
      checkOutFrom: '18:00',
      checkOutUntil: '23:00',
      weeklyOff: ['sunday'],
      gpsRequired: true,
      maxAccuracyM: 1000,
      radiusM: 500,
      enforceGeofence: false,
    })
    expect(defaultPolicy.dccbs).toHaveLength(18)
  })

  test.each([
    ['no such zone', { timeZone: 'Mars/Olympus' }, 'timeZone'],
    ['an offset for a zone', { timeZone: '+05:30' }, 'timeZone'],
    ['no time of day', { onTimeUntil: '24:00' }, 'onTimeUntil'],
    ['seconds', { onTimeUntil: '10:00:00' }, 'onTimeUntil'],
    ['two times that are the same', { lateUntil: '10:00' }, 'lateUntil'],
    ['times that fall', { checkOutFrom: '14:59' }, 'checkOutFrom'],
    ['no such day', { weeklyOff: ['funday'] }, 'weeklyOff.0'],
    ['a day twice', { weeklyOff: ['sunday', 'sunday'] }, 'weeklyOff'],
    ['no metres', { radiusM: 0 }, 'radiusM'],
    ['a dccb twice', { dccbs: ['SURAT', 'surat'] }, 'dccbs'],
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['too many hours', { offlineHours: 721 }, 'offlineHours'],
    ['a third of a day', { leaveDaysPerYear: { planned: 0.3 } }, 'leaveDaysPerYear.planned'],
    ['an unknown kind of leave', { leaveDaysPerYear: { holiday: 3 } }, 'leaveDaysPerYear'],
    ['a missing part', { timeZone: undefined }, 'timeZone'],
    ['no version', { version: undefined }, 'version'],
  ])('refuses %s', async (_what, wrong, field) => {
    const { status, body } = await put(admin, { ...defaultPolicy, version: 1, ...wrong })
    expect([status, body.code]).toEqual([422, 'validation_failed'])
    expect((body.errors as Loose).map((one) => one.field).join()).toContain(field)
    expect(await read(owner)).toEqual({ ...defaultPolicy, version: 1 })
  })

  test('is written by administrators alone', async () => {
    for (const by of [member, auditor]) expect((await put(by, { ...defaultPolicy, version: 1 })).status).toBe(403)
  })

  test('is replaced by who has seen it, and by one of two who do so at once', async () => {
    const { offlineHours: _hours, leaveDaysPerYear: _days, ...known } = defaultPolicy
    const both = await Promise.all([
      put(admin, { ...known, version: 1, onTimeUntil: '09:30', dccbs: ['Surat', 'RAJKOT'] }),
      put(owner, { ...known, version: 1, onTimeUntil: '09:30', dccbs: ['Surat', 'RAJKOT'] }),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    const stored = { ...defaultPolicy, onTimeUntil: '09:30', dccbs: ['SURAT', 'RAJKOT'], version: 2 }
    expect(await read(member)).toEqual(stored)
    const stale = await put(admin, { ...defaultPolicy, version: 1 })
    expect([stale.status, stale.body.code]).toEqual([409, 'version_conflict'])
    const next = await put(admin, { ...defaultPolicy, version: 2, leaveDaysPerYear: { planned: 12.5 } })
    expect([next.status, next.body.version, next.headers.etag]).toEqual([200, 3, '"3"'])
    expect((await put(admin, { ...known, version: 3 })).body).toMatchObject({ leaveDaysPerYear: { planned: 12.5 }, version: 4 })
  })

  test("is one tenant's", async () => {
    expect(await read(await found(server))).toEqual({ ...defaultPolicy, version: 1 })
  })
})

describe('holidays', () => {
  const add = (by: Person, body: unknown) => server.send('POST', '/v1/holidays', { token: by.token, body })
  const list = async (query = '') =>
    ((await server.send('GET', `/v1/holidays${query}`, { token: member.token })).body.items as Loose).map(({ date, name, dccb }) => [
      date,
      name,
      dccb,
    ])

  test.each([
    ['no date', { name: 'None' }],
    ['a date that there is not', { date: '2027-02-29', name: 'Leap' }],
    ['no name', { date: '2027-01-01', name: ' ' }],
    ['an unknown dccb', { date: '2027-01-01', name: 'New', dccb: 'ATLANTIS' }],
  ])('refuse %s', async (_what, body) => {
    expect((await add(admin, body)).status).toBe(422)
  })

  test('are made and taken back by administrators alone', async () => {
    expect((await add(member, { date: '2027-01-01', name: 'New Year' })).status).toBe(403)
    expect((await server.send('DELETE', '/v1/holidays?date=2027-01-01', { token: auditor.token })).status).toBe(403)
  })

  test('are one a day and dccb', async () => {
    const made = await add(admin, { date: '2027-01-14', name: 'Uttarayan' })
    expect([made.status, made.body.dccb]).toEqual([201, null])
    expect((await add(admin, { date: '2027-01-14', name: 'Uttarayan', dccb: 'surat' })).body).toMatchObject({ dccb: 'SURAT' })
    for (const dccb of [undefined, null, 'SURAT']) {
      const again = await add(admin, { date: '2027-01-14', name: 'Again', dccb })
      expect([again.status, again.body.code]).toEqual([409, 'holiday_taken'])
    }
    const race = await Promise.all([1, 2, 3].map((name) => add(admin, { date: '2027-01-26', name: `Republic ${name}` })))
    expect(race.map(({ status }) => status).sort()).toEqual([201, 409, 409])
  })

  test('are listed by date, and taken back by id or by day', async () => {
    await add(admin, { date: '2027-01-10', name: 'First' })
    expect((await list('?from=2027-01-10&to=2027-01-14')).map(([date]) => date)).toEqual(['2027-01-10', '2027-01-14', '2027-01-14'])
    expect(await list('?dccb=SURAT')).toEqual([['2027-01-14', 'Uttarayan', 'SURAT']])
    const remove = (query: string, body?: unknown) =>
      server.send('DELETE', `/v1/holidays${query}`, { token: admin.token, ...(body === undefined ? {} : { body }) })
    expect((await remove('?date=2027-01-10')).status).toBe(204)
    expect((await remove('?date=2027-01-10')).status).toBe(404)
    expect((await remove('', { date: '2027-01-14', name: 'Uttarayan', dccb: 'SURAT' })).status).toBe(204)
    expect((await remove('/nothing')).status).toBe(404)
    expect((await remove('')).status).toBe(404)
    const [rest] = (await server.send('GET', '/v1/holidays', { token: member.token })).body.items as Loose
    expect((await remove(`/${rest?.id}`)).status).toBe(204)
    expect((await list()).map(([date]) => date)).toEqual(['2027-01-26'])
  })
})
