import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aLead, type Crm, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
let other: Member
let mine: Member
let theirs: Member

beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager' })
  other = await crm.join({ role: 'manager' })
  mine = await crm.join({ manager })
  theirs = await crm.join({ manager: other })
})
afterAll(() => crm.close())

const edit = (id: unknown, fields: object, who: Member = crm.admin) => crm.call(who, `PUT /leads/${id}`, fields)

describe('a change of a lead is refused', () => {
  test('where it does not exist, and where it is out of reach', async () => {
    const [ofTheirs, ofManager, ofNobody] = [
      await crm.lead({ assigned_user_id: theirs.id }),
      await crm.lead({ assigned_user_id: manager.id }),
      await crm.lead(),
    ]
    for (const who of [mine, manager, crm.admin]) expect(said(await edit(99999, { status: 'x' }, who))).toEqual([404, 'Lead not found'])
    for (const { id } of [ofTheirs, ofManager, ofNobody])
      expect(said(await edit(id, { status: 'x' }, mine))).toEqual([403, 'You can only edit your own leads'])
    for (const { id } of [ofTheirs, ofNobody])
      expect(said(await edit(id, { status: 'x' }, manager))).toEqual([403, 'You can only edit leads of your own team'])
    expect((await edit(ofTheirs.id, { city: 'x' }, other)).status).toBe(200)
  })

  test('by the rules of creation', async () => {
    const { id } = await crm.lead({ assigned_user_id: mine.id })
    for (const [fields, detail] of [
      [{ practice_name: '' }, 'practice_name is required'],
      [{ owner_name: null }, 'owner_name is required'],
      [{ practice_phone: ' ' }, 'practice_phone is required'],
      [{ city: 'a<b' }, 'city contains characters that are not allowed'],
      [{ npi: 'x'.repeat(501) }, 'npi is too long'],
      [{ score: 101 }, 'Invalid score'],
      [{ status: 'assigned' }, 'Invalid status'],
      [{ priority: 'urgent' }, 'Invalid priority'],
      [{ email: 'x' }, 'Invalid email'],
    ] as const)
      expect(said(await edit(id, fields, mine))).toEqual([400, detail])
    expect(said(await edit(id, { assigned_user_id: theirs.id }, mine))).toEqual([403, 'You can only assign leads to yourself'])
    expect(said(await edit(id, { assigned_user_id: theirs.id }, manager))).toEqual([403, 'You can only assign leads within your team'])
    expect(said(await edit(id, { assigned_user_id: 99999 }))).toEqual([400, 'Invalid assigned_user_id: User not found'])
    for (const who of [mine, manager])
      expect(said(await edit(id, { assigned_user_id: null }, who))).toEqual([403, 'Only admins can unassign leads'])
  })

  test('where a closed lead would change hands', async () => {
    for (const status of ['sold', 'signed_up', 'closed_won', 'disposed', 'closed_lost']) {
      const { id } = await crm.lead({ assigned_user_id: mine.id, status })
      for (const assigned_user_id of [theirs.id, null])
        expect(said(await edit(id, { assigned_user_id }))).toEqual([400, 'Closed leads cannot be reassigned'])
      expect((await edit(id, { assigned_user_id: mine.id, city: 'x' })).status).toBe(200)
      expect((await edit(id, { assigned_user_id: theirs.id, status: 'contacted' })).body.lead).toMatchObject({
        assigned_user_id: theirs.id,
        status: 'contacted',
      })
      expect(said(await edit(id, { assigned_user_id: mine.id, status }))).toEqual([400, 'Closed leads cannot be reassigned'])
    }
  })
})

describe('a change of a lead', () => {
  test('sets what was sent and nothing else, and moves its time', async () => {
    const lead = await crm.lead({ assigned_user_id: mine.id, city: 'Ghent', email: 'a@example.org' })
    await new Promise((resolve) => setTimeout(resolve, 5))
    const answer = await edit(lead.id, { city: 'Bruges', id: 1, docs_sent: true, created_by: 'x', nonsense: '<' }, mine)
    expect([answer.status, answer.body.message]).toEqual([200, 'Lead updated successfully'])
    const { updated_at, ...rest } = answer.body.lead ?? {}
    expect(rest).toEqual({ ...lead, city: 'Bruges', updated_at: undefined })
    expect(String(updated_at) > String(lead.updated_at)).toBe(true)
    expect(await crm.shown(Number(lead.id))).toEqual(answer.body.lead)
  })

  test('that changes nothing leaves the time', async () => {
    const lead = await crm.lead({ assigned_user_id: mine.id })
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (const fields of [{}, lead, { status: '', priority: '' }, { status: 'NEW', priority: 'Medium', score: '75' }, { score: null }])
      expect((await edit(lead.id, fields)).body.lead).toEqual(lead)
  })

  test('empties what may be empty', async () => {
    const lead = await crm.lead({ city: 'Ghent', email: 'a@example.org' })
    expect((await edit(lead.id, { city: '', email: null })).body.lead).toMatchObject({ city: '', email: '' })
  })

  test('by an agent, a manager or an administrator gives it to whom they may', async () => {
    const { id } = await crm.lead({ assigned_user_id: mine.id })
    const given = await edit(id, { assigned_user_id: manager.id }, manager)
    expect(given.body.lead).toMatchObject({ assigned_user_id: manager.id, assigned_at: given.body.lead?.updated_at })
    expect((await edit(id, { assigned_user_id: String(mine.id) }, manager)).body.lead?.assigned_user_id).toBe(mine.id)
    const freed = await edit(id, { assigned_user_id: null })
    expect(freed.body.lead).toMatchObject({ assigned_user_id: null, assigned_at: null })
    expect((await edit(id, { assigned_user_id: null })).status).toBe(200)
    expect((await edit(id, { assigned_user_id: theirs.id })).body.lead?.assigned_user_id).toBe(theirs.id)
  })

  test('leaves its owner when that one is sent again, deactivated or not', async () => {
    const leaving = await crm.join({ manager })
    const { id } = await crm.lead({ assigned_user_id: leaving.id })
    await crm.call(crm.admin, `PUT /users/${leaving.id}`, { is_active: false })
    const answer = await edit(id, { assigned_user_id: leaving.id, city: 'x' }, manager)
    expect([answer.status, answer.body.lead?.assigned_user_id]).toEqual([200, leaving.id])
  })

  test('makes, keeps and takes back a sale', async () => {
    const { id } = await crm.lead({ assigned_user_id: mine.id })
    const sold = (await edit(id, { status: 'SOLD' }, mine)).body.lead
    expect(sold).toMatchObject({
      status: 'sold',
      closed_at: sold?.updated_at,
      closed_by_user_id: mine.id,
      closed_by_username: mine.username,
      auto_converted: false,
      conversion_reason: 'manual',
    })
    const moved = (await edit(id, { status: 'signed_up' }, manager)).body.lead
    expect(moved).toMatchObject({
      status: 'signed_up',
      closed_at: sold?.closed_at,
      closed_by_user_id: mine.id,
      conversion_reason: 'manual',
    })
    const left = (await edit(id, { status: 'closed_lost' }, manager)).body.lead
    expect(left).toMatchObject({
      status: 'closed_lost',
      closed_at: null,
      closed_by_user_id: null,
      closed_by_username: '',
      auto_converted: false,
      conversion_reason: '',
    })
  })

  test('of many at once loses nobody’s fields', async () => {
    const { id } = await crm.lead({ assigned_user_id: mine.id })
    const fields = [
      'address',
      'city',
      'state',
      'zip_code',
      'specialty',
      'ptan',
      'ein_tin',
      'npi',
      'fax',
      'source',
      'lead_type',
      'owner_phone',
    ]
    const answers = await Promise.all(fields.map((field, at) => edit(id, { [field]: `by ${at}` }, at % 2 === 0 ? mine : manager)))
    expect(answers.map(({ status }) => status)).toEqual(fields.map(() => 200))
    expect(await crm.shown(Number(id))).toMatchObject(Object.fromEntries(fields.map((field, at) => [field, `by ${at}`])))
  })
})

test('sixty leads that go to one person at once all arrive', async () => {
  const leads = await Promise.all(Array.from({ length: 60 }, () => crm.lead()))
  const answers = await Promise.all(leads.map(({ id }) => edit(id, { assigned_user_id: mine.id }, crm.admin)))
  expect(answers.map(({ status }) => status)).toEqual(leads.map(() => 200))
  for (const { id } of leads) expect(await crm.shown(Number(id))).toMatchObject({ assigned_user_id: Number(mine.id) })
})

describe('a removal', () => {
  const remove = (id: unknown, who: Member) => crm.call(who, `DELETE /leads/${id}`)

  test('is refused to agents, and to managers out of reach', async () => {
    const [ofMine, ofTheirs, ofNobody] = [
      await crm.lead({ assigned_user_id: mine.id }),
      await crm.lead({ assigned_user_id: theirs.id }),
      await crm.lead(),
    ]
    for (const id of [ofMine.id, 99999]) expect(said(await remove(id, mine))).toEqual([403, 'Only admins and managers can delete leads'])
    for (const { id } of [ofTheirs, ofNobody])
      expect(said(await remove(id, manager))).toEqual([403, 'You can only delete leads of your own team'])
    for (const who of [manager, crm.admin]) expect(said(await remove(99999, who))).toEqual([404, 'Lead not found'])
  })

  test('leaves nothing behind, and its number is never given again', async () => {
    const before = (await crm.call(crm.admin, 'GET /summary')).body.total_leads
    const [first, second] = [await crm.lead({ assigned_user_id: mine.id }), await crm.lead()]
    for (const [who, { id }] of [
      [manager, first],
      [crm.admin, second],
    ] as const) {
      const answer = await remove(id, who)
      expect([answer.status, answer.body]).toEqual([200, { message: 'Lead deleted successfully' }])
      expect(said(await remove(id, crm.admin))).toEqual([404, 'Lead not found'])
      expect(said(await edit(id, {}))).toEqual([404, 'Lead not found'])
      expect(await crm.shown(Number(id))).toBeUndefined()
    }
    expect((await crm.call(crm.admin, 'GET /summary')).body.total_leads).toBe(before)
    await crm.server.restart()
    expect(Number((await crm.lead()).id)).toBeGreaterThan(Number(second.id))
  })
})

describe('a batch', () => {
  const bulk = (leads: unknown, who: Member = crm.admin, headers: Record<string, string> = {}) =>
    crm.call(who, 'POST /leads/bulk', { leads }, headers)
  const total = async () => Number((await crm.call(crm.admin, 'GET /summary')).body.total_leads)

  test('is for administrators', async () => {
    for (const who of [mine, manager]) expect(said(await bulk([aLead()], who))).toEqual([403, 'Only admins can upload leads in bulk'])
  })

  test('is a list of one to a thousand', async () => {
    for (const leads of [undefined, null, [], {}, 'x', 7])
      expect(said(await bulk(leads))).toEqual([400, 'Invalid format. Expected {"leads": [...]}'])
    expect(said(await bulk(Array.from({ length: 1001 }, () => aLead())))).toEqual([400, 'Maximum 1000 leads per batch'])
    const long = { source: 'x'.repeat(500), address: 'x'.repeat(500), city: 'x'.repeat(500) } // more than other addresses take
    const answer = await bulk(Array.from({ length: 1000 }, (_, at) => aLead({ ...long, zip_code: `${at}` })))
    expect([answer.status, answer.body.created_count]).toEqual([201, 1000])
  })

  test('with one bad row stores nothing, and names the first one', async () => {
    const before = await total()
    for (const [row, text] of [
      [{}, 'practice_name is required'],
      [aLead({ status: 'x' }), 'Invalid status'],
      [aLead({ score: 101 }), 'Invalid score'],
      [aLead({ city: '<' }), 'city contains characters that are not allowed'],
      [aLead({ assigned_user_id: 99999 }), 'Invalid assigned_user_id: User not found'],
      ['x', 'must be an object'],
      [null, 'must be an object'],
      [[], 'must be an object'],
    ] as const)
      expect(said(await bulk([aLead(), row, aLead({ priority: 'x' })]))).toEqual([400, `Lead 2: ${text}`])
    expect(await total()).toBe(before)
    const answer = await bulk([aLead(), aLead({ zip_code: '<' })])
    expect(answer.body.errors?.map(({ field }) => field)).toEqual(['leads.2.zip_code'])
  })

  test('counts its rows from 1 wherever a place is named', async () => {
    const places = async (row: unknown) => (await bulk([aLead(), row])).body.errors?.map(({ field }) => field)
    for (const row of ['x', null, []]) expect(await places(row)).toEqual(['leads.2'])
    expect(await places(aLead({ city: 'a\0' }))).toEqual(['leads.2.city'])
    expect(said(await bulk([aLead(), aLead({ city: 'a\0' })]))).toEqual([400, 'Lead 2: city contains characters that are not allowed'])
  })

  test('makes its leads in order, unassigned unless a row names someone', async () => {
    const { status, body } = await bulk([
      aLead({ city: 'a' }),
      aLead({ city: 'b', assigned_user_id: String(mine.id) }),
      aLead({ city: 'c', status: 'sold' }),
      aLead({ city: 'd', assigned_user_id: null }),
    ])
    expect([status, body]).toEqual([
      201,
      { message: '4 leads created', created_count: 4, failed_count: 0, failed_leads: [], lead_ids: expect.any(Array) },
    ])
    const made = await Promise.all([...(body.lead_ids ?? [])].map((id) => crm.shown(Number(id))))
    expect(made.map((lead) => lead?.city)).toEqual(['a', 'b', 'c', 'd'])
    expect(made.map((lead) => lead?.assigned_user_id)).toEqual([null, mine.id, null, null])
    expect(made[2]).toMatchObject({ status: 'sold', closed_by_user_id: crm.admin.id })
  })

  test('that is sent again with its key is made once', async () => {
    const before = await total()
    const key = { 'idempotency-key': 'batch-1' }
    const [first, again] = [await bulk([aLead(), aLead()], crm.admin, key), await bulk([aLead(), aLead()], crm.admin, key)]
    expect(again.text).toBe(first.text)
    expect(await total()).toBe(before + 2)
  })
})
