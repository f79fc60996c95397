import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import { patched, update } from '../../kernel/change.ts'
import type { Answer } from '../../testing/server.ts'
import { type Crm, type Member, said, startCrm } from './testing/crm.ts'

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

  test('begins again when the team changed between two pages', async () => {
    const growing = await crm.join({ role: 'manager' })
    for (const owner of [growing, growing]) await crm.lead({ assigned_user_id: owner.id })
    const { next_cursor } = (await crm.call(growing, 'GET /leads?limit=1')).body
    await crm.join({ manager: growing })
    expect(said(await crm.call(growing, `GET /leads?limit=1&cursor=${next_cursor}`))).toEqual([400, 'Invalid cursor'])
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

  test('takes composed and decomposed letters for the same', async () => {
    const lead = await crm.lead({ city: 'Orl\u00e9ans' })
    for (const q of ['ORL\u00c9ANS', 'orle\u0301ans']) expect(idsOf(await search(crm.admin, q))).toEqual([Number(lead.id)])
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
