import { afterEach, beforeEach, expect, test } from 'vitest'
import { Contact } from '../contact/entity.ts'
import { run, storedPassword, storeOf, userNamed, usersIn } from '../import/testing/run.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { createUser } from '../user/operations.ts'
import { seedVantagepoint } from './vantagepoint.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const seed = (input: { password?: string } = {}) => run(server, seedVantagepoint, input)
const login = (username: string, password: string) => server.send('POST', '/api/v1/auth/login', { body: { username, password } })
const good = 'violet harbour 7 lanterns'

test.each([
  ['short', /12 to 1024/],
  ['password1234', /common/],
  ['the best manager1 words', /must not|does not contain/],
  ['everyone at ACME is in', /contain/],
  ['the sales agent of the year', /contain/],
])('refuses the password %j and writes nothing', async (password, message) => {
  await expect(seed({ password })).rejects.toMatchObject({ code: 'weak_password', message: expect.stringMatching(message) })
  expect(await usersIn(server)).toBe(1)
})

test.each(['Admin', 'manager1', 'AGENT1'])('writes nothing when someone else is called %s', async (username) => {
  await run(server, createUser, { username })
  await expect(seed()).rejects.toMatchObject({ kind: 'conflict', code: 'seed_name_taken', message: expect.stringContaining(username) })
  expect(await usersIn(server)).toBe(2)
  expect(await (await storeOf(server)).count(Contact, {})).toBe(0)
})

test('writes nothing when someone else has one of the addresses', async () => {
  await run(server, createUser, { username: 'other', email: 'Agent1@example.com' })
  await expect(seed()).rejects.toMatchObject({ code: 'seed_name_taken' })
  expect(await usersIn(server)).toBe(2)
})

test('makes three accounts that must change their random passwords', async () => {
  const seeded = await seed()
  expect(seeded).toEqual({
    users: ['admin', 'manager1', 'agent1'].map((username) => ({ username, password: expect.stringMatching(/^[\w-]{24}$/) })),
    leads: 20,
    unassigned: 12,
    already: false,
  })
  expect(new Set(seeded.users.map(({ password }) => password)).size).toBe(3)
  for (const { username, password } of seeded.users) {
    expect(await login(username, 'wrong')).toMatchObject({ status: 401 })
    expect(await login(username, password)).toMatchObject({ status: 403, body: { detail: 'Password change required' } })
    expect(await storedPassword(server, username)).not.toContain(password)
  }
})

test('gives all three the password that the operator chose, unmarked', async () => {
  expect((await seed({ password: good })).users.map(({ password }) => password)).toEqual([good, good, good])
  const answers = await Promise.all(['admin', 'manager1', 'agent1'].map((username) => login(username, good)))
  const users = answers.map(({ body }) => body.user)
  expect(users).toMatchObject([
    { username: 'admin', role: 'admin', full_name: 'System Administrator', email: 'admin@example.com', manager_id: null },
    { username: 'manager1', role: 'manager', full_name: 'Sales Manager', email: 'manager1@example.com', manager_id: null },
    { username: 'agent1', role: 'agent', full_name: 'Sales Agent', email: 'agent1@example.com', manager_id: users[1]?.id },
  ])
})

test('makes twenty leads of scores 81 to 100: eight of the agent, twelve to be handed out', async () => {
  await seed({ password: good })
  const agent = await userNamed(server, 'agent1')
  const { items } = await (await storeOf(server)).list(Contact, { index: 'byLead', limit: 50 })
  expect(items.map(({ score }) => score).sort((a, b) => Number(b) - Number(a))).toEqual(Array.from({ length: 20 }, (_, at) => 100 - at))
  const mine = items.filter(({ ownerId }) => ownerId === agent.id)
  expect(Map.groupBy(mine, ({ leadStatus }) => leadStatus)).toEqual(
    new Map([
      ['new', expect.objectContaining({ length: 4 })],
      ['contacted', expect.objectContaining({ length: 2 })],
      ['qualified', expect.objectContaining({ length: 1 })],
      ['sold', expect.objectContaining({ length: 1 })],
    ]),
  )
  expect(mine.find(({ leadStatus }) => leadStatus === 'sold')).toMatchObject({ closedById: agent.id, closedByName: 'agent1' })
  expect(items.filter(({ handoutSort }) => handoutSort !== null)).toHaveLength(12)
  expect(items.every(({ email }) => email?.endsWith('@example.com'))).toBe(true)
})

test('hands its unassigned leads out to the next agent', async () => {
  await seed({ password: good })
  const token = String((await login('admin', good)).body.access_token)
  const made = await server.send('POST', '/api/v1/users', { token, body: { username: 'agent2', password: 'quiet rivers 9 stones' } })
  expect(made).toMatchObject({ status: 201, body: { leads_assigned: 12 } })
  expect(await seed()).toEqual({ users: [], leads: 20, unassigned: 0, already: true })
})

test('changes nothing the second time', async () => {
  await seed({ password: good })
  const head = await (await storeOf(server)).head()
  expect(await seed({ password: 'other words of mine 1' })).toEqual({ users: [], leads: 20, unassigned: 12, already: true })
  expect(await seed()).toMatchObject({ already: true })
  expect(await (await storeOf(server)).head()).toEqual(head)
})

test('is one commit, whose entry holds no secret', async () => {
  const before = (await (await storeOf(server)).head())?.sequence ?? 0
  await seed({ password: good })
  const entries = await (await storeOf(server)).log(null, before, 10)
  expect(entries).toHaveLength(1)
  expect(entries[0]?.entry).toMatchObject({ action: 'vantagepoint.seed', detail: { users: 3, leads: 20 } })
  expect(JSON.stringify(entries)).not.toContain(good)
})
