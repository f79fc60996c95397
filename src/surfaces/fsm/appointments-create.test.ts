import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Appointment } from '../../appointment/entity.ts'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { enter, found, goodPassword, hire, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import {
  amendAppointment,
  base,
  book,
  change,
  data,
  nextActivity,
  offer,
  offered,
  said,
  stored,
  toLinkEnd,
} from './testing/appointments.ts'

let server: TestServer
let owner: Person & { key: string }
let member: Person
let staff: Person

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_PUBLIC_URL: 'https://crm.example.org/' })
  stopClock(server)
  owner = await found(server, '4711_1')
  member = await join(server, owner)
  staff = await hire(server)
})
afterAll(() => server.close())

const post = (body: unknown, by: { token: string } = member, query = '') => server.send('POST', base + query, { token: by.token, body })
const instancesOf = (answer: Awaited<ReturnType<typeof post>>) => data(answer).instances as unknown as Record<string, unknown>[]
const rowsOf = (tenantId: string) => server.holdfast.runtime.storage.tenant(tenantId).count(Appointment, {})
const long = (length: number) => 'x'.repeat(length)

describe('what is refused, and leaves nothing', () => {
  test.each<[unknown, string, string]>([
    [{}, 'Activities array is required', 'Activities array is required'],
    [{ activities: null }, 'Activities array is required', 'Activities array is required'],
    [{ activities: 'ACT-1' }, 'Activities array is required', 'Activities array is required'],
    [{ activities: { id: 'a' } }, 'Activities array is required', 'Activities array is required'],
    [{ activities: [] }, 'Activities array is required', 'Activities array is required'],
    [
      { activities: Array.from({ length: 101 }, nextActivity).map((id) => ({ id })) },
      'Invalid appointment request',
      'activities: must be at most 100',
    ],
    [{ activities: [{}] }, 'Invalid appointment request', 'activities.0.id: is required'],
    [{ activities: [{ id: null }] }, 'Invalid appointment request', 'activities.0.id: is required'],
    [{ activities: [{ id: ' ' }] }, 'Invalid appointment request', 'activities.0.id: must not be blank'],
    [{ activities: [{ id: 7 }] }, 'Invalid appointment request', 'activities.0.id: '],
    [{ activities: ['ACT-1'] }, 'Invalid appointment request', 'activities.0: '],
    [{ activities: [{ id: long(2001) }] }, 'Invalid appointment request', 'activities.0.id: must be at most 2000 characters'],
    [{ activities: [{ id: 'a' }, { id: 'b', subject: long(2001) }] }, 'Invalid appointment request', 'activities.1.subject: must be'],
    [{ activities: [{ id: 'a', equipment: { address: long(2001) } }] }, 'Invalid appointment request', 'activities.0.equipment.address: '],
    [{ activities: [{ id: 'a', object: 'SC-77' }] }, 'Invalid appointment request', 'activities.0.object: '],
    [{ activities: [{ id: 'a', status: 1 }] }, 'Invalid appointment request', 'activities.0.status: '],
    [{ activities: [{ id: 'a' }], activityIds: ['b'] }, 'Invalid appointment request', 'activityIds: must be the ids of the activities'],
    [{ activities: [{ id: 'a' }], activityIds: [] }, 'Invalid appointment request', 'activityIds: must be the ids'],
    [{ activities: [{ id: 'a' }], activityIds: ['a', 'b'] }, 'Invalid appointment request', 'activityIds: must be the ids'],
    [{ activities: [{ id: 'a' }, { id: 'b' }], activityIds: ['a'] }, 'Invalid appointment request', 'activityIds: must be the ids'],
    [{ activities: [{ id: 'a' }], activityIds: 'a' }, 'Invalid appointment request', 'activityIds: '],
    [{ activities: [{ id: 'a' }], extra: 1 }, 'Invalid appointment request', 'extra: is not a known field'],
    [{ activities: [{ id: 'a' }], tenantId: '4711_1' }, 'Invalid appointment request', 'tenantId: is not a known field'],
    [[], 'Invalid JSON', 'The body must be a JSON object.'],
    ['text', 'Invalid JSON', 'The body must be a JSON object.'],
  ])('%j: 400', async (body, title, detail) => {
    const before = await rowsOf(owner.tenantId)
    const answer = await post(body)
    expect(said(answer)).toEqual([400, title])
    expect(answer.body).toMatchObject({ success: false, title, error: title })
    expect(answer.body.message).toEqual(answer.body.detail)
    expect(String(answer.body.detail)).toContain(detail)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(await rowsOf(owner.tenantId)).toBe(before)
  })

  test('malformed JSON: 400 Invalid JSON', async () => {
    expect(said(await server.send('POST', base, { token: member.token, raw: '{"activities":' }))).toEqual([400, 'Invalid JSON'])
  })

  test('a stranger: 401; an auditor: 403, which is in the log', async () => {
    const stranger = await server.send('POST', base, { body: { activities: [{ id: 'a' }] } })
    expect([stranger.status, stranger.body.success]).toEqual([401, false])
    const auditor = await join(server, owner, { role: 'auditor' })
    const actions = await actionsOf(server, async () => {
      const answer = await post({ activities: [{ id: 'a' }] }, auditor)
      expect([answer.status, answer.body.success]).toEqual([403, false])
    })
    expect(actions).toEqual(['access.denied'])
    const operator = await hire(server, 'platform_operator')
    expect((await post({ activities: [{ id: 'a' }] }, operator, '?tenantId=4711_1')).status).toBe(403)
  })

  test('another tenant, whether it exists or not: 403', async () => {
    const other = await found(server)
    for (const name of [other.key, other.tenantId, 'nobody_1', ''])
      expect((await post({ activities: [{ id: 'a' }] }, member, `?tenantId=${name}`)).status).toBe(name === '' ? 400 : 403)
    expect(await rowsOf(other.tenantId)).toBe(0)
  })

  test('staff without a tenant: 400; with one that is not there: 404', async () => {
    expect(said(await post({ activities: [{ id: 'a' }] }, staff))).toEqual([400, 'Invalid appointment request'])
    expect(said(await post({ activities: [{ id: 'a' }] }, staff, '?tenantId=nobody_1'))).toEqual([404, 'Tenant not found'])
  })

  test('all or nothing: one bad activity among many makes none', async () => {
    const before = await rowsOf(owner.tenantId)
    expect((await post({ activities: [{ id: nextActivity() }, { id: nextActivity() }, { id: '' }] })).status).toBe(400)
    expect(await rowsOf(owner.tenantId)).toBe(before)
  })

  test('a body over 1 MiB: 413, one just within is read', async () => {
    const around = (bytes: number) => {
      const frame = JSON.stringify({ activities: [{ id: 'big', pad: '' }], activityIds: ['other'] })
      return frame.replace('"pad":""', `"pad":"${long(bytes - frame.length)}"`)
    }
    expect((await server.send('POST', base, { token: member.token, raw: around(1024 * 1024 + 1) })).status).toBe(413)
    expect((await server.send('POST', base, { token: member.token, raw: around(1024 * 1024) })).status).toBe(400)
  })
})

describe('a new appointment', () => {
  test('is pending for thirty days, has a link of its own, and null for what was not said', async () => {
    const id = nextActivity()
    const { nowMs, now } = {
      nowMs: server.holdfast.runtime.clock.businessMs(),
      now: new Date(server.holdfast.runtime.clock.businessMs()).toISOString(),
    }
    const answer = await post({ activities: [{ id }], activityIds: [id] })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ success: true, data: { instances: [expect.anything()] }, totalCreated: 1 })
    const [instance] = instancesOf(answer)
    expect(instance).toEqual({
      tenantId: '4711_1',
      instanceId: expect.stringMatching(new RegExp(`^inst_${nowMs}_[A-Za-z0-9]{12}$`)),
      customerAccessToken: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
      customerUrl: `https://crm.example.org/booking/${instance?.customerAccessToken}`,
      validFrom: now,
      validUntil: new Date(nowMs + 30 * 86_400_000).toISOString(),
      status: 'PENDING',
      createdAt: now,
      updatedAt: now,
      fsmActivity: {
        id,
        code: null,
        subject: null,
        status: null,
        businessPartner: null,
        object: null,
        equipment: null,
        serviceCallId: null,
        serviceCallNumber: null,
      },
      customerBooking: { status: 'draft' },
    })
    expect(answer.headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/\\d+$`))
  })

  test('keeps every part that was said, and passes over what it does not know', async () => {
    const id = nextActivity()
    const parts = {
      code: '2041',
      subject: 'Yearly inspection',
      status: 'OPEN',
      businessPartner: 'Elm Street Dental',
      object: { objectId: 'SC-77', objectType: 'SERVICECALL' },
      equipment: { code: 'EQ-9', name: 'Compressor', address: long(2000) },
      serviceCallId: 'SC-77',
      serviceCallNumber: '77',
    }
    const [whole] = instancesOf(await post({ activities: [{ id, ...parts, startDateTime: '2026-12-01', responsibles: [{ id: 'p' }] }] }))
    expect(whole?.fsmActivity).toEqual({ id, ...parts })
    const other = nextActivity()
    const [named] = instancesOf(
      await post({
        activities: [{ activityId: other, activityCode: 'C', object: { objectId: 'x' }, equipment: {} }],
        activityIds: [other],
      }),
    )
    expect(named?.fsmActivity).toMatchObject({
      id: other,
      code: 'C',
      object: { objectId: 'x', objectType: null },
      equipment: { code: null, name: null, address: null },
    })
    const [both] = instancesOf(await post({ activities: [{ id: `${other}b`, activityId: other, code: 'D', activityCode: 'C' }] }))
    expect(both?.fsmActivity).toMatchObject({ id: `${other}b`, code: 'D' })
  })

  test('may be for an activity with an id of 2,000 characters', async () => {
    const id = `${nextActivity()}-`.padEnd(2000, 'é')
    const first = await offered(server, member, id)
    expect(instancesOf(await offer(server, member, [id]))[0]?.instanceId).toBe(first.instanceId)
  })

  test('has its token stored as a digest and sealed, and in no log entry', async () => {
    const made = await offered(server, member)
    const row = await stored(server, owner.tenantId, made)
    expect(row?.customerAccessToken).toMatch(/^[0-9a-f]{64}$/)
    const token = String(made.customerAccessToken)
    expect(JSON.stringify(row)).not.toContain(token)
    expect(JSON.stringify(row)).not.toContain(Buffer.from(token).toString('base64url'))
    const { runtime } = server.holdfast
    const head = await runtime.storage.tenant(owner.tenantId).head()
    const entries = await runtime.storage.tenant(owner.tenantId).log(null, (head?.sequence ?? 1) - 1, 1)
    expect(entries[0]?.entry).toMatchObject({
      action: 'appointment.create',
      entity: { type: 'appointment', id: made.instanceId },
      actor: { id: member.id },
    })
    expect(JSON.stringify(entries)).not.toContain(token)
    expect(entries[0]?.text).not.toContain(String(row?.customerAccessToken))
    // a sealed copy opens in its own place only
    const other = await offered(server, member)
    await amendAppointment(server, owner.tenantId, String(other.instanceId), { sealedToken: row?.sealedToken ?? '' })
    const list = await server.send('GET', base, { token: member.token })
    expect([list.status, list.body.code]).toEqual([500, 'seal_broken'])
    await amendAppointment(server, owner.tenantId, String(other.instanceId), { sealedToken: (await sealedAgain(other)) ?? '' })
  })

  const sealedAgain = async (made: Record<string, string>) =>
    server.holdfast.runtime.services.sealer.seal(String(made.customerAccessToken), {
      tenant: owner.tenantId,
      entity: 'appointment',
      id: String(made.instanceId),
      field: 'sealedToken',
    })

  test('is made by an API key of a member, and by staff who name the tenant by key or id', async () => {
    const { body } = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: 'machine', role: 'member' } })
    const byKey = await server.send('POST', base, {
      headers: { 'x-api-key': String(body.key) },
      body: { activities: [{ id: nextActivity() }] },
    })
    expect([byKey.status, byKey.body.totalCreated]).toEqual([200, 1])
    for (const name of ['4711_1', owner.tenantId]) {
      const answer = await post({ activities: [{ id: nextActivity() }] }, staff, `?tenantId=${name}`)
      expect([answer.status, instancesOf(answer)[0]?.tenantId]).toEqual([200, '4711_1'])
      expect((await post({ activities: [{ id: nextActivity() }] }, member, `?tenantId=${name}`)).status).toBe(200)
    }
  })
})

describe('one open appointment of an activity', () => {
  test('is answered again, and not counted', async () => {
    const id = nextActivity()
    const first = await offered(server, member, id)
    const actions = await actionsOf(server, async () => {
      const again = await offer(server, owner, [id])
      expect([again.status, again.body.totalCreated]).toEqual([200, 0])
      expect(instancesOf(again)).toEqual([first])
      expect(again.headers['holdfast-commit']).toBeUndefined()
    })
    expect(actions).toEqual([])
  })

  test('is what each of twenty at once gets, and one of them made it', async () => {
    const ids = Array.from({ length: 3 }, nextActivity)
    const before = await rowsOf(owner.tenantId)
    const answers = await Promise.all(Array.from({ length: 20 }, () => offer(server, member, ids)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(answers.map(({ body }) => Number(body.totalCreated)).sort((a, b) => b - a)).toEqual([3, ...Array.from({ length: 19 }, () => 0)])
    expect(new Set(answers.map((answer) => JSON.stringify(instancesOf(answer)))).size).toBe(1)
    expect(await rowsOf(owner.tenantId)).toBe(before + 3)
  })

  test('is among new ones in the order of the activities; named twice it is there twice', async () => {
    const [a, b, c] = [nextActivity(), nextActivity(), nextActivity()]
    const first = await offered(server, member, b)
    const answer = await offer(server, member, [a, b, c, a])
    expect(answer.body.totalCreated).toBe(2)
    const [ofA, ofB, , again] = instancesOf(answer)
    expect(ofB?.instanceId).toBe(first.instanceId)
    expect(again).toEqual(ofA)
  })

  test('is one of its tenant: another has its own', async () => {
    const id = nextActivity()
    const [ours, theirs] = [await offered(server, member, id), await offered(server, await found(server), id)]
    expect(ours.instanceId).not.toBe(theirs.instanceId)
  })

  test('stays the one while it is booked and confirmed, and ends when it is rejected or completed', async () => {
    for (const [answer, ending] of [
      [{ response: 'reject' }, null],
      [{ response: 'approve' }, { status: 'COMPLETED' }],
    ] as const) {
      const id = nextActivity()
      const first = await offered(server, member, id)
      await book(server, first)
      expect((await offer(server, member, [id])).body.totalCreated).toBe(0)
      expect((await change(server, member, first, answer)).status).toBe(200)
      if (ending !== null) {
        expect((await offer(server, member, [id])).body.totalCreated).toBe(0)
        expect((await change(server, member, first, ending)).status).toBe(200)
      }
      const next = await offered(server, member, id)
      expect(next.instanceId).not.toBe(first.instanceId)
      expect((await offer(server, member, [id])).body.totalCreated).toBe(0)
    }
  })
})

test('a hundred activities are made in one commit', async () => {
  const ids = Array.from({ length: 100 }, nextActivity)
  const actions = await actionsOf(server, async () => {
    const answer = await offer(server, member, ids)
    expect([answer.status, answer.body.totalCreated]).toEqual([200, 100])
    expect(instancesOf(answer).map(({ fsmActivity }) => (fsmActivity as { id: string }).id)).toEqual(ids)
  })
  expect(actions).toEqual(['appointment.create'])
})

test('the same Idempotency-Key gives the same answer, and another body is refused', async () => {
  const send = (id: string, by: Person, query = '') =>
    server.send('POST', base + query, { token: by.token, body: { activities: [{ id }] }, headers: { 'idempotency-key': 'k-1' } })
  for (const [by, query] of [
    [member, ''],
    [staff, '?tenantId=4711_1'],
  ] as const) {
    const id = nextActivity()
    const first = await send(id, by, query)
    const again = await send(id, by, query)
    expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([200, first.text, 'true'])
    expect(first.body.totalCreated).toBe(1)
    expect((await send(`${id}b`, by, query)).status).toBe(422)
  }
})

test('an expired open one does not stand in the way of the next: from the millisecond after its end on, however many ask', async () => {
  const id = nextActivity()
  const first = await offered(server, member, id)
  toLinkEnd(server, 0)
  const now = async () => enter(server, { login: member.username, password: goodPassword, tenant: owner.tenantId })
  expect((await offer(server, await now(), [id])).body.totalCreated).toBe(0)
  moveClock(server, 1)
  const by = await now()
  const answers = await Promise.all(Array.from({ length: 20 }, () => offer(server, by, [id])))
  expect(answers.map(({ body }) => Number(body.totalCreated)).sort((a, b) => b - a)).toEqual([1, ...Array.from({ length: 19 }, () => 0)])
  const ids = new Set(answers.map((answer) => instancesOf(answer)[0]?.instanceId))
  expect(ids.size).toBe(1)
  expect(ids.has(first.instanceId)).toBe(false)
})
