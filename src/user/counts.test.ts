import { afterAll, beforeAll, expect, test } from 'vitest'
import { daysAfter, localTime, midnightAfter } from '../policy/time.ts'
import { moveClock } from '../testing/clock.ts'
import { attempt, enter, enterOwner, found, goodPassword, invite, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const counts = async (by: Person, query = '') => (await server.send('GET', `/v1/users/counts${query}`, { token: by.token })).body
const realMs = () => server.holdfast.runtime.clock.realMs()
const renew = async (person: Person): Promise<Person> => {
  const { status, body } = await server.send('POST', '/v1/sessions/refresh', { body: { refreshToken: person.refreshToken } })
  expect(status).toBe(200)
  return { ...person, token: String(body.accessToken), refreshToken: String(body.refreshToken) }
}

test.each(['?days=0', '?days=91', '?days=x', '?days=1.5', '?people=1'])('refused: %s', async (query) => {
  const answer = await server.send('GET', `/v1/users/counts${query}`, { token: owner.token })
  expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
})

test('refused: a stranger', async () => {
  expect((await server.send('GET', '/v1/users/counts')).status).toBe(401)
})

test('a person counts once a day, however often and at once they sign in; who only was made does not count', async () => {
  const boss = await found(server)
  const before = await counts(boss)
  expect(before).toMatchObject({ users: 1, active: 1, activeToday: 1 })
  const person = await join(server, boss)
  await invite(server, boss, {})
  const answers = await Promise.all([1, 2, 3, 4].map(() => attempt(server, { login: person.username, password: goodPassword })))
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201])
  await renew(person)
  expect(await counts(boss)).toMatchObject({ users: 3, active: 3, activeToday: 2 })
  await server.send('DELETE', `/v1/users/${person.id}`, { token: boss.token })
  expect(await counts(boss)).toMatchObject({ users: 3, active: 2, activeToday: 2 })
  // another tenant's people are its own
  const stranger = await found(server)
  expect(await counts(stranger)).toMatchObject({ users: 1, active: 1, activeToday: 1 })
})

test('whoever reaches less counts within that, and is told no days', async () => {
  const boss = await found(server)
  const manager = await join(server, boss, { role: 'manager' })
  const member = await join(server, boss, { managerId: manager.id })
  await join(server, boss)
  expect(await counts(manager)).toEqual({ users: 2, active: 2, activeToday: 2, days: [] })
  expect(await counts(member)).toEqual({ users: 1, active: 1, activeToday: 1, days: [] })
  expect((await counts(boss)).activeToday).toBe(4)
})

test('a day ends at midnight of the tenant: until then nobody counts twice, from then on whoever stays signed in counts again', async () => {
  const boss = await found(server)
  const timeZone = 'Asia/Kathmandu'
  const { body: policy } = await server.send('GET', '/v1/settings/attendance', { token: boss.token })
  expect((await server.send('PUT', '/v1/settings/attendance', { token: boss.token, body: { ...policy, timeZone } })).status).toBe(200)
  // whoever was counted until another zone's midnight is so until then
  moveClock(server, 86_400_000)
  let person = await enter(server, { login: boss.username, password: goodPassword, tenant: null })
  const other = await join(server, person)
  const date = localTime(realMs(), timeZone).date
  expect(await counts(person, '?days=2')).toMatchObject({
    activeToday: 2,
    days: [{ date: daysAfter(date, -1) }, { date, active: 2 }],
  })
  moveClock(server, midnightAfter(realMs(), timeZone) - realMs() - 60_000)
  person = await renew(person)
  expect((await counts(person)).activeToday).toBe(2)
  moveClock(server, midnightAfter(realMs(), timeZone) - realMs())
  person = await renew(person)
  expect(await counts(person, '?days=2')).toMatchObject({
    activeToday: 1,
    days: [
      { date, active: 2 },
      { date: daysAfter(date, 1), active: 1 },
    ],
  })
  await renew(other)
  expect((await counts(person)).activeToday).toBe(2)
  expect((await counts(person)).days).toHaveLength(30)
})
