import { afterAll, beforeAll, expect, test } from 'vitest'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { found, freshAddress, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { base, book, follow, offered, said } from './testing/appointments.ts'

let server: TestServer
let owner: Person & { key: string }
let made: Record<string, string>

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
  owner = await found(server)
  made = await offered(server, owner)
})
afterAll(() => server.close())

let count = 0
const unknown = () => `nobody${String(++count).padStart(26, '0')}`
const guess = (from: string, on = server) => on.send('GET', `${base}/token/${unknown()}`, { from })

test('a network has twenty unknown tokens a minute, in whatever way; a known one goes on', async () => {
  const from = freshAddress()
  for (let time = 0; time < 10; time++) {
    expect((await guess(from)).status).toBe(404)
    expect((await server.send('PUT', `${base}/token/${time % 2 === 0 ? unknown() : 'short'}`, { from, body: { other: 1 } })).status).toBe(
      404,
    )
  }
  for (const refused of [await guess(from), await server.send('PUT', `${base}/token/${unknown()}`, { from, body: {} })]) {
    expect([refused.status, refused.body.code, refused.body.success]).toEqual([429, 'token_misses', false])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
  }
  expect((await follow(server, made, from)).status).toBe(200)
  expect((await server.send('PUT', `${base}/token/${made.customerAccessToken}`, { from, body: { customerName: 'Iris' } })).status).toBe(200)
  expect((await guess(freshAddress())).status).toBe(404)
  // a restart does not forget
  await server.restart()
  stopClock(server)
  expect((await guess(from)).status).toBe(429)
  moveClock(server, 61_000)
  expect((await guess(from)).status).toBe(404)
})

test('many at once win nothing, and an IPv6 /64 is one network', async () => {
  const network = '2001:db8:5:6:'
  const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => guess(`${network}:${at + 1}`)))
  expect(answers.filter(({ status }) => status === 404)).toHaveLength(20)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(10)
})

test('neither a link that is over nor a good one counts, and a refused miss is not told', async () => {
  const from = freshAddress()
  moveClock(server, 31 * 86_400_000)
  for (let time = 0; time < 25; time++) expect(said(await follow(server, made, from))[0]).toBe(410)
  const actions = await actionsOf(server, async () => {
    for (let time = 0; time < 25; time++) await guess(from)
  })
  expect(actions).toEqual(Array.from({ length: 20 }, () => 'token.miss'))
  expect((await book(server, made)).status).toBe(410)
})

test('guesses at the tokens that set passwords are counted apart', async () => {
  const from = freshAddress()
  const body = { token: 'nobody', newPassword: 'another long passphrase' }
  for (let time = 0; time < 20; time++) await server.send('POST', '/v1/password-resets', { from, body })
  expect((await server.send('POST', '/v1/password-resets', { from, body })).status).toBe(429)
  expect((await guess(from)).status).toBe(404)
})

test('how many is a setting of its own, which the limit of requests does not touch', async () => {
  const strict = await startTestServer({ HOLDFAST_FSM_TOKEN_MISSES_PER_MINUTE: '2', HOLDFAST_RATE_LIMIT: 'off' })
  try {
    const from = freshAddress()
    const statuses: number[] = []
    for (let time = 0; time < 4; time++) statuses.push((await guess(from, strict)).status)
    expect(statuses).toEqual([404, 404, 429, 429])
  } finally {
    await strict.close()
  }
})
