import { afterEach, beforeEach, expect, test } from 'vitest'
import { anonymous } from '../../kernel/context.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { bring as bringTo, oldLead as lead, leadNamed as leadOf, oldUser as user } from '../testing/old-installation.ts'
import { run, storedPassword, storeOf, userNamed, usersIn } from '../testing/run.ts'
import { importVantagepoint } from './import.ts'

type Rows = Record<string, unknown>[]
const nothing = { read: 0, imported: 0, skipped: 0, refused: 0 }

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const bring = (users: Rows | null, leads: Rows | null, options: object = {}) =>
  bringTo(server, { ...(users === null ? {} : { users }), ...(leads === null ? {} : { leads }) }, options)
const leadNamed = (name: string) => leadOf(server, name)
const headOf = async () => (await (await storeOf(server)).head())?.sequence

test('refuses to run without a file, and for anyone who is not the operator', async () => {
  await expect(bring(null, null)).rejects.toMatchObject({ code: 'import_source' })
  const admin = { ...anonymous, kind: 'user', role: 'admin', tenantId: (await storeOf(server)).tenantId } as const
  await expect(run(server, importVantagepoint, { users: { file: '/etc/hostname' } }, admin)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(bring([{ id: 1 }], null, { leads: { file: '/absent.json' } })).rejects.toMatchObject({ code: 'import_source' })
})

test('writes nothing with any error, and says every one of them', async () => {
  const head = await headOf()
  const report = await bring(
    [user(5, 'ada'), user(6, ''), user(7, 'bob', { role: 'king' }), user(8, 'OWNER'), user(5, 'eve')],
    [lead(1, 'Lakeside'), lead(2, ' '), lead(3, 'Harbor', { status: 'odd' })],
  )
  expect(report).toEqual({
    dryRun: false,
    users: { read: 5, imported: 0, skipped: 0, refused: 4 },
    leads: { read: 3, imported: 0, skipped: 0, refused: 2 },
    renumbered: { users: [], leads: [] },
    warnings: [],
    errors: [
      { file: 'users', row: 2, message: 'username is required' },
      { file: 'users', row: 3, message: 'role must be admin, manager or agent' },
      { file: 'users', row: 4, message: 'username is already held by someone else' },
      { file: 'users', row: 5, message: 'id is also that of row 1' },
      { file: 'leads', row: 2, message: 'practice_name is required' },
      { file: 'leads', row: 3, message: 'status is none that is known' },
    ],
  })
  expect(await headOf()).toBe(head)
})

test('refuses all who bear a name that differs in case only', async () => {
  const rows = [user(5, 'Anna'), user(6, 'bob'), user(7, 'anna'), user(8, 'eve'), user(9, 'eve')]
  const report = await bring(rows, null)
  expect(report.errors).toEqual([
    { file: 'users', row: 1, message: 'username is that of row 3 too, but for upper and lower case' },
    { file: 'users', row: 3, message: 'username is that of row 1 too, but for upper and lower case' },
    { file: 'users', row: 4, message: 'username is that of row 5 too' },
    { file: 'users', row: 5, message: 'username is that of row 4 too' },
  ])
  expect(await bring(rows, null, { skipInvalid: true })).toMatchObject({ users: { read: 5, imported: 1, skipped: 0, refused: 4 } })
  expect(await usersIn(server)).toBe(2)
})

test('leaves out bad rows when asked to, and references to them', async () => {
  const report = await bring(
    [user(5, 'ada', { manager_id: 6 }), user(6, 'max', { role: 'boss' }), user(7, 'bob')],
    [lead(1, 'Lakeside', { assigned_user_id: 6, assigned_at: '2024-01-01' }), lead(2, ''), lead(3, 'Harbor', { assigned_user_id: 7 })],
    { skipInvalid: true },
  )
  expect(report).toMatchObject({ users: { imported: 2, refused: 1 }, leads: { imported: 2, refused: 1 } })
  expect(report.errors).toHaveLength(2)
  expect(report.warnings).toEqual([
    { file: 'users', row: 1, message: expect.stringContaining('manager_id names no user') },
    { file: 'leads', row: 1, message: expect.stringContaining('assigned_user_id names no user') },
  ])
  expect(await leadNamed('Lakeside')).toMatchObject({ ownerId: null, assignedAt: null })
  expect(await leadNamed('Harbor')).toMatchObject({ ownerId: (await userNamed(server, 'bob')).id })
})

test('keeps free ids, gives the others the next number above all, and references follow', async () => {
  expect((await userNamed(server, 'owner')).number).toBe(1)
  const users = [
    user(1, 'root', { role: 'admin' }),
    user(9, 'agent', { manager_id: 4 }),
    user(4, 'boss', { role: 'manager', manager_id: 0 }),
    { username: 'noid', role: 'agent', manager_id: '1' },
  ]
  const leads = [
    lead(3, 'Lakeside', { assigned_user_id: 9, closed_by_user_id: 1, status: 'sold' }),
    lead(17, 'Harbor', { assigned_user_id: 4 }),
  ]
  const dry = await bring(users, leads, { dryRun: true })
  const report = await bring(users, leads)
  expect(report).toEqual({
    dryRun: false,
    users: { read: 4, imported: 4, skipped: 0, refused: 0 },
    leads: { read: 2, imported: 2, skipped: 0, refused: 0 },
    renumbered: { users: [{ from: 1, to: 10 }], leads: [] },
    warnings: [],
    errors: [],
  })
  expect(dry).toEqual({ ...report, dryRun: true })
  const [root, agent, boss, noid] = await Promise.all(['root', 'agent', 'boss', 'noid'].map((name) => userNamed(server, name)))
  expect([root, agent, boss, noid].map((one) => one?.number)).toEqual([10, 9, 4, 11])
  expect([agent?.managerId, boss?.managerId, noid?.managerId]).toEqual([boss?.id, null, root?.id])
  expect(await leadNamed('Lakeside')).toMatchObject({ number: 3, ownerId: agent?.id, closedById: root?.id, closedByName: 'root' })
  const store = await storeOf(server)
  expect([await store.next('user'), await store.next('contact')]).toEqual([12, 18])
})

test('renumbers leads whose ids the tenant has', async () => {
  await bring(null, [{ practice_name: 'First' }, { practice_name: 'Second' }])
  expect((await leadNamed('Second')).number).toBe(2)
  const report = await bring(null, [lead(2, 'Third'), lead(5, 'Fourth')])
  expect(report.renumbered.leads).toEqual([{ from: 2, to: 6 }])
  expect([(await leadNamed('Third')).number, (await leadNamed('Fourth')).number]).toEqual([6, 5])
})

test('never takes a user who has only the same number for the one who is meant', async () => {
  const report = await bring(null, [lead(1, 'Lakeside', { assigned_user_id: 1, closed_by_user_id: 'x' })])
  expect(report.warnings).toEqual([
    { file: 'leads', row: 1, message: 'assigned_user_id names no user of the files or of the installation; it is left empty' },
    { file: 'leads', row: 1, message: 'closed_by_user_id names no user of the files or of the installation; it is left empty' },
  ])
  expect(await leadNamed('Lakeside')).toMatchObject({ ownerId: null, closedById: null })
})

test('imports again and again: passes over what it knows, overwrites nothing, and finds people of earlier runs', async () => {
  const users = [user(5, 'ada', { password: 'first words' }), { username: 'noid', role: 'agent' }]
  const leads = [lead(1, 'Lakeside'), { practice_name: 'Twin' }, { practice_name: 'Twin' }, { practice_name: 'Other' }]
  expect(await bring(users, leads)).toMatchObject({ users: { imported: 2 }, leads: { imported: 4 } })
  const [head, password] = [await headOf(), await storedPassword(server, 'ada')]
  expect(await bring([user(5, 'ada', { password: 'other words', full_name: 'New' }), ...users.slice(1)], leads)).toEqual({
    dryRun: false,
    users: { read: 2, imported: 0, skipped: 2, refused: 0 },
    leads: { read: 4, imported: 0, skipped: 4, refused: 0 },
    renumbered: { users: [], leads: [] },
    warnings: [],
    errors: [],
  })
  expect(await headOf()).toBe(head)
  expect(await storedPassword(server, 'ada')).toBe(password)
  expect(await userNamed(server, 'ada')).toMatchObject({ fullName: null })
  expect(await bring(null, [lead(9, 'Late', { assigned_user_id: 5 })])).toMatchObject({ leads: { imported: 1 }, warnings: [] })
  expect(await leadNamed('Late')).toMatchObject({ ownerId: (await userNamed(server, 'ada')).id })
  expect((await bring([user(5, 'somebody.else')], null)).warnings).toEqual([
    { file: 'users', row: 1, message: 'is skipped: this id was imported before, under another username' },
  ])
})

test('warns of a file that is one page of several', async () => {
  const page = { Items: [user(5, 'ada'), user(6, 'bob')], LastEvaluatedKey: { id: { N: '6' } } }
  const report = await run(server, importVantagepoint, { users: { text: JSON.stringify(page) } })
  expect(report).toMatchObject({
    users: { imported: 2 },
    warnings: [{ file: 'users', row: 2, message: expect.stringContaining('more follow') }],
  })
})

test('passes over the counter, and counts it nowhere', async () => {
  expect(await bring([{ id: 0, next: 99 }], [{ id: { N: '0' }, next_id: { N: '99' } }, lead(1, 'Lakeside')])).toMatchObject({
    users: nothing,
    leads: { read: 1, imported: 1, skipped: 0, refused: 0 },
    errors: [],
  })
})

test('leaves out nobody for an address that two share, and opens circles of managers', async () => {
  const report = await bring(
    [
      user(5, 'ada', { email: 'office@x.org', manager_id: 6 }),
      user(6, 'bob', { email: 'Office@x.org', manager_id: 7 }),
      user(7, 'eve', { manager_id: 5 }),
      user(8, 'max', { manager_id: 8 }),
    ],
    null,
  )
  expect(report).toMatchObject({ users: { imported: 4 }, errors: [] })
  expect(report.warnings.map(({ row, message }) => [row, message])).toEqual([
    [2, 'email is that of another user; it is left empty'],
    [3, 'manager_id closes a circle; it is left empty'],
    [4, 'manager_id names the user; it is left empty'],
  ])
  const [ada, bob, eve, max] = await Promise.all(['ada', 'bob', 'eve', 'max'].map((name) => userNamed(server, name)))
  expect([ada?.managerId, bob?.managerId, eve?.managerId, max?.managerId]).toEqual([bob?.id, eve?.id, null, null])
  expect([ada?.email, bob?.email]).toEqual(['office@x.org', null])
})
