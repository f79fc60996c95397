import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import { schemeOf } from '../../session/stored-password.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'
import { User } from '../../user/entity.ts'
import { bring as bringTo, oldLead as lead, leadNamed as leadOf, oldUser as user } from '../testing/old-installation.ts'
import { storedPassword, storeOf, userNamed } from '../testing/run.ts'

type Rows = Record<string, unknown>[]
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const bring = (users: Rows | null, leads: Rows | null, options: object = {}) =>
  bringTo(server, { ...(users === null ? {} : { users }), ...(leads === null ? {} : { leads }) }, options)
const leadNamed = (name: string) => leadOf(server, name)

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
