import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aLead, type Crm, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
let mine: Member
let other: Member
let theirs: Member
let auditor: Member

beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager' })
  other = await crm.join({ role: 'manager' })
  mine = await crm.join({ manager })
  theirs = await crm.join({ manager: other })
  auditor = await crm.joinAs('auditor')
})
afterAll(() => crm.close())

const create = (who: Member, fields: Record<string, unknown> = {}) => crm.call(who, 'POST /leads', aLead(fields))

describe('a new lead is refused', () => {
  test('without its three texts, in this order', async () => {
    expect(said(await crm.call(mine, 'POST /leads', {}))).toEqual([400, 'practice_name is required'])
    expect(said(await crm.call(mine, 'POST /leads', { practice_name: 'x' }))).toEqual([400, 'owner_name is required'])
    expect(said(await crm.call(mine, 'POST /leads', { practice_name: 'x', owner_name: 'x' }))).toEqual([400, 'practice_phone is required'])
    expect(said(await create(mine, { practice_name: '  ' }))).toEqual([400, 'practice_name is required'])
  })

  test('with a text that is too long, or holds what pages cannot bear', async () => {
    for (const [field, limit] of Object.entries({
      practice_name: 200,
      owner_name: 200,
      practice_phone: 50,
      email: 254,
      owner_phone: 50,
      address: 500,
      ein_tin: 500,
    })) {
      expect(said(await create(mine, { [field]: 'x'.repeat(limit + 1) }))).toEqual([400, `${field} is too long`])
      for (const bad of ['<', '>', '\u0007', '\u007f'])
        expect(said(await create(mine, { [field]: `a${bad}` }))).toEqual([400, `${field} contains characters that are not allowed`])
    }
  })

  test('with a score, status, priority or address that is none', async () => {
    for (const score of [-1, 101, 1.5, 'x']) expect(said(await create(mine, { score }))).toEqual([400, 'Invalid score'])
    for (const status of ['assigned', 7]) expect(said(await create(mine, { status }))).toEqual([400, 'Invalid status'])
    for (const priority of ['urgent', 7]) expect(said(await create(mine, { priority }))).toEqual([400, 'Invalid priority'])
    expect(said(await create(mine, { email: 'x' }))).toEqual([400, 'Invalid email'])
  })

  test('for somebody out of reach', async () => {
    for (const id of [theirs.id, manager.id, crm.admin.id, 99999])
      expect(said(await create(mine, { assigned_user_id: id }))).toEqual([403, 'You can only assign leads to yourself'])
    for (const id of [theirs.id, other.id, crm.admin.id, 99999])
      expect(said(await create(manager, { assigned_user_id: id }))).toEqual([403, 'You can only assign leads within your team'])
    for (const who of [mine, manager])
      expect(said(await create(who, { assigned_user_id: null }))).toEqual([403, 'Only admins can unassign leads'])
  })

  test('for somebody who is nobody, or is deactivated', async () => {
    const gone = await crm.join({ manager })
    await crm.call(crm.admin, `PUT /users/${gone.id}`, { is_active: false })
    for (const who of [crm.admin, manager])
      expect(said(await create(who, { assigned_user_id: gone.id }))).toEqual([400, 'Invalid assigned_user_id: User not found'])
    for (const id of [99999, 0, -1, 1.5, 'x', '', true])
      expect(said(await create(crm.admin, { assigned_user_id: id }))).toEqual([400, 'Invalid assigned_user_id: User not found'])
    const stranger = await crm.stranger()
    for (let made = 0; made < 5; made++)
      await crm.call(stranger, 'POST /users', { username: `far.away.${made}`, password: 'violet harbour 7 lanterns' })
    expect(said(await create(stranger, { assigned_user_id: auditor.id + 100 }))).toEqual([400, 'Invalid assigned_user_id: User not found'])
  })
})

describe('a new lead', () => {
  test('has exactly the fields of the contract', async () => {
    const texts = [
      'practice_name',
      'owner_name',
      'practice_phone',
      'address',
      'city',
      'state',
      'zip_code',
      'specialty',
      'ptan',
      'ein_tin',
      'npi',
      'fax',
      'owner_phone',
      'source',
      'lead_type',
    ]
    const sent = Object.fromEntries(texts.map((field) => [field, `my ${field}`]))
    const { status, body } = await crm.call(mine, 'POST /leads', {
      ...sent,
      email: 'Info@Example.org',
      score: '81',
      status: 'Qualified',
      priority: 'HIGH',
    })
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect([status, body]).toEqual([
      201,
      {
        message: 'Lead created successfully',
        assigned_to: mine.username,
        lead: {
          id: expect.any(Number),
          ...sent,
          email: 'Info@Example.org',
          score: 81,
          status: 'qualified',
          priority: 'high',
          assigned_user_id: mine.id,
          assigned_at: at,
          docs_sent: false,
          docs_sent_at: null,
          docs_sent_by: '',
          closed_at: null,
          closed_by_user_id: null,
          closed_by_username: '',
          auto_converted: false,
          conversion_reason: '',
          created_by: mine.username,
          created_at: at,
          updated_at: at,
        },
      },
    ])
    expect(body.lead?.assigned_at).toEqual(body.lead?.created_at)
  })

  test('has defaults for what is absent, null or empty', async () => {
    for (const fields of [{}, { status: '', priority: '', email: '', city: null, score: null }])
      expect((await create(crm.admin, fields)).body.lead).toMatchObject({
        score: 75,
        status: 'new',
        priority: 'medium',
        email: '',
        city: '',
        fax: '',
      })
  })

  test('goes to its agent, to the manager’s first agent, or to the first of all', async () => {
    expect((await create(mine)).body.assigned_to).toBe(mine.username)
    expect((await create(manager)).body.assigned_to).toBe(mine.username)
    expect((await create(other)).body.assigned_to).toBe(theirs.username)
    expect((await create(crm.admin)).body.assigned_to).toBe(mine.username)
    const alone = await crm.join({ role: 'manager' })
    expect((await create(alone)).body.assigned_to).toBe(alone.username)
    const supervisor = await crm.joinAs('supervisor')
    const below = await crm.joinAs('owner', supervisor)
    expect((await create(supervisor)).body.assigned_to).toBe(supervisor.username)
    expect((await create(below, { assigned_user_id: null })).body.assigned_to).toBeNull()
    const empty = await crm.stranger()
    expect((await create(empty)).body.assigned_to).toBe(empty.username)
  })

  test('goes past agents who are deactivated', async () => {
    const lead = await crm.join({ role: 'manager' })
    const first = await crm.join({ manager: lead })
    const second = await crm.join({ manager: lead })
    await crm.call(crm.admin, `PUT /users/${first.id}`, { is_active: false })
    expect((await create(lead)).body.assigned_to).toBe(second.username)
  })

  test('goes to whom an agent, a manager or an administrator may name', async () => {
    expect((await create(mine, { assigned_user_id: mine.id })).body.assigned_to).toBe(mine.username)
    for (const id of [manager.id, String(mine.id)]) expect((await create(manager, { assigned_user_id: id })).status).toBe(201)
    expect((await create(crm.admin, { assigned_user_id: theirs.id })).body.lead?.assigned_user_id).toBe(theirs.id)
    const unassigned = await create(crm.admin, { assigned_user_id: null })
    expect([unassigned.body.assigned_to, unassigned.body.lead?.assigned_user_id, unassigned.body.lead?.assigned_at]).toEqual([
      null,
      null,
      null,
    ])
  })

  test('that is won already counts as a sale of who made it', async () => {
    const { body } = await create(mine, { status: 'SOLD' })
    expect(body.lead).toMatchObject({
      status: 'sold',
      closed_at: body.lead?.created_at,
      closed_by_user_id: mine.id,
      closed_by_username: mine.username,
      auto_converted: false,
      conversion_reason: 'manual',
    })
  })

  test('of many at once has a number of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => create(mine)))
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(201))
    expect(new Set(answers.map(({ body }) => body.lead?.id)).size).toBe(30)
  })
})
