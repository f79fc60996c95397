import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import { patched, update } from '../../kernel/change.ts'
import { type Crm, type Member, said, startCrm } from './testing/crm.ts'

type Seen = { method: string; headers: IncomingMessage['headers']; body: { lead: Record<string, unknown>; sent_by: unknown } }

let partner: Server
let seen: Seen[] = []
let answer: (response: ServerResponse) => void
let crm: Crm
let manager: Member
let other: Member
let mine: Member
let theirs: Member

const json = (status: number, body: unknown) => (response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))

beforeAll(async () => {
  partner = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen.push({ method: request.method ?? '', headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString() || '{}') })
    answer(response)
  })
  await new Promise<void>((resolve) => partner.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(partner.address() as AddressInfo).port}/send`
  crm = await startCrm({ HOLDFAST_VANTAGEPOINT_DOCS_URL: url, HOLDFAST_VANTAGEPOINT_DOCS_TOKEN: 'partner-token' })
  manager = await crm.join({ role: 'manager', full_name: 'Mia Manager' })
  other = await crm.join({ role: 'manager' })
  mine = await crm.join({ manager, full_name: 'Ada Agent' })
  theirs = await crm.join({ manager: other })
})
afterAll(async () => {
  await crm.close()
  partner.closeAllConnections()
  partner.close()
})
beforeEach(() => {
  seen = []
  answer = json(200, { external_user_id: 'ext-1' })
})

const ready = (fields: object = {}) => crm.lead({ email: 'info@example.org', assigned_user_id: mine.id, ...fields })
const send = (id: unknown, who: Member = mine, headers: Record<string, string> = {}) =>
  crm.call(who, `POST /leads/${id}/send-docs`, undefined, headers)

describe('documents are not sent', () => {
  test('of a lead that does not exist or is out of reach', async () => {
    const lead = await ready({ assigned_user_id: theirs.id, email: '' })
    expect(said(await send(99999))).toEqual([404, 'Lead not found'])
    expect(said(await send(lead.id))).toEqual([403, 'You can only send docs for your own leads'])
    expect(said(await send(lead.id, manager))).toEqual([403, 'You can only send docs for leads of your own team'])
    expect(seen).toEqual([])
  })

  test('without an address, before anything else of the lead is looked at', async () => {
    const lead = await ready({ email: '', status: 'disposed' })
    expect(said(await send(lead.id))).toEqual([400, 'Lead must have email before sending docs'])
  })

  test('of a lead that is neither new nor active', async () => {
    for (const status of ['sold', 'signed_up', 'closed_won', 'disposed', 'closed_lost', 'inactive_duplicate']) {
      const lead = await ready({ status })
      expect(said(await send(lead.id))).toEqual([400, 'Lead must be in new, contacted or qualified status'])
    }
    expect(seen).toEqual([])
  })

  test('twice, and that is said before the status', async () => {
    const lead = await ready()
    expect((await send(lead.id)).status).toBe(200)
    expect(said(await send(lead.id))).toEqual([400, 'Documents already sent to this lead'])
    await crm.call(mine, `PUT /leads/${lead.id}`, { status: 'sold' })
    expect(said(await send(lead.id))).toEqual([400, 'Documents already sent to this lead'])
    expect(seen).toHaveLength(1)
  })

  test('where the operator named no partner', async () => {
    const bare = await startCrm()
    try {
      const lead = await bare.lead({ email: 'info@example.org' })
      const answer = await bare.call(bare.admin, `POST /leads/${lead.id}/send-docs`)
      expect(said(answer)).toEqual([503, 'Document delivery is not configured'])
      const early = await bare.lead({ email: 'info@example.org', status: 'sold' })
      expect((await bare.call(bare.admin, `POST /leads/${early.id}/send-docs`)).status).toBe(400)
    } finally {
      await bare.close()
    }
  })

  test('when the partner refuses, redirects, answers no JSON or too much of it; the lead stays as it was', async () => {
    for (const bad of [
      json(500, {}),
      json(400, { id: 1 }),
      json(200, 'not json'),
      json(200, ''),
      json(204, ''),
      json(200, JSON.stringify({ id: 'x'.repeat(100_000) })),
      (response: ServerResponse) => void response.writeHead(307, { location: '/other' }).end(),
      (response: ServerResponse) => void response.writeHead(301, { location: 'http://127.0.0.1:1/' }).end(),
      (response: ServerResponse) => void response.destroy(),
    ]) {
      const lead = await ready()
      answer = bad
      const calls = seen.length
      expect(said(await send(lead.id))).toEqual([502, 'Document delivery failed'])
      expect(seen.length).toBe(calls + 1)
      expect(await crm.shown(Number(lead.id))).toEqual(lead)
      answer = json(200, { external_user_id: 'ext-2' })
      expect((await send(lead.id)).status).toBe(200) // and may be tried again at once
    }
  })

  test('when the partner takes longer than ten seconds', async () => {
    const lead = await ready()
    answer = () => {}
    const started = performance.now()
    expect(said(await send(lead.id))).toEqual([502, 'Document delivery failed'])
    expect(performance.now() - started).toBeGreaterThan(9_500)
    expect(performance.now() - started).toBeLessThan(15_000)
    expect(await crm.shown(Number(lead.id))).toEqual(lead)
  })
})

describe('documents are sent', () => {
  test('by one post with the lead’s texts, who sent them, the token and the key', async () => {
    const lead = await ready({ city: 'Ghent', npi: '123' })
    await send(lead.id, manager)
    expect(seen).toHaveLength(1)
    const [{ method, headers, body } = { method: '', headers: {}, body: null }] = seen
    expect(method).toBe('POST')
    expect(headers).toMatchObject({
      authorization: 'Bearer partner-token',
      'content-type': 'application/json',
      'idempotency-key': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
    })
    expect(body?.sent_by).toEqual({ username: manager.username, full_name: 'Mia Manager' })
    expect(body?.lead).toEqual({
      id: lead.id,
      practice_name: 'Elm Street Dental',
      owner_name: 'Dr. Iris Vale',
      practice_phone: '+1 555 0100',
      email: 'info@example.org',
      address: '',
      city: 'Ghent',
      state: '',
      zip_code: '',
      specialty: '',
      ptan: '',
      ein_tin: '',
      npi: '123',
      fax: '',
      owner_phone: '',
      source: '',
      lead_type: '',
    })
  })

  test('and the lead says so; a new one becomes contacted, an active one stays', async () => {
    for (const [status, after] of [
      ['new', 'contacted'],
      ['contacted', 'contacted'],
      ['qualified', 'qualified'],
      ['appointment_set', 'appointment_set'],
    ]) {
      const lead = await ready({ status })
      const reply = await send(lead.id)
      expect([reply.status, reply.body]).toEqual([
        200,
        {
          message: 'Documents sent successfully',
          email_used: 'info@example.org',
          external_user_id: 'ext-1',
          sent_at: reply.body.lead?.docs_sent_at,
          lead: {
            ...lead,
            status: after,
            docs_sent: true,
            docs_sent_at: reply.body.sent_at,
            docs_sent_by: mine.username,
            updated_at: reply.body.lead?.updated_at,
          },
        },
      ])
      expect(await crm.shown(Number(lead.id))).toEqual(reply.body.lead)
    }
  })

  test('under the partner’s id, by any of its names, else under the request’s', async () => {
    for (const [body, id] of [
      [{ external_user_id: 'a', userId: 'b', id: 'c' }, 'a'],
      [{ userId: 42, id: 'c' }, '42'],
      [{ id: 'c' }, 'c'],
      [{ external_user_id: '', id: 0 }, '0'],
    ] as const) {
      answer = json(201, body)
      expect((await send((await ready()).id)).body.external_user_id).toBe(id)
    }
    for (const body of [{}, [], 'null', '7', { id: null }, { id: { a: 1 } }]) {
      answer = json(200, body)
      const reply = await send((await ready()).id)
      expect(reply.body.external_user_id).toBe(reply.headers['x-request-id'])
    }
  })

  test('of callers at once by exactly one', async () => {
    const lead = await ready()
    answer = (response) => void setTimeout(() => json(200, { id: 'one' })(response), 200)
    const replies = await Promise.all(Array.from({ length: 10 }, (_, at) => send(lead.id, at % 2 === 0 ? mine : manager)))
    expect(seen).toHaveLength(1)
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(400)])
    for (const reply of replies.filter(({ status }) => status === 400))
      expect(reply.body.detail).toBe('Documents already sent to this lead')
  })

  test('once, though the lead was changed meanwhile, and without losing that change', async () => {
    const lead = await ready()
    answer = (response) => void crm.call(mine, `PUT /leads/${lead.id}`, { city: 'meanwhile' }).then(() => json(200, { id: 'x' })(response))
    const reply = await send(lead.id)
    expect(reply.body.lead).toMatchObject({ city: 'meanwhile', docs_sent: true, status: 'contacted' })
    expect(seen).toHaveLength(1)
  })

  test('once, though the mark loses a race and is written again', async () => {
    const lead = await ready()
    const { storage } = crm.server.holdfast.runtime
    const tenant = storage.tenant
    let isFirst = true
    storage.tenant = (id) => {
      const store = tenant.call(storage, id)
      const commit: typeof store.commit = async (changes, meta) => {
        if (meta.action === 'lead.send-docs' && isFirst) {
          isFirst = false
          await crm.call(mine, `PUT /leads/${lead.id}`, { city: 'in between' })
        }
        return store.commit(changes, meta)
      }
      return { ...store, commit }
    }
    try {
      expect((await send(lead.id)).body.lead).toMatchObject({ city: 'in between', docs_sent: true })
    } finally {
      storage.tenant = tenant
    }
    expect([isFirst, seen.length]).toEqual([false, 1])
  })

  test('once for an idempotency key, with the same answer again', async () => {
    const lead = await ready()
    const first = await send(lead.id, mine, { 'idempotency-key': 'docs-1' })
    const again = await send(lead.id, mine, { 'idempotency-key': 'docs-1' })
    expect([again.status, again.text]).toEqual([200, first.text])
    expect(seen).toHaveLength(1)
  })

  test('and a lead put away afterwards counts as won', async () => {
    for (const status of ['disposed', 'closed_lost']) {
      const lead = await ready()
      await send(lead.id)
      const { body } = await crm.call(mine, `PUT /leads/${lead.id}`, { status })
      expect(body.lead).toMatchObject({
        status: 'closed_won',
        auto_converted: true,
        conversion_reason: 'docs_sent_and_disposed',
        closed_by_user_id: mine.id,
        closed_at: body.lead?.updated_at,
      })
    }
  })
})

describe('a claim', () => {
  async function claimed(secondsAgo: number): Promise<unknown> {
    const lead = await ready()
    const { storage } = crm.server.holdfast.runtime
    const { body } = await crm.server.send('GET', '/v1/audit?limit=1', { token: crm.admin.token })
    const tenant = storage.tenant(String(body.items?.[0]?.stream))
    const row = await tenant.find(Contact, 'number', [Number(lead.id)])
    if (row === null) throw new Error('no lead')
    const docsClaimedAt = new Date(Date.now() - secondsAgo * 1000).toISOString()
    const meta = {
      actor: { id: null, kind: 'system', name: 'test' },
      action: 'test',
      entity: null,
      requestId: null,
      time: row.updatedAt,
    } as const
    await tenant.commit([update(Contact, row, patched(Contact, row, { docsClaimedAt }, row.updatedAt))], meta)
    return lead.id
  }

  test('that a crash left holds for a minute', async () => {
    expect(said(await send(await claimed(50)))).toEqual([400, 'Documents already sent to this lead'])
    expect(seen).toEqual([])
  })

  test('may then be taken again, with the same key', async () => {
    expect((await send(await claimed(61))).status).toBe(200)
    expect(seen).toHaveLength(1)
  })

  test('is made before the partner is called, and gone after a failure', async () => {
    const lead = await ready()
    let during: unknown
    answer = (response) =>
      void crm.server.send('GET', '/v1/audit?action=lead.claim-docs&limit=1', { token: crm.admin.token }).then(({ body }) => {
        during = body.items?.[0]?.changes?.[0]?.fields?.docsClaimedAt
        json(500, {})(response)
      })
    expect((await send(lead.id)).status).toBe(502)
    expect(during).toMatch(/^20/)
    const log = await crm.server.send('GET', '/v1/audit?action=lead.send-docs&limit=1', { token: crm.admin.token })
    expect(log.body.items?.[0]?.changes?.[0]?.fields?.docsClaimedAt).toBeNull()
  })
})

test('no partner token is in any answer', async () => {
  const replies = [await send((await ready()).id), await crm.call(crm.admin, 'GET /leads')]
  for (const { text } of replies) expect(text).not.toMatch(/partner-token|127\.0\.0\.1/)
})
