import { afterEach, beforeEach, expect, test } from 'vitest'
import { run, storeOf, userNamed, usersIn } from '../import/testing/run.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { User } from '../user/entity.ts'
import { createUser } from '../user/operations.ts'
import { seedUsers } from './users.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

test.each([0, -1, 1.5, 100_001])('refuses to make %d users', async (users) => {
  await expect(run(server, seedUsers, { users })).rejects.toMatchObject({ code: 'validation_failed' })
})

test('takes nobody for an invented user who is not', async () => {
  const { users } = await run(server, seedUsers, { users: 1 })
  const [first] = users
  await server.close()
  server = await startTestServer()
  await run(server, createUser, { username: first?.username ?? '' })
  await expect(run(server, seedUsers, { users: 1 })).rejects.toMatchObject({ code: 'seed_name_taken' })
  expect(await usersIn(server)).toBe(2)
})

test('makes invented users in teams, whose passwords must be changed', async () => {
  const { created, users } = await run(server, seedUsers, {})
  expect(created).toEqual({ user: 20 })
  expect(users).toHaveLength(20)
  const rows = await Promise.all(users.map(({ username }) => userNamed(server, username)))
  expect(rows.map(({ role }) => role).filter((role) => role === 'manager')).toHaveLength(2)
  expect(rows.slice(1, 10).every(({ managerId }) => managerId === rows[0]?.id)).toBe(true)
  expect(rows.slice(11).every(({ managerId }) => managerId === rows[10]?.id)).toBe(true)
  const token = await server.signIn(users[0]?.username, users[0]?.password)
  expect(await server.send('GET', '/v1/users', { token })).toMatchObject({ status: 403, body: { code: 'password_change_required' } })
})

test('makes nobody twice, and more when more are wanted', async () => {
  await run(server, seedUsers, { users: 15 })
  const head = await (await storeOf(server)).head()
  expect(await run(server, seedUsers, { users: 15 })).toEqual({ created: { user: 0 }, users: [] })
  expect(await (await storeOf(server)).head()).toEqual(head)
  expect((await run(server, seedUsers, { users: 25 })).created).toEqual({ user: 10 })
  expect(await usersIn(server)).toBe(26)
})

test('gives a large crowd no passwords, and says how far it is', async () => {
  const told: [number, number][] = []
  const report = await run(server, seedUsers, { users: 1001, onProgress: (done: number, total: number) => told.push([done, total]) })
  expect(report).toEqual({ created: { user: 1001 }, users: [] })
  expect(told.at(-1)).toEqual([1001, 1001])
  const store = await storeOf(server)
  expect(await store.count(User, { index: 'byRole', where: { role: 'manager' } })).toBe(101)
})
