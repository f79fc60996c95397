import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Appointment, type AppointmentRow } from '../../appointment/entity.ts'
import { type Status, statuses } from '../../appointment/rules.ts'
import { create, insert } from '../../kernel/change.ts'
import { system } from '../../kernel/context.ts'
import { moveClock, stopClock } from '../../testing/clock.ts'
import { enter, found, goodPassword, hire, join, type Person } from '../../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../../testing/server.ts'
import { amendAppointment, base, nextActivity, offer, offered, said, toLinkEnd } from './testing/appointments.ts'

let server: TestServer
let owner: Person & { key: string }
let staff: Person

beforeAll(async () => {
  server = await startTestServer()
  stopClock(server)
  owner = await found(server, '4711_1')
  staff = await hire(server)
})
afterAll(() => server.close())

const list = (by: { token: string }, query = '') => server.send('GET', `${base}${query}`, { token: by.token })
const idsOf = ({ body }: Answer) => (body.data as unknown as Record<string, string>[]).map(({ instanceId }) => instanceId)
const again = ({ username, tenantId }: Person) => enter(server, { login: username, password: goodPassword, tenant: tenantId })

/** Puts many rows into a tenant, newest last, as if they had been offered one a millisecond. */
async function fill(tenantId: string, count: number, first: Record<string, string>, patch: Partial<AppointmentRow> = {}): Promise<void> {
  const { runtime } = server.holdfast
  const store = runtime.storage.tenant(tenantId)
  const like = await store.get(Appointment, String(first.instanceId))
  if (like === null) throw new Error('nothing to copy')
  const nowMs = runtime.clock.businessMs()
  // long rows one at a time, so that a commit fits every engine
  const batch = patch.customerBooking === undefined ? 100 : 1
  for (let from = 0; from < count; from += batch) {
    const changes = Array.from({ length: Math.min(batch, count - from) }, (_, at) => {
      const id = `inst_${nowMs - count + from + at}_filled`
      const sealedToken = runtime.services.sealer.seal('t', { tenant: tenantId, entity: 'appointment', id, field: 'sealedToken' })
      const fields = { ...like, ...patch, customerAccessToken: `${tenantId} ${from + at}`, sealedToken }
      return insert(Appointment, create(Appointment, id, fields, like.createdAt))
    })
    await store.commit(changes, { actor: system, action: 'test', entity: null, requestId: null, time: new Date().toISOString() })
  }
}

describe('what is refused', () => {
  test.each([
    ['?limit=0', 400],
    ['?limit=201', 400],
    ['?limit=x', 400],
    ['?limit=', 400],
    ['?status=OPEN', 400],
    ['?status=pending', 400],
    ['?status=', 400],
    ['?cursor=x', 400],
    ['?page=1', 400],
    ['?tenantId=', 400],
  ])('%s: %i', async (query, status) => {
    const answer = await list(owner, query)
    expect(said(answer)).toEqual([status, 'Invalid appointment request'])
    expect(answer.body).toMatchObject({ success: false, message: 'Invalid appointment request', detail: 'Invalid appointment request' })
  })

  test('a stranger: 401; another method: 405; another path: 404', async () => {
    expect((await server.send('GET', base)).status).toBe(401)
    expect(said(await server.send('DELETE', base, { token: owner.token }))).toEqual([405, 'Method not allowed'])
    expect(said(await server.send('GET', `${base}/x/y/z`, { token: owner.token }))).toEqual([404, 'Not found'])
  })

  test('staff without a tenant: 400; an unknown one, or someone else’s: 404 alike', async () => {
    const other = await found(server)
    await offered(server, other)
    expect(said(await list(staff))).toEqual([400, 'Invalid appointment request'])
    const { body: absent, ...rest } = await list(owner, '?tenantId=nobody_1')
    expect([rest.status, absent.error, absent.success]).toEqual([404, 'Tenant not found', false])
    for (const name of [other.key, other.tenantId]) {
      const { status, body } = await list(owner, `?tenantId=${name}`)
      expect({ status, ...body, requestId: null }).toEqual({ ...absent, requestId: null })
    }
    expect(said(await list(staff, '?tenantId=nobody_1'))).toEqual([404, 'Tenant not found'])
  })

  test('a cursor of another list: 400', async () => {
    const by = await found(server)
    await offer(server, by, [nextActivity(), nextActivity()])
    const { body } = await list(by, '?limit=1')
    expect((await list(by, `?limit=1&cursor=${body.nextCursor}`)).status).toBe(200)
    expect((await list(by, `?limit=1&status=PENDING&cursor=${body.nextCursor}`)).status).toBe(400)
  })
})

describe('a list', () => {
  test('is empty where there is nothing, and holds what was answered before, newest first', async () => {
    const by = await found(server)
    expect((await list(by)).body).toEqual({ success: true, data: [], nextCursor: null })
    const made: unknown[] = []
    for (let time = 0; time < 3; time++) {
      moveClock(server, 1)
      made.unshift(await offered(server, by))
    }
    const answer = await list(by)
    expect([answer.status, answer.body]).toEqual([200, { success: true, data: made, nextCursor: null }])
    for (const name of [by.key, by.tenantId]) {
      expect((await list(by, `?tenantId=${name}`)).body.data).toEqual(made)
      expect((await list(staff, `?tenantId=${name}`)).body.data).toEqual(made)
    }
  })

  test('is for everyone of the tenant who may read, operators among the staff, and API keys', async () => {
    const by = await found(server)
    const first = await offered(server, by)
    for (const role of ['admin', 'supervisor', 'manager', 'member', 'auditor'] as const)
      expect(idsOf(await list(await join(server, by, { role })))).toEqual([first.instanceId])
    expect(idsOf(await list(await hire(server, 'platform_operator'), `?tenantId=${by.key}`))).toEqual([first.instanceId])
    const { body } = await server.send('POST', '/v1/api-keys', { token: by.token, body: { name: 'machine', role: 'auditor' } })
    expect(idsOf(await server.send('GET', base, { headers: { 'x-api-key': String(body.key) } }))).toEqual([first.instanceId])
  })

  test('shows a tenant without a key by its id', async () => {
    const token = await server.signIn()
    const first = await offered(server, { token })
    expect(first.tenantId).toMatch(/^[0-9a-f]{8}-/)
    expect(first.customerUrl).toBe(`http://127.0.0.1:8080/booking/${first.customerAccessToken}`)
  })

  test('comes in pages without loss or repetition while others write', async () => {
    const by = await found(server)
    const first = await offered(server, by)
    await fill(by.tenantId, 7, first)
    const all = idsOf(await list(by))
    const met: (string | undefined)[] = []
    for (let cursor: string | null = null; ; ) {
      const page = await list(by, `?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`)
      met.push(...idsOf(page))
      moveClock(server, 1)
      await offered(server, by)
      cursor = page.body.nextCursor === (null as never) ? null : String(page.body.nextCursor)
      if (cursor === null) break
    }
    expect(met).toEqual(all)
    expect(all).toHaveLength(8)
  })

  test('takes limits from 1 to 200, and without one holds up to 5,000', async () => {
    const by = await found(server)
    const first = await offered(server, by)
    await fill(by.tenantId, 4_999, first)
    for (const limit of [1, 200]) expect(idsOf(await list(by, `?limit=${limit}`))).toHaveLength(limit)
    const whole = await list(by)
    expect([idsOf(whole).length, whole.body.nextCursor]).toEqual([5_000, null])
    moveClock(server, 1)
    await offered(server, by)
    const cut = await list(by)
    expect(idsOf(cut)).toHaveLength(5_000)
    const rest = await list(by, `?cursor=${cut.body.nextCursor}`)
    expect([idsOf(rest).length, rest.body.nextCursor]).toEqual([1, null])
    expect(new Set([...idsOf(cut), ...idsOf(rest)]).size).toBe(5_001)
  })

  test('that would be too long for memory ends early, with a cursor', async () => {
    const by = await found(server)
    const first = await offered(server, by)
    const customerBooking = { status: 'submitted' as const, customerMessage: 'x'.repeat(340_000) }
    await fill(by.tenantId, 210, first, { customerBooking })
    const { status, body, text } = await list(by)
    expect([status, (body.data as unknown as unknown[]).length, typeof body.nextCursor]).toEqual([200, 200, 'string'])
    expect(text.length).toBeLessThan(90 * 1024 * 1024)
    expect(idsOf(await list(by, `?limit=200&cursor=${body.nextCursor}`))).toHaveLength(11)
  })
})

test('a list by status goes by the status as it stands: EXPIRED from the millisecond after the link’s end on, where it still waited', async () => {
  const by = await found(server)
  const made = {} as Record<Status, string>
  for (const status of statuses) {
    if (status === 'EXPIRED') continue
    const { instanceId } = await offered(server, by)
    await amendAppointment(server, by.tenantId, String(instanceId), { status })
    made[status] = String(instanceId)
  }
  const shown = async (who: Person) => {
    const found: Record<string, string[]> = {}
    for (const status of statuses) found[status] = idsOf(await list(who, `?status=${status}`)) as string[]
    const whole = (await list(who)).body.data as unknown as { instanceId: string; status: Status }[]
    for (const status of statuses)
      expect(whole.filter((one) => one.status === status).map(({ instanceId }) => instanceId)).toEqual(found[status])
    return found
  }
  toLinkEnd(server, 0)
  expect(await shown(await again(by))).toEqual({ ...Object.fromEntries(statuses.map((status) => [status, [made[status]]])), EXPIRED: [] })
  moveClock(server, 1)
  const over = await shown(await again(by))
  expect(over).toEqual({
    ...Object.fromEntries(statuses.map((status) => [status, [made[status]]])),
    PENDING: [],
    SUBMITTED: [],
    REQUESTED: [],
    EXPIRED: [made.PENDING, made.SUBMITTED, made.REQUESTED].sort().reverse(),
  })
  // nothing was written for it
  const row = await server.holdfast.runtime.storage.tenant(by.tenantId).get(Appointment, made.PENDING)
  expect(row?.status).toBe('PENDING')
})
