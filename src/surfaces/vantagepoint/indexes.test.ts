import { afterAll, beforeAll, expect, test } from 'vitest'
import { Contact } from '../../contact/entity.ts'
import type { Selection } from '../../storage/port.ts'
import { aLead, type Crm, type Member, startCrm } from './testing/crm.ts'

type Asked = { what: string; type: string; selection: Selection; rows: number }

let crm: Crm
let manager: Member
let agent: Member
let asked: Asked[] = []

/** Writes down every question to the store; the answers are the engine's own. */
function listen(): void {
  const { storage } = crm.server.holdfast.runtime
  const tenant = storage.tenant.bind(storage)
  storage.tenant = (id) => {
    const store = tenant(id)
    return {
      ...store,
      async list(type, query) {
        const page = await store.list(type, query)
        asked.push({ what: 'list', type: type.name, selection: query, rows: page.items.length })
        return page
      },
      async count(type, selection) {
        asked.push({ what: 'count', type: type.name, selection, rows: 0 })
        return store.count(type, selection)
      },
      async tally(type, selection, by) {
        const found = await store.tally(type, selection, by)
        asked.push({ what: 'tally', type: type.name, selection, rows: found.length })
        return found
      },
    }
  }
}

beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager' })
  agent = await crm.join({ manager })
  const rows = Array.from({ length: 900 }, (_, at) => aLead({ score: at % 100, ...(at % 100 === 0 ? { assigned_user_id: agent.id } : {}) }))
  await crm.call(crm.admin, 'POST /leads/bulk', { leads: rows })
  listen()
})
afterAll(() => crm.close())

async function questions(who: Member, what: string): Promise<Asked[]> {
  asked = []
  expect((await crm.call(who, what)).status).toBeLessThan(300)
  return asked.filter(({ type }) => type === Contact.name)
}

test('an agent’s pages ask for the agent’s own leads, by index, and read no others', async () => {
  for (const what of ['GET /leads', 'GET /leads?limit=5', 'GET /leads/search?q=elm', 'GET /summary', 'GET /analytics/dashboard']) {
    const all = await questions(agent, what)
    expect(all.length).toBeGreaterThan(0)
    for (const { selection } of all) expect(Object.keys(selection.where ?? {})[0]).toBe('ownerId')
    expect(all.reduce((total, { rows }) => total + rows, 0)).toBeLessThan(40)
  }
})

test('a manager’s pages ask for the team’s', async () => {
  for (const what of [
    'GET /leads',
    'GET /leads?limit=5',
    'GET /leads/search?q=elm',
    'GET /summary',
    'GET /analytics/dashboard',
    'GET /reports/commission',
  ])
    for (const { selection } of await questions(manager, what))
      expect(['ownerId', 'closedById']).toContain(Object.keys(selection.where ?? {})[0])
})

test('counts read no rows, and every question names an index', async () => {
  for (const what of [
    'GET /summary',
    'GET /organization',
    'GET /admin/analytics',
    'GET /analytics/dashboard',
    'GET /leads?limit=10',
    'GET /reports/commission',
  ]) {
    const all = await questions(crm.admin, what)
    for (const { selection } of all) expect(Object.keys(Contact.indexes)).toContain(selection.index)
    expect(all.filter((one) => one.what === 'list').reduce((total, { rows }) => total + rows, 0)).toBeLessThanOrEqual(10)
  }
})

test('a hand-out reads twenty leads of nine hundred', async () => {
  const all = await questions(crm.admin, 'GET /managers')
  expect(all).toEqual([])
  asked = []
  const made = await crm.call(crm.admin, 'POST /users', { username: 'handed.out', password: 'violet harbour 7 lanterns' })
  expect(made.body.leads_assigned).toBe(20)
  expect(asked.filter(({ type }) => type === Contact.name).map(({ selection, rows }) => [selection.index, rows])).toEqual([
    ['byHandout', 20],
  ])
})

test('a change or removal of one lead asks for no list at all', async () => {
  const lead = await crm.lead({ assigned_user_id: agent.id })
  for (const [who, what] of [
    [agent, `PUT /leads/${lead.id}`],
    [manager, `DELETE /leads/${lead.id}`],
  ] as const)
    expect(await questions(who, what)).toEqual([])
})
