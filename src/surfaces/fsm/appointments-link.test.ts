import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Tenant } from '../../tenant/entity.ts'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { actionsOf } from '../../testing/log.ts'
import { found, freshAddress, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { amend, amendAppointment, base, book, change, data, follow, offered, said, stored, toLinkEnd } from './testing/appointments.ts'

let server: TestServer
let owner: Person & { key: string }
let made: Record<string, string>

beforeAll(async () => {
  server = await startTestServer({ DOMAIN: 'booking.example.org', HOLDFAST_PUBLIC_URL: 'https://crm.example.org' })
  stopClock(server)
})
beforeEach(async () => {
  owner = await found(server)
  made = await offered(server, owner)
})
afterAll(() => server.close())

const nowMs = () => server.holdfast.runtime.clock.businessMs()
const now = () => new Date(nowMs()).toISOString()
const slot = (id: string) => ({ id, startTime: '2026-12-01T08:00:00Z', endTime: '2026-12-01T10:00:00Z' })
const long = (length: number) => 'x'.repeat(length)
const settle = (status: 'CONFIRMED' | 'REJECTED' | 'COMPLETED' | 'SCHEDULED' | 'ACTIVE' | 'EXPIRED') =>
  amendAppointment(server, owner.tenantId, String(made.instanceId), { status })

describe('a link that is not good', () => {
  test.each(['x'.repeat(32), 'x'.repeat(31), 'x'.repeat(33), 'short', '-'.repeat(32), 'inst_1_2', '%20'])(
    'an unknown token, %s: 404',
    async (token) => {
      for (const answer of [
        await follow(server, { customerAccessToken: token }, freshAddress()),
        await server.send('PUT', `${base}/token/${token}`, { body: {}, from: freshAddress() }),
      ]) {
        expect(said(answer)).toEqual([404, 'Appointment instance not found'])
        expect(answer.body).toMatchObject({ success: false, message: 'Appointment instance not found' })
      }
    },
  )

  test('is unknown in another case, and the instanceId is no token', async () => {
    const token = String(made.customerAccessToken)
    const turned = [...token].map((letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase())).join('')
    for (const customerAccessToken of [turned, String(made.instanceId)])
      expect((await follow(server, { customerAccessToken }, freshAddress())).status).toBe(404)
  })

  test('works up to its last moment, and a millisecond later is 410 for reading and for booking', async () => {
    toLinkEnd(server, 0)
    expect((await follow(server, made)).status).toBe(200)
    expect((await book(server, made)).status).toBe(200)
    moveClock(server, 1)
    for (const answer of [await follow(server, made), await book(server, made)]) {
      expect(said(answer)).toEqual([410, 'Appointment link has expired'])
      expect(answer.body).toMatchObject({ success: false, code: 'appointment_expired', message: 'Appointment link has expired' })
    }
  })

  test('is over whatever the status', async () => {
    await settle('EXPIRED')
    expect((await follow(server, made)).body.code).toBe('appointment_expired')
    await settle('CONFIRMED')
    expect((await follow(server, made)).status).toBe(200)
    toLinkEnd(server, 1)
    expect((await follow(server, made)).status).toBe(410)
    expect((await book(server, made)).status).toBe(410)
  })

  test.each([
    ['inactive', () => ({ isActive: false })],
    ['expired', () => ({ validTo: new Date(nowMs() - 1).toISOString() })],
    ['not yet valid', () => ({ validFrom: new Date(nowMs() + 1).toISOString() })],
  ])('while its tenant is %s: 410, and it is back with the licence', async (_what, patch) => {
    await amend(server, { tenantId: owner.tenantId, type: Tenant, id: owner.tenantId }, patch())
    for (const answer of [await follow(server, made), await book(server, made)]) {
      expect(said(answer)).toEqual([410, 'Appointment link is not available'])
      expect(answer.body).toMatchObject({ success: false, code: 'appointment_unavailable', message: 'Appointment link is not available' })
    }
    await amend(
      server,
      { tenantId: owner.tenantId, type: Tenant, id: owner.tenantId },
      {
        isActive: true,
        validFrom: null,
        validTo: new Date(nowMs()).toISOString(),
      },
    )
    expect((await follow(server, made)).status).toBe(200)
  })

  test.each(['CONFIRMED', 'REJECTED', 'COMPLETED'] as const)('of one that is %s: read, but not booked', async (status) => {
    await settle(status)
    const answer = await book(server, made)
    expect(said(answer)).toEqual([409, 'Appointment can no longer be changed'])
    expect(answer.body.success).toBe(false)
    expect(data(await follow(server, made)).status).toBe(status)
  })

  test('with a bad credential beside it: 401', async () => {
    const answer = await server.send('GET', `${base}/token/${made.customerAccessToken}`, { token: 'forged' })
    expect([answer.status, answer.body.success]).toEqual([401, false])
  })
})

describe('a booking that is refused, and changes nothing', () => {
  test.each<[unknown]>([
    [{ other: 1 }],
    [{ status: 'CONFIRMED' }],
    [{ fsmResponse: {} }],
    [{ customerBooking: { customerName: 'x' } }],
    [{ customerName: 7 }],
    [{ customerName: null }],
    [{ customerName: ['x'] }],
    [{ customerName: long(2001) }],
    [{ customerEmail: long(2001) }],
    [{ customerPhone: long(2001) }],
    [{ customerMessage: long(2001) }],
    [{ specialRequirements: long(2001) }],
    [{ requestedDateTime: long(2001) }],
    [{ requestedDateTime: 1764576000000 }],
    [{ preferredTimeSlots: Array.from({ length: 51 }, (_, at) => slot(`s${at}`)) }],
    [{ preferredTimeSlots: slot('s') }],
    [{ preferredTimeSlots: ['s'] }],
    [{ preferredTimeSlots: [{ id: 's', startTime: 'a' }] }],
    [{ preferredTimeSlots: [{ ...slot('s'), id: 1 }] }],
    [{ preferredTimeSlots: [{ ...slot('s'), isSelected: 'yes' }] }],
    [{ preferredTimeSlots: [{ ...slot('s'), price: 1 }] }],
    [{ preferredTimeSlots: [{ ...slot('s'), startTime: long(2001) }] }],
  ])('%j: 400', async (body) => {
    const before = await stored(server, owner.tenantId, made)
    const answer = await book(server, made, body)
    expect(said(answer)).toEqual([400, 'Invalid appointment update request'])
    expect(answer.body).toMatchObject({ success: false, errors: [{ field: expect.any(String) }] })
    expect(await stored(server, owner.tenantId, made)).toEqual(before)
  })

  test.each(['[]', '"x"', '1', 'null', '{"a"', ''])('%s: 400 Invalid JSON', async (raw) => {
    const answer = await server.send('PUT', `${base}/token/${made.customerAccessToken}`, {
      raw,
      headers: { 'content-type': 'application/json' },
    })
    expect(said(answer)).toEqual([400, 'Invalid JSON'])
  })
})

describe('a booking', () => {
  test('takes texts of 2,000 characters and fifty slots', async () => {
    const body = {
      customerName: long(2000),
      customerEmail: long(2000),
      customerPhone: long(2000),
      customerMessage: long(2000),
      specialRequirements: long(2000),
      requestedDateTime: long(2000),
      preferredTimeSlots: Array.from({ length: 50 }, (_, at) => ({ ...slot(`s${at}`), isAvailable: true, isSelected: at === 0 })),
    }
    expect((await book(server, made, body)).status).toBe(200)
    expect(data(await follow(server, made)).customerBooking).toMatchObject(body)
  })

  test('is submitted, dated, and merged with what was said before', async () => {
    moveClock(server, 1000)
    const answer = await book(server, made, { customerName: 'Iris Vale', preferredTimeSlots: [slot('a'), slot('b')] })
    expect([answer.status, answer.body]).toEqual([
      200,
      { success: true, message: 'Customer booking updated successfully', status: 'SUBMITTED' },
    ])
    const firstAt = now()
    expect(data(await follow(server, made))).toMatchObject({
      status: 'SUBMITTED',
      createdAt: made.createdAt,
      updatedAt: firstAt,
      customerBooking: { status: 'submitted', submittedAt: firstAt, lastModifiedAt: firstAt },
    })
    moveClock(server, 1000)
    await book(server, made, { customerPhone: '+1 555 0100', preferredTimeSlots: [slot('c')] })
    expect(data(await follow(server, made)).customerBooking).toEqual({
      status: 'submitted',
      customerName: 'Iris Vale',
      customerPhone: '+1 555 0100',
      preferredTimeSlots: [slot('c')],
      submittedAt: now(),
      lastModifiedAt: now(),
    })
  })

  test('is a request with a time in this very call, and no longer with the next call', async () => {
    expect((await book(server, made, { requestedDateTime: '2026-12-01T08:00' })).body.status).toBe('REQUESTED')
    expect(data(await follow(server, made))).toMatchObject({ status: 'REQUESTED', customerBooking: { status: 'requested' } })
    expect((await book(server, made, { customerMessage: 'Ring twice' })).body.status).toBe('SUBMITTED')
    expect(data(await follow(server, made))).toMatchObject({
      status: 'SUBMITTED',
      customerBooking: { status: 'submitted', requestedDateTime: '2026-12-01T08:00' },
    })
  })

  test.each(['ACTIVE', 'SCHEDULED'] as const)('is taken for one that is %s', async (status) => {
    await settle(status)
    expect((await book(server, made)).body.status).toBe('SUBMITTED')
  })

  test('is in the audit log of the tenant, by nobody known, and its reply names the commit', async () => {
    const actions = await actionsOf(server, async () => {
      const { headers } = await book(server, made)
      expect(headers['holdfast-commit']).toMatch(new RegExp(`^${owner.tenantId}/`))
    })
    expect(actions).toEqual(['appointment.book'])
    const { body } = await server.send('GET', `/v1/audit?action=appointment.book&limit=1`, { token: owner.token })
    expect(body.items?.[0]).toMatchObject({ actor: { kind: 'anonymous' }, entity: { type: 'appointment', id: made.instanceId } })
  })

  test('with an Idempotency-Key happens once', async () => {
    const send = (body: object) =>
      server.send('PUT', `${base}/token/${made.customerAccessToken}`, { body, headers: { 'idempotency-key': 'once' } })
    const first = await send({ customerName: 'Iris' })
    await book(server, made, { customerName: 'Otto' })
    const again = await send({ customerName: 'Iris' })
    expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([200, first.text, 'true'])
    expect(data(await follow(server, made)).customerBooking).toMatchObject({ customerName: 'Otto' })
  })
})

test('the public view leaves out the notes, who answered, the token and the address', async () => {
  await book(server, made)
  const answer = { response: 'approve', selectedTimeSlot: slot('a'), fsmMessage: 'See you', technicianNotes: 'Dog!' }
  const full = data(await change(server, owner, made, answer))
  const { body, text } = await follow(server, made)
  const { customerAccessToken, customerUrl, fsmResponse, ...rest } = full
  expect(customerUrl).toBe(`https://booking.example.org/booking/${made.customerAccessToken}`)
  expect(customerAccessToken).toBe(made.customerAccessToken)
  const { technicianNotes, respondedBy, ...shown } = fsmResponse as unknown as Record<string, string>
  expect([technicianNotes, respondedBy]).toEqual(['Dog!', owner.username])
  expect(body).toEqual({ success: true, data: { ...rest, fsmResponse: shown } })
  for (const hidden of ['Dog!', owner.username, String(customerAccessToken), 'ttl', 'sealed']) expect(text).not.toContain(hidden)
})

test('while nobody has booked the row may go ninety days after its link; once booked it stays', async () => {
  const ttl = Math.floor((Date.parse(String(made.validUntil)) + 90 * 86_400_000) / 1000)
  expect((await stored(server, owner.tenantId, made))?.ttl).toBe(ttl)
  await book(server, made)
  expect((await stored(server, owner.tenantId, made))?.ttl).toBeNull()
})

test('a link leads to its row by the index of digests: no list, no count, no search', async () => {
  const { storage } = server.holdfast.runtime
  const asked: string[] = []
  const tenant = storage.tenant.bind(storage)
  storage.tenant = (id) => {
    const store = tenant(id)
    const told = (what: string) => {
      asked.push(what)
      return Promise.reject(new Error(`a link asked for a ${what}`))
    }
    return { ...store, list: () => told('list'), count: () => told('count'), tally: () => told('tally'), log: () => told('log') }
  }
  try {
    expect((await follow(server, made)).status).toBe(200)
    expect((await book(server, made)).status).toBe(200)
    expect(asked).toEqual([])
  } finally {
    storage.tenant = tenant
  }
})
