import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { found, freshAddress, hire } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aCompany, said } from './testing/tenants.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_FSM_OPEN_SETUP: 'on' })
  stopClock(server)
})
afterAll(() => server.close())

const create = (from: string, body: unknown = aCompany(), on = server) => on.send('POST', '/fsm/tenant', { body, from })

describe('while set-up is open', () => {
  test('anyone may create a tenant, a signed-in person too', async () => {
    const made = await create(freshAddress())
    expect([made.status, made.body.message]).toEqual([201, 'Tenant created successfully'])
    const owner = await found(server)
    expect((await server.send('POST', '/fsm/tenant', { token: owner.token, body: aCompany(), from: freshAddress() })).status).toBe(201)
    expect((await server.send('POST', '/fsm/tenant', { headers: { authorization: 'Bearer x.y.z' }, body: aCompany() })).status).toBe(401)
  })

  test('a network has five attempts an hour, whatever becomes of them; a restart does not forget', async () => {
    const from = freshAddress()
    const body = aCompany()
    expect((await create(from, body)).status).toBe(201)
    expect((await create(from, body)).status).toBe(409)
    expect((await create(from, {})).status).toBe(400)
    expect((await server.send('POST', '/fsm/tenant', { raw: '{', from })).status).toBe(400)
    expect((await server.send('POST', '/fsm/tenant', { raw: 'x'.repeat(16_385), from })).status).toBe(413)
    const refused = await create(from)
    expect([refused.status, refused.body.code]).toEqual([429, 'setup_throttled'])
    expect(Number(refused.headers['retry-after'])).toBe(3600)
    const frozen = server.holdfast.runtime.clock.realMs()
    await server.restart()
    Object.assign(server.holdfast.runtime.clock, { realMs: () => frozen, businessMs: () => frozen })
    expect((await create(from)).status).toBe(429)
    expect((await create(freshAddress())).status).toBe(201)
    moveClock(server, 3_599_999)
    expect((await create(from)).headers['retry-after']).toBe('1')
    moveClock(server, 1)
    expect((await create(from)).status).toBe(201)
  })

  test('ten at once win nothing', async () => {
    const from = freshAddress()
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(from)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 201, 201, 429, 429, 429, 429, 429])
  })

  test('staff is not counted', async () => {
    const staff = await hire(server)
    const from = freshAddress()
    for (let time = 0; time < 7; time++)
      expect((await server.send('POST', '/fsm/tenant', { token: staff.token, body: aCompany(), from })).status).toBe(201)
  })

  test('everything else stays closed', async () => {
    const { body } = await create(freshAddress())
    const path = `/fsm/tenant/${body.tenant?.tenantId}`
    for (const [method, url] of [
      ['GET', path],
      ['PUT', path],
      ['PUT', `${path}/secret`],
      ['GET', '/fsm/tenants?accountId=a'],
      ['POST', '/fsm/import'],
    ] as const)
      expect(said(await server.send(method, url, method === 'GET' ? {} : { body: {} }))).toEqual([401, 'Unauthorized'])
  })

  test('what strangers make is in the log of what they made', async () => {
    const { body } = await create(freshAddress())
    const staff = await hire(server)
    const tenant = await server.send('GET', `/v1/tenants/${body.tenant?.tenantId}`, { token: staff.token })
    const [first] = await server.holdfast.runtime.storage.tenant(String(tenant.body.id)).log(null, 0, 1)
    expect(first?.entry).toMatchObject({ action: 'tenant.create', actor: { kind: 'anonymous' } })
  })
})

test('the number of attempts is a setting', async () => {
  const other = await startTestServer({ HOLDFAST_FSM_OPEN_SETUP: 'on', HOLDFAST_FSM_SETUP_PER_HOUR: '1', HOLDFAST_RATE_LIMIT: 'off' })
  const from = freshAddress()
  expect((await create(from, aCompany(), other)).status).toBe(201)
  expect((await create(from, aCompany(), other)).status).toBe(429)
  await other.close()
})

test('the start says that it is on, and only then', async () => {
  const words = /HOLDFAST_FSM_OPEN_SETUP is on/
  const open = await startTestServer({ HOLDFAST_FSM_OPEN_SETUP: 'on', HOLDFAST_LOG_LEVEL: 'info' })
  expect(open.logged.join('')).toMatch(words)
  await open.close()
  const closed = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  expect(closed.logged.join('')).not.toMatch(words)
  await closed.close()
})
