import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import { type Change, update } from '../../kernel/change.ts'
import type { Loose } from '../../testing/server.ts'
import { type Crm, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
let other: Member
let ann: Member
let bob: Member
let cat: Member
let auditor: Member
const sold = new Map<string, number>()

/** A sale that was closed by somebody at a time of the past. */
async function sale(name: string, closer: Member, closedAt: string, fields: object = {}): Promise<void> {
  const lead = await crm.lead({ assigned_user_id: closer.id, practice_name: name, score: 88, priority: 'high', city: 'Ghent', state: 'EF' })
  await crm.call(closer, `PUT /leads/${lead.id}`, { status: 'sold' })
  sold.set(name, Number(lead.id))
  await store(Number(lead.id), { closedAt, createdAt: '2026-01-01T12:00:00.000Z', ...fields })
}

/** Changes a row beside the surface, its time of creation too. */
async function store(number: number, fields: object): Promise<void> {
  const { body } = await crm.server.send('GET', '/v1/audit?limit=1', { token: crm.admin.token })
  const tenant = crm.server.holdfast.runtime.storage.tenant(String(body.items?.[0]?.stream))
  const lead = await tenant.find(Contact, 'number', [number])
  if (lead === null) throw new Error(`no lead ${number}`)
  const change: Change = update(Contact, lead, Contact.derive({ ...lead, ...fields, version: lead.version + 1 }))
  await tenant.commit([change], {
    actor: { id: null, kind: 'system', name: 'test' },
    action: 'test',
    entity: null,
    requestId: null,
    time: lead.updatedAt,
  })
}

beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager', username: 'mia' })
  other = await crm.join({ role: 'manager' })
  ann = await crm.join({ username: 'ann', manager })
  bob = await crm.join({ username: 'bob', manager })
  cat = await crm.join({ username: 'cat', manager: other })
  auditor = await crm.joinAs('auditor')
  await sale('first', ann, '2026-01-31T23:59:59.999Z')
  await sale('second', ann, '2026-02-01T00:00:00.000Z', {
    autoConverted: true,
    conversionReason: 'docs_sent_and_disposed',
    docsSent: true,
    docsSentAt: '2026-01-15T00:00:00.000Z',
  })
  await sale('third', bob, '2026-02-28T23:59:59.999Z')
  await sale('fourth', cat, '2026-03-01T00:00:00.000Z')
  await sale('fifth', manager, '2026-03-02T11:59:59.999Z')
  await crm.lead({ status: 'disposed', assigned_user_id: ann.id })
  await crm.lead({ status: 'new', assigned_user_id: ann.id })
})
afterAll(() => crm.close())

const report = (who: Member, query = '') => crm.call(who, `GET /reports/commission${query}`)
const namesOf = (body: Loose) => [...(body.sales_records ?? [])].map(({ practice_name }) => String(practice_name))

describe('the commission report is refused', () => {
  test('to agents', async () => {
    expect(said(await report(ann, '?start_date=x'))).toEqual([403, 'Admin or Manager access required'])
  })

  test('for days that are none', async () => {
    for (const day of ['x', '2026-1-1', '2026-02-30', '2026-13-01', '01-02-2026', '2026-02-01T00:00:00Z', '2026-02-01 ', '20260201']) {
      expect(said(await report(crm.admin, `?start_date=${encodeURIComponent(day)}`))).toEqual([400, 'Invalid start_date'])
      expect(said(await report(manager, `?end_date=${encodeURIComponent(day)}`))).toEqual([400, 'Invalid end_date'])
    }
  })

  test('for a closer who is nobody, or not of the team', async () => {
    for (const id of ['99999', 'x', '0', '-1', '1e1'])
      for (const who of [crm.admin, manager]) expect(said(await report(who, `?user_id=${id}`))).toEqual([400, 'Invalid user_id'])
    for (const { id } of [cat, other, crm.admin])
      expect(said(await report(manager, `?user_id=${id}`))).toEqual([403, 'You can only view your own team'])
  })
})

describe('the commission report', () => {
  test('of everything has exactly the fields of the contract, newest first', async () => {
    const { status, body } = await report(crm.admin)
    expect(status).toBe(200)
    expect(namesOf(body)).toEqual(['fifth', 'fourth', 'third', 'second', 'first'])
    expect(body).toMatchObject({
      success: true,
      summary: {
        total_sales: 5,
        auto_sales: 1,
        manual_sales: 4,
        date_range: { start: '2026-01-31T23:59:59.999Z', end: '2026-03-02T11:59:59.999Z' },
      },
      filters_applied: { start_date: null, end_date: null, user_id: null, role_filter: 'admin' },
    })
    expect(body.user_summary).toEqual([
      { user_id: ann.id, username: 'ann', total_sales: 2, total_amount: 0 },
      { user_id: manager.id, username: 'mia', total_sales: 1, total_amount: 0 },
      { user_id: bob.id, username: 'bob', total_sales: 1, total_amount: 0 },
      { user_id: cat.id, username: 'cat', total_sales: 1, total_amount: 0 },
    ])
    expect(body.sales_records?.[3]).toEqual({
      lead_id: sold.get('second'),
      practice_name: 'second',
      owner_name: 'Dr. Iris Vale',
      city: 'Ghent',
      state: 'EF',
      closed_by_user_id: ann.id,
      closed_by_username: 'ann',
      closed_at: '2026-02-01T00:00:00.000Z',
      docs_sent: true,
      docs_sent_at: '2026-01-15T00:00:00.000Z',
      auto_converted: true,
      conversion_reason: 'docs_sent_and_disposed',
      lead_score: 88,
      lead_priority: 'high',
      days_to_close: 30,
    })
    expect(Object.keys(body)).toEqual(['success', 'summary', 'user_summary', 'sales_records', 'filters_applied'])
  })

  test('counts whole days', async () => {
    const { body } = await report(crm.admin)
    expect([...(body.sales_records ?? [])].map(({ days_to_close }) => days_to_close)).toEqual([59, 58, 58, 30, 30])
  })

  test('includes both days', async () => {
    const within = async (query: string) => {
      const { body } = await report(crm.admin, query)
      return [namesOf(body), body.summary?.date_range, body.filters_applied?.start_date, body.filters_applied?.end_date]
    }
    expect(await within('?start_date=2026-02-01&end_date=2026-02-28')).toEqual([
      ['third', 'second'],
      { start: '2026-02-01', end: '2026-02-28' },
      '2026-02-01',
      '2026-02-28',
    ])
    expect(await within('?start_date=2026-03-01')).toEqual([
      ['fifth', 'fourth'],
      { start: '2026-03-01', end: '2026-03-02T11:59:59.999Z' },
      '2026-03-01',
      null,
    ])
    expect(await within('?end_date=2026-01-31')).toEqual([
      ['first'],
      { start: '2026-01-31T23:59:59.999Z', end: '2026-01-31' },
      null,
      '2026-01-31',
    ])
    expect(await within('?start_date=2026-02-28&end_date=2026-02-28')).toEqual([
      ['third'],
      { start: '2026-02-28', end: '2026-02-28' },
      '2026-02-28',
      '2026-02-28',
    ])
    expect(await within('?start_date=2027-01-01&end_date=')).toEqual([[], { start: '2027-01-01', end: null }, '2027-01-01', null])
  })

  test('of a manager holds what self and team closed; of an auditor everything', async () => {
    const own = (await report(manager)).body
    expect(namesOf(own)).toEqual(['fifth', 'third', 'second', 'first'])
    expect(own.filters_applied?.role_filter).toBe('manager')
    expect(namesOf((await report(other)).body)).toEqual(['fourth'])
    expect(namesOf((await report(auditor)).body)).toHaveLength(5)
  })

  test('of one closer says so, with the id as it was sent', async () => {
    for (const who of [crm.admin, manager]) {
      const { body } = await report(who, `?user_id=${ann.id}&start_date=2026-02-01`)
      expect([namesOf(body), body.filters_applied?.user_id]).toEqual([['second'], String(ann.id)])
    }
    expect(namesOf((await report(crm.admin, `?user_id=${auditor.id}`)).body)).toEqual([])
  })

  test('goes by who closed a sale, not by who has the lead, and forgets one that was taken back', async () => {
    const lead = await crm.lead({ assigned_user_id: ann.id })
    await crm.call(manager, `PUT /leads/${lead.id}`, { status: 'signed_up' })
    expect((await report(crm.admin, `?user_id=${manager.id}`)).body.summary?.total_sales).toBe(2)
    await crm.call(ann, `PUT /leads/${lead.id}`, { status: 'contacted' })
    expect((await report(crm.admin, `?user_id=${manager.id}`)).body.summary?.total_sales).toBe(1)
    await store(Number(lead.id), { closedAt: '2026-02-02T00:00:00.000Z' })
    expect((await report(crm.admin)).body.summary?.total_sales).toBe(5)
  })

  test('keeps the name of a closer who is no user any more', async () => {
    await store(sold.get('fourth') ?? 0, { closedById: null, closedByName: 'somebody old' })
    const { body } = await report(crm.admin)
    expect(body.user_summary).toContainEqual({ user_id: null, username: 'somebody old', total_sales: 1, total_amount: 0 })
  })
})
