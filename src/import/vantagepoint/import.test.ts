import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import type { Surface } from '../../http/route.ts'
import { anonymous } from '../../kernel/context.ts'
import { schemeOf } from '../../session/stored-password.ts'
import { vantagepoint } from '../../surfaces/vantagepoint/routes.ts'
import { surfaces } from '../../surfaces.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'
import { User } from '../../user/entity.ts'
import { run, storedPassword, storeOf, userNamed, usersIn } from '../testing/run.ts'
import { importVantagepoint } from './import.ts'

if (!surfaces.includes(vantagepoint)) (surfaces as Surface[]).push(vantagepoint)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const nothing = { read: 0, imported: 0, skipped: 0, refused: 0 }

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

type Rows = Record<string, unknown>[]
const text = (rows: Rows) => ({ text: rows.map((row) => JSON.stringify(row)).join('\n') })

const bring = (users: Rows | null, leads: Rows | null, options: object = {}) =>
  run(server, importVantagepoint, {
    ...(users === null ? {} : { users: text(users) }),
    ...(leads === null ? {} : { leads: text(leads) }),
    ...options,
  })

const headOf = async () => (await (await storeOf(server)).head())?.sequence
const leadNamed = async (practiceName: string) => {
  const { items } = await (await storeOf(server)).list(Contact, { limit: 200 })
  const [lead, ...more] = items.filter((item) => item.practiceName === practiceName)
  if (lead === undefined || more.length > 0) throw new Error(`${more.length + 1} leads are called ${practiceName}`)
  return lead
}

const user = (id: number, username: string, more: object = {}) => ({ id, username, role: 'agent', ...more })
const lead = (id: number, practice_name: string, more: object = {}) => ({ id, practice_name, ...more })

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

test('signs all old users in with their old passwords, on both doors, and keeps argon2id afterwards', async () => {
  const report = await bring(
    [
      user(5, 'digest', { password_hash: sha256('pâss').toUpperCase() }),
      user(6, 'plain', { password: 'short' }),
      user(7, 'nothing'),
      user(8, 'gone', { password: 'short', is_active: false }),
      user(9, 'Jörg Müller', { password_hash: sha256('summer'), role: 'manager' }),
    ],
    null,
  )
  expect(report).toMatchObject({ users: { imported: 5 }, errors: [] })
  const schemes = async () =>
    Promise.all(['digest', 'plain', 'jörg müller'].map(async (name) => schemeOf((await storedPassword(server, name)) ?? '!')))
  expect(await schemes()).toEqual(['argon2id(sha256)', 'argon2id', 'argon2id(sha256)'])
  expect(await storedPassword(server, 'nothing')).toBeNull()
  for (const [login, password] of [
    ['digest', 'pass'],
    ['digest', sha256('pâss')],
    ['nothing', 'x'],
    ['gone', 'short'],
  ] as const) {
    const answer = await server.send('POST', '/v1/sessions', { body: { login, password }, from: '10.30.0.1' })
    expect(answer.status).toBe(401)
  }
  await server.signIn('digest', 'pâss')
  await server.signIn('plain', 'short')
  const old = await server.send('POST', '/api/v1/auth/login', { body: { username: 'JÖRG MÜLLER', password: 'summer' } })
  expect(old).toMatchObject({ status: 200, body: { user: { id: 9, role: 'manager', username: 'Jörg Müller' } } })
  expect(await schemes()).toEqual(['argon2id', 'argon2id', 'argon2id'])
  await server.signIn('digest', 'pâss')
})

test('never stores a bare digest, and never logs a password', async () => {
  const [digest, password] = [sha256('summer'), 'unmistakable-words']
  await bring([user(5, 'ada', { password_hash: digest }), user(6, 'bob', { password })], null)
  const store = await storeOf(server)
  const entries = await store.log(null, 0, 1000)
  const everything = JSON.stringify(entries)
  expect(everything).not.toContain(digest)
  expect(everything).not.toContain(password)
  expect(entries.at(-1)?.entry).toMatchObject({ action: 'user.import', actor: { kind: 'system' }, detail: { rows: 2 } })
  expect((await storedPassword(server, 'ada'))?.includes(digest)).toBe(false)
})

test('brings leads over as they were, and hands none out', async () => {
  await bring([user(5, 'ada', { role: 'agent', password: 'ada-words' })], null)
  const told: [number, number][] = []
  const report = await bring(
    null,
    [
      lead(7, 'Lakeside <b>', {
        owner_name: 'Dr. Ada',
        status: 'CLOSED_WON',
        priority: 'A+',
        score: 91,
        assigned_user_id: 5,
        assigned_at: '2024-01-02T03:04:05',
        docs_sent: true,
        docs_sent_at: '2024-01-03',
        docs_sent_by: 'ada',
        auto_converted: true,
        conversion_reason: 'docs_sent_and_disposed',
        created_by: 'ADA',
        created_at: '2024-01-01',
        updated_at: '2024-02-01',
      }),
      lead(8, 'Harbor'),
    ],
    { onProgress: (done: number, total: number) => told.push([done, total]) },
  )
  expect(report).toMatchObject({ leads: { imported: 2 }, warnings: [] })
  expect(told).toEqual([[2, 2]])
  const ada = await userNamed(server, 'ada')
  const stored = await leadNamed('Lakeside <b>')
  expect(stored).toMatchObject({ createdById: ada.id, legacyId: 'vantagepoint:7', importId: (await leadNamed('Harbor')).importId })
  const token = await server.signIn('ada', 'ada-words')
  const { body } = await server.send('GET', '/api/v1/leads', { token })
  expect(body.leads).toEqual([
    {
      ...Object.fromEntries(
        [
          'practice_phone',
          'email',
          'address',
          'city',
          'state',
          'zip_code',
          'specialty',
          'ptan',
          'ein_tin',
          'npi',
          'fax',
          'owner_phone',
          'source',
          'lead_type',
        ].map((name) => [name, '']),
      ),
      id: 7,
      practice_name: 'Lakeside ‹b›',
      owner_name: 'Dr. Ada',
      priority: 'high',
      status: 'closed_won',
      score: 91,
      assigned_user_id: 5,
      assigned_at: '2024-01-02T03:04:05.000Z',
      docs_sent: true,
      docs_sent_at: '2024-01-03T00:00:00.000Z',
      docs_sent_by: 'ada',
      closed_at: '2024-02-01T00:00:00.000Z',
      closed_by_user_id: null,
      closed_by_username: '',
      auto_converted: true,
      conversion_reason: 'docs_sent_and_disposed',
      created_by: 'ADA',
      created_at: '2024-01-01T00:00:00.000Z',
      updated_at: '2024-02-01T00:00:00.000Z',
    },
  ] as unknown as Loose)
})

test('brings many over in many commits, managers before their people', async () => {
  const users = Array.from({ length: 230 }, (_, at) =>
    user(230 - at + 1, `user${230 - at}`, at === 229 ? { role: 'manager' } : { manager_id: 2 }),
  )
  const leads = Array.from({ length: 230 }, (_, at) => lead(at + 1, `Practice ${at + 1}`, { assigned_user_id: (at % 230) + 2 }))
  expect(await bring(users, leads)).toMatchObject({ users: { imported: 230 }, leads: { imported: 230 }, warnings: [], errors: [] })
  const store = await storeOf(server)
  const manager = await userNamed(server, 'user1')
  expect(manager.number).toBe(2)
  expect(await store.count(User, { index: 'byManager', where: { managerId: manager.id } })).toBe(229)
  expect(await store.count(Contact, { index: 'byLead' })).toBe(230)
})
