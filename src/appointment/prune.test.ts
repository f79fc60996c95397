import { afterAll, beforeAll, expect, test } from 'vitest'
import { pruneExpired } from '../session/prune.ts'
import { book, follow, nextActivity, offered } from '../surfaces/fsm/testing/appointments.ts'
import { moveClock, stopClock } from '../testing/clock.ts'
import { enter, found, goodPassword, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Appointment, NewestAppointment } from './entity.ts'
import { ttlOf } from './rules.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
  owner = await found(server)
})
afterAll(() => server.close())

test('what nobody booked goes ninety days after its link, what was booked stays, and the activity may have another one', async () => {
  const activity = nextActivity()
  const unbooked = await offered(server, owner, activity)
  const booked = await offered(server, owner)
  await book(server, booked)
  const store = server.holdfast.runtime.storage.tenant(owner.tenantId)
  const rows = async () => [
    await store.get(Appointment, String(unbooked.instanceId)),
    await store.get(Appointment, String(booked.instanceId)),
    await store.count(NewestAppointment, {}),
  ]
  const before = await rows()
  const endMs = ttlOf(Date.parse(String(unbooked.validUntil))) * 1000
  moveClock(server, endMs - server.holdfast.runtime.clock.businessMs() - 1)
  await pruneExpired(server.holdfast.runtime)
  expect(await rows()).toEqual(before)
  moveClock(server, 1)
  await pruneExpired(server.holdfast.runtime)
  expect(await rows()).toEqual([null, before[1], 0])
  expect((await follow(server, unbooked)).status).toBe(404)
  const again = await enter(server, { login: owner.username, password: goodPassword, tenant: owner.tenantId })
  expect((await offered(server, again, activity)).status).toBe('PENDING')
})

test('a pointer whose appointment has gone, as tables that expire rows by themselves leave it, stands in nobody’s way', async () => {
  const by = await enter(server, { login: owner.username, password: goodPassword, tenant: owner.tenantId })
  const activity = nextActivity()
  const first = await offered(server, by, activity)
  const store = server.holdfast.runtime.storage.tenant(owner.tenantId)
  const row = await store.get(Appointment, String(first.instanceId))
  const meta = {
    actor: { id: null, kind: 'system', name: 'system' },
    action: 'test',
    entity: null,
    requestId: null,
    time: String(first.createdAt),
  } as const
  await store.commit([{ op: 'remove', entity: Appointment, id: String(row?.id), expect: 1 }], meta)
  expect((await offered(server, by, activity)).instanceId).not.toBe(first.instanceId)
})

test('time is the business clock’s, also where it stands still', async () => {
  const frozen = await startTestServer({ HOLDFAST_TEST_CLOCK: '2020-02-01T00:00:00+01:00' })
  try {
    const token = await frozen.signIn()
    const made = await offered(frozen, { token })
    expect(made).toMatchObject({
      instanceId: expect.stringMatching(/^inst_1580511600000_/),
      createdAt: '2020-01-31T23:00:00.000Z',
      validFrom: '2020-01-31T23:00:00.000Z',
      validUntil: '2020-03-01T23:00:00.000Z',
    })
    await pruneExpired(frozen.holdfast.runtime)
    expect((await follow(frozen, made)).status).toBe(200)
  } finally {
    await frozen.close()
  }
})
