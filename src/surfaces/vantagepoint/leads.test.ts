import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import { patched, update } from '../../kernel/change.ts'
import type { Answer } from '../../testing/server.ts'
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

const idsOf = ({ body }: Answer) => [...(body.leads ?? [])].map(({ id }) => Number(id))
const create = (who: Member, fields: object = {}) => crm.call(who, 'POST /leads', aLead(fields))

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

describe('the list', () => {
  test('is refused for a bad limit or cursor', async () => {
    for (const limit of ['0', '-1', '10001', '1.5', 'x', '', '99999999'])
      expect(said(await crm.call(mine, `GET /leads?limit=${limit}`))).toEqual([400, 'Invalid limit'])
    expect(said(await crm.call(mine, 'GET /leads?limit=5&cursor=x'))).toEqual([400, 'Invalid cursor'])
  })

  test('shows the leads that one may see, by ascending id', async () => {
    const lone = await crm.lead()
    const byOwner = new Map<Member, number>()
    for (const owner of [mine, manager, theirs, other]) byOwner.set(owner, Number((await crm.lead({ assigned_user_id: owner.id })).id))
    const sees = async (who: Member) => {
      const answer = await crm.call(who, 'GET /leads')
      const ids = idsOf(answer)
      expect(ids).toEqual([...ids].sort((a, b) => a - b))
      expect(answer.body.total).toBe(ids.length)
      return [...byOwner]
        .filter(([, id]) => ids.includes(id))
        .map(([owner]) => owner)
        .concat(ids.includes(Number(lone.id)) ? [crm.admin] : [])
    }
    expect(await sees(mine)).toEqual([mine])
    expect(await sees(manager)).toEqual([mine, manager])
    expect(await sees(other)).toEqual([theirs, other])
    for (const who of [crm.admin, auditor]) expect(await sees(who)).toEqual([mine, manager, theirs, other, crm.admin])
  })

  test('of a supervisor reaches the whole tree below', async () => {
    const supervisor = await crm.joinAs('supervisor')
    const people = await crm.server.send('GET', '/v1/users?limit=200', { token: crm.admin.token })
    const rowOf = (id: number) => [...(people.body.items ?? [])].find(({ number }) => Number(number) === id)
    const patch = { managerId: rowOf(supervisor.id)?.id, version: rowOf(other.id)?.version }
    expect((await crm.server.send('PATCH', `/v1/users/${rowOf(other.id)?.id}`, { token: crm.admin.token, body: patch })).status).toBe(200)
    const lead = await crm.lead({ assigned_user_id: theirs.id })
    expect(idsOf(await crm.call(supervisor, 'GET /leads'))).toContain(Number(lead.id))
    expect(idsOf(await crm.call(other, 'GET /leads'))).toContain(Number(lead.id))
  })

  test('hides duplicates, everywhere but from a change by id', async () => {
    const lead = await crm.lead({ practice_name: 'Hidden Dental', status: 'inactive_duplicate' })
    expect(await crm.shown(Number(lead.id))).toBeUndefined()
    expect((await crm.call(crm.admin, 'GET /leads/search?q=hidden')).body.total).toBe(0)
    expect((await crm.call(crm.admin, 'GET /summary')).body.status_breakdown).not.toHaveProperty('inactive_duplicate')
    const change = await crm.call(crm.admin, `PUT /leads/${lead.id}`, { status: 'contacted' })
    expect(change.status).toBe(200)
    expect(await crm.shown(Number(lead.id))).toBeDefined()
  })

  test('comes in pages where a limit is given, with the size of the whole', async () => {
    for (const who of [crm.admin, manager, mine]) {
      const whole = idsOf(await crm.call(who, 'GET /leads'))
      for (const limit of [1, 3, whole.length, 10_000]) {
        const seen: number[] = []
        for (let cursor: string | null = ''; cursor !== null; ) {
          const page = await crm.call(who, `GET /leads?limit=${limit}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
          expect([page.status, page.body.total]).toEqual([200, whole.length])
          expect(idsOf(page).length).toBeLessThanOrEqual(limit)
          seen.push(...idsOf(page))
          cursor = page.body.next_cursor === null ? null : String(page.body.next_cursor)
        }
        expect(seen).toEqual(whole)
      }
    }
    expect((await crm.call(mine, 'GET /leads')).body).not.toHaveProperty('next_cursor')
  })

  test('shows angle brackets of odd rows as quotation marks', async () => {
    const lead = await crm.lead({ practice_name: 'Odd Row' })
    await store(Number(lead.id), { practiceName: '<b>Odd</b> Row', city: '<' })
    expect(await crm.shown(Number(lead.id))).toMatchObject({ practice_name: '‹b›Odd‹/b› Row', city: '‹' })
  })

  test('holds no contact that is no lead', async () => {
    const lead = await crm.lead()
    await store(Number(lead.id), { leadStatus: null })
    expect(await crm.shown(Number(lead.id))).toBeUndefined()
    for (const what of ['PUT', 'DELETE'])
      expect(said(await crm.call(crm.admin, `${what} /leads/${lead.id}`))).toEqual([404, 'Lead not found'])
  })
})

/** Changes a row beside the surface, as an import would. */
async function store(number: number, fields: object): Promise<void> {
  const { storage } = crm.server.holdfast.runtime
  const { body } = await crm.server.send('GET', '/v1/audit?limit=1', { token: crm.admin.token })
  const tenant = storage.tenant(String(body.items?.[0]?.stream))
  const lead = await tenant.find(Contact, 'number', [number])
  if (lead === null) throw new Error(`no lead ${number}`)
  const meta = {
    actor: { id: null, kind: 'system', name: 'test' },
    action: 'test',
    entity: null,
    requestId: null,
    time: lead.updatedAt,
  } as const
  await tenant.commit([update(Contact, lead, patched(Contact, lead, fields, lead.updatedAt))], meta)
}

describe('the search', () => {
  const search = (who: Member, q: string) => crm.call(who, `GET /leads/search?q=${encodeURIComponent(q)}`)

  test('needs a text', async () => {
    for (const what of ['GET /leads/search', 'GET /leads/search?q=', 'GET /leads/search?q=%20%20'])
      expect(said(await crm.call(mine, what))).toEqual([400, "Search query 'q' parameter is required"])
  })

  test('looks through seven fields, in any case, and through no others', async () => {
    const fields = {
      practice_name: 'Quokka1',
      owner_name: 'Quokka2',
      specialty: 'Quokka3',
      city: 'Quokka4',
      state: 'Quokka5',
      status: 'appointment_set',
      priority: 'low',
    }
    const hidden = {
      practice_phone: 'Wombat1',
      address: 'Wombat2',
      zip_code: 'Wombat3',
      source: 'Wombat4',
      email: 'wombat@example.org',
      lead_type: 'Wombat5',
    }
    const lead = await crm.lead({ ...fields, ...hidden })
    for (const q of ['QUOKKA1', 'quokka2', ' Quokka3 ', 'okka4', 'qUOKKA5', 'APPOINTMENT_s'])
      expect(idsOf(await search(crm.admin, q))).toContain(Number(lead.id))
    expect(idsOf(await search(crm.admin, 'LOW'))).toContain(Number(lead.id))
    for (const q of ['wombat', 'quokka1 quokka2', 'quokka1\nquokka2', 'quokka1\u001fquokka2'])
      expect((await search(crm.admin, q)).body.total).toBe(0)
  })

  test('takes the signs of patterns for what they are', async () => {
    const ids = new Map<string, number>()
    for (const sign of ['100%', 'a_b', 'x*y', 'c\\d']) ids.set(sign, Number((await crm.lead({ city: `sign ${sign} end` })).id))
    for (const [sign, id] of ids) expect(idsOf(await search(crm.admin, `sign ${sign} e`))).toEqual([id])
    for (const q of ['sign % end', 'sign a%b', 'sign _', 'sign x.y', 'sign *', 'aXb'])
      expect((await search(crm.admin, q)).body.total).toBe(0)
  })

  test('says what it looked for and in how many, within what one may see', async () => {
    const lead = await crm.lead({ practice_name: 'Numbat Dental', assigned_user_id: theirs.id })
    const seen = Number((await crm.call(mine, 'GET /leads')).body.total)
    expect((await search(mine, '  NUMBAT ')).body).toEqual({ leads: [], total: 0, query: 'numbat', searched_in: seen })
    for (const who of [theirs, other, crm.admin, auditor]) {
      const { body } = await search(who, 'numbat')
      expect([body.total, idsOf({ body } as Answer), body.searched_in]).toEqual([
        1,
        [Number(lead.id)],
        (await crm.call(who, 'GET /leads')).body.total,
      ])
    }
  })
})
