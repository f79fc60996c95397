import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { statuses } from '../../appointment/rules.ts'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { enter, found, goodPassword, hire, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { amendAppointment, base, book, change, data, follow, offered, said, stored, toLinkEnd } from './testing/appointments.ts'

let server: TestServer
let owner: Person & { key: string }
let made: Record<string, string>

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
})
beforeEach(async () => {
  owner = await found(server)
  made = await offered(server, owner)
})
afterAll(() => server.close())

const put = (body: unknown, by: { token: string } = owner, query = '') =>
  server.send('PUT', `${base}/${made.instanceId}${query}`, { token: by.token, body })
const slot = { id: 'a', startTime: '2026-12-01T08:00:00Z', endTime: '2026-12-01T10:00:00Z' }
const long = (length: number) => 'x'.repeat(length)

describe('what is refused, and changes nothing', () => {
  test.each<[unknown]>([
    [{}],
    [{ response: 'maybe' }],
    [{ response: null }],
    [{ response: 'approve', status: 'COMPLETED' }],
    [{ status: 'CONFIRMED' }],
    [{ status: 'completed' }],
    [{ status: 'COMPLETED', fsmMessage: 'x' }],
    [{ status: 'COMPLETED', technicianNotes: '' }],
    [{ fsmMessage: 'x' }],
    [{ response: 'approve', respondedBy: 'someone' }],
    [{ response: 'approve', fsmMessage: long(2001) }],
    [{ response: 'approve', technicianNotes: long(2001) }],
    [{ response: 'approve', technicianNotes: 1 }],
    [{ response: 'approve', selectedTimeSlot: { id: 'a' } }],
    [{ response: 'approve', selectedTimeSlot: { ...slot, price: 1 } }],
    [{ response: 'approve', selectedTimeSlot: [slot] }],
    [{ response: 'approve', selectedTimeSlot: long(2001) }],
    [{ response: 'approve', instanceId: 'inst_1_2' }],
    [{ response: 'approve', tenantId: 'x' }],
  ])('%j: 400', async (body) => {
    await book(server, made)
    const before = await stored(server, owner.tenantId, made)
    const answer = await put(body)
    const text = 'Invalid appointment update request'
    expect(said(answer)).toEqual([400, text])
    expect(answer.body).toMatchObject({ success: false, message: text, title: text, detail: text })
    expect(await stored(server, owner.tenantId, made)).toEqual(before)
  })

  test('an absent appointment and another tenant’s: 404 alike', async () => {
    const theirs = await offered(server, await found(server))
    const absent = { instanceId: String(theirs.instanceId).replace(/.{12}$/, 'xxxxxxxxxxxx') }
    const answers = [
      await change(server, owner, absent, { response: 'approve' }),
      await change(server, owner, theirs, { response: 'approve' }),
    ]
    for (const answer of answers) expect(said(answer)).toEqual([404, 'Appointment instance not found'])
    const [first, second] = answers.map(({ body }) => ({ ...body, requestId: null }))
    expect(first).toEqual(second)
  })

  test('a stranger: 401, the customer’s token is no credential; an auditor and an operator: 403', async () => {
    await book(server, made)
    expect((await server.send('PUT', `${base}/${made.instanceId}`, { body: { response: 'approve' } })).status).toBe(401)
    expect((await put({ response: 'approve' }, { token: String(made.customerAccessToken) })).status).toBe(401)
    expect((await put({ response: 'approve' }, await join(server, owner, { role: 'auditor' }))).status).toBe(403)
    const operator = await hire(server, 'platform_operator')
    expect((await put({ response: 'approve' }, operator, `?tenantId=${owner.key}`)).status).toBe(403)
  })

  test('another tenant named, whether it exists or not: 403; staff without one: 400, with an unknown one: 404', async () => {
    await book(server, made)
    const other = await found(server)
    for (const name of [other.key, other.tenantId, 'nobody_1'])
      expect((await put({ response: 'approve' }, owner, `?tenantId=${name}`)).status).toBe(403)
    const staff = await hire(server)
    expect(said(await put({ response: 'approve' }, staff))).toEqual([400, 'Invalid appointment update request'])
    expect(said(await put({ response: 'approve' }, staff, '?tenantId=nobody_1'))).toEqual([404, 'Tenant not found'])
    expect(said(await put({ response: 'approve' }, staff, `?tenantId=${other.key}`))).toEqual([404, 'Appointment instance not found'])
    expect((await stored(server, owner.tenantId, made))?.status).toBe('SUBMITTED')
  })
})

describe.each(statuses)('one that is %s', (status) => {
  const become = () => amendAppointment(server, owner.tenantId, String(made.instanceId), { status })
  const isAnswerable = ['SUBMITTED', 'REQUESTED', 'SCHEDULED'].includes(status)

  test.each([
    ['approve', 'CONFIRMED', 'approved'],
    ['reject', 'REJECTED', 'rejected'],
  ])(`takes ${'%s'}: ${isAnswerable}`, async (response, next, bookingStatus) => {
    await become()
    const answer = await put({ response })
    if (isAnswerable) {
      expect(answer.status).toBe(200)
      expect(data(answer)).toMatchObject({ status: next, customerBooking: { status: bookingStatus } })
    } else {
      expect(said(answer)).toEqual([409, 'Appointment cannot be changed'])
      expect((await stored(server, owner.tenantId, made))?.status).toBe(status)
    }
  })

  test(`is completed: ${status === 'CONFIRMED'}`, async () => {
    await become()
    const answer = await put({ status: 'COMPLETED' })
    if (status === 'CONFIRMED') expect([answer.status, data(answer).status]).toEqual([200, 'COMPLETED'])
    else expect(said(answer)).toEqual([409, 'Appointment cannot be changed'])
  })
})

describe('an answer', () => {
  test('says who gave it and when, and keeps the booking', async () => {
    await book(server, made, { customerName: 'Iris Vale' })
    moveClock(server, 5_000)
    const member = await join(server, owner)
    const said = { response: 'approve', selectedTimeSlot: slot, fsmMessage: long(2000), technicianNotes: long(2000) }
    const at = new Date(server.holdfast.runtime.clock.businessMs()).toISOString()
    const answer = await put(said, member)
    expect(answer.body).toEqual({ success: true, data: expect.anything() })
    expect(data(answer)).toMatchObject({
      instanceId: made.instanceId,
      customerAccessToken: made.customerAccessToken,
      customerUrl: made.customerUrl,
      status: 'CONFIRMED',
      updatedAt: at,
      customerBooking: { status: 'approved', customerName: 'Iris Vale' },
    })
    expect(data(answer).fsmResponse).toEqual({ ...said, respondedAt: at, respondedBy: member.username })
    const { body } = await server.send('GET', base, { token: owner.token })
    expect((body.data as unknown as unknown[])[0]).toEqual(data(answer))
  })

  test('may name a slot by its text, and null is as good as nothing', async () => {
    await book(server, made)
    const answer = await put({ response: 'reject', selectedTimeSlot: 'slot-1', fsmMessage: null, technicianNotes: null })
    expect(Object.keys(data(answer).fsmResponse ?? {}).sort()).toEqual(['respondedAt', 'respondedBy', 'response', 'selectedTimeSlot'])
  })

  test('is given by staff who name the tenant, and by API keys, under their names', async () => {
    await book(server, made)
    const staff = await hire(server)
    const byStaff = await put({ response: 'approve' }, staff, `?tenantId=${owner.key}`)
    expect(data(byStaff).fsmResponse).toMatchObject({ respondedBy: staff.username })
    made = await offered(server, owner)
    await book(server, made)
    const { body } = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: 'dispatch', role: 'member' } })
    const byKey = await server.send('PUT', `${base}/${made.instanceId}`, {
      headers: { 'x-api-key': String(body.key) },
      body: { response: 'reject' },
    })
    expect(data(byKey).fsmResponse).toMatchObject({ respondedBy: 'dispatch' })
  })

  test('comes too late a millisecond after the link’s end, but what is confirmed can still be completed', async () => {
    const late = await offered(server, owner)
    await book(server, made)
    await book(server, late)
    toLinkEnd(server, 0)
    const again = () => enter(server, { login: owner.username, password: goodPassword, tenant: owner.tenantId })
    expect((await change(server, await again(), made, { response: 'approve' })).status).toBe(200)
    moveClock(server, 1)
    expect(said(await change(server, await again(), late, { response: 'approve' }))).toEqual([409, 'Appointment cannot be changed'])
    expect((await change(server, await again(), made, { status: 'COMPLETED' })).status).toBe(200)
  })

  test('with an Idempotency-Key comes again; one action in the log', async () => {
    await book(server, made)
    const send = () =>
      server.send('PUT', `${base}/${made.instanceId}`, {
        token: owner.token,
        body: { response: 'approve' },
        headers: { 'idempotency-key': 'a' },
      })
    const actions = await actionsOf(server, async () => {
      const [first, again] = [await send(), await send()]
      expect([again.status, again.text]).toEqual([200, first.text])
    })
    expect(actions).toEqual(['appointment.respond'])
  })
})

describe('at the same moment', () => {
  test('of an approval and a rejection one wins', async () => {
    await book(server, made)
    const answers = await Promise.all(Array.from({ length: 10 }, (_, at) => put({ response: at % 2 === 0 ? 'approve' : 'reject' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 409)])
  })

  test('an approval and bookings never mix: what was approved is what was last booked', async () => {
    for (let round = 0; round < 10; round++) {
      made = await offered(server, owner)
      await book(server, made, { customerName: 'first' })
      const [approval, ...bookings] = await Promise.all([
        put({ response: 'approve' }),
        ...Array.from({ length: 3 }, (_, at) => book(server, made, { customerName: `later ${at}` })),
      ])
      expect(approval?.status).toBe(200)
      const { status, customerBooking } = data(await follow(server, made))
      expect([status, customerBooking?.status]).toEqual(['CONFIRMED', 'approved'])
      expect(data(approval as never).customerBooking).toEqual(customerBooking)
      for (const { status: code } of bookings) expect([200, 409]).toContain(code)
    }
  })

  test('bookings of several fields are all kept', async () => {
    const fields = ['customerName', 'customerEmail', 'customerPhone', 'customerMessage', 'specialRequirements']
    await Promise.all(fields.map((field) => book(server, made, { [field]: field })))
    expect(data(await follow(server, made)).customerBooking).toMatchObject(Object.fromEntries(fields.map((field) => [field, field])))
  })
})
