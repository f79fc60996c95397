import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../../testing/server.ts'
import { type Crm, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
let other: Member
let gone: Member
let ann: Member
let bob: Member
let cat: Member
let dan: Member
let auditor: Member
let idle: Member

const give = async (owner: Member | null, statuses: readonly string[], fields: object = {}) => {
  for (const status of statuses) await crm.lead({ assigned_user_id: owner?.id ?? null, status, ...fields })
}

/**
 * manager: ann (7 leads, 4 signed up of which 3 won), bob (3, 1), gone (deactivated: 1, 1) · other: cat (2, 2) · no manager: dan (1, 0) · idle: a manager without agents
 * the managers' own: manager 1 sold · unassigned: 2 new
 */
beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager', username: 'manager.one', full_name: 'Mia One', email: 'mia@example.org' })
  other = await crm.join({ role: 'manager', username: 'manager.two' })
  ann = await crm.join({ username: 'ann.agent', manager })
  bob = await crm.join({ username: 'bob.agent', manager })
  gone = await crm.join({ username: 'gone.agent', manager })
  cat = await crm.join({ username: 'cat.agent', manager: other })
  dan = await crm.join({ username: 'dan.agent' })
  idle = await crm.join({ role: 'manager', username: 'manager.idle' })
  auditor = await crm.joinAs('auditor')
  await give(ann, ['new', 'qualified', 'SOLD', 'signed_up', 'closed_won', 'disposed', 'closed_lost', 'inactive_duplicate'], {
    priority: 'high',
  })
  await give(bob, ['new', 'contacted', 'disposed'])
  await give(gone, ['sold'])
  await give(cat, ['sold', 'signed_up'], { priority: 'low' })
  await give(dan, ['appointment_set'])
  await give(manager, ['sold'])
  await give(null, ['new', 'new'], { practice_name: 'Test Dental' }) // a placeholder, so that nobody who joins gets them
  await crm.call(crm.admin, `PUT /users/${gone.id}`, { is_active: false })
  await crm.call(crm.admin, `PUT /users/${idle.id}`, { is_active: false })
})
afterAll(() => crm.close())

const get = async (who: Member, path: string) => (await crm.call(who, `GET ${path}`)).body

describe('the summary', () => {
  const common = (body: Answer['body']) => {
    const { status_breakdown, priority_breakdown, user_role, team_performance, your_rank, ...numbers } = body
    return numbers
  }

  test('counts the visible set: all of it for administrators and auditors', async () => {
    for (const who of [crm.admin, auditor]) {
      const body = await get(who, '/summary')
      expect(common(body)).toEqual({
        total_leads: 17,
        practices_signed_up: 9,
        active_leads: 3,
        conversion_rate: 52.9,
        new_leads: 4,
        contacted_leads: 1,
        qualified_leads: 1,
      })
      expect(body.status_breakdown).toEqual({
        new: 4,
        contacted: 1,
        qualified: 1,
        appointment_set: 1,
        sold: 4,
        signed_up: 2,
        closed_won: 1,
        disposed: 2,
        closed_lost: 1,
      })
      expect(body.priority_breakdown).toEqual({ high: 7, medium: 8, low: 2 })
      expect(body.user_role).toBe(who === auditor ? 'auditor' : 'admin')
      expect(body).not.toHaveProperty('team_performance')
    }
  })

  test('of a manager is over self and team, and of one without leads all zero', async () => {
    const body = await get(manager, '/summary')
    expect(common(body)).toEqual({
      total_leads: 12,
      practices_signed_up: 7,
      active_leads: 2,
      conversion_rate: 58.3,
      new_leads: 2,
      contacted_leads: 1,
      qualified_leads: 1,
    })
    expect([body.user_role, 'your_rank' in body]).toEqual(['manager', false])
    const fresh = await crm.join({ role: 'manager' })
    expect(common(await get(fresh, '/summary'))).toEqual({
      total_leads: 0,
      practices_signed_up: 0,
      active_leads: 0,
      conversion_rate: 0,
      new_leads: 0,
      contacted_leads: 0,
      qualified_leads: 0,
    })
  })

  test('of an agent also tells how the active team does, and the rank in it', async () => {
    const body = await get(ann, '/summary')
    expect(common(body)).toEqual({
      total_leads: 7,
      practices_signed_up: 4,
      active_leads: 1,
      conversion_rate: 57.1,
      new_leads: 1,
      contacted_leads: 0,
      qualified_leads: 1,
    })
    expect(body.status_breakdown).toEqual({ new: 1, qualified: 1, sold: 1, signed_up: 1, closed_won: 1, disposed: 1, closed_lost: 1 })
    expect([body.user_role, body.team_performance, body.your_rank]).toEqual(['agent', { 'ann.agent': 4, 'bob.agent': 1 }, 1])
    expect((await get(bob, '/summary')).your_rank).toBe(2)
    const alone = await get(dan, '/summary')
    expect([alone.team_performance, alone.your_rank]).toEqual([{ 'dan.agent': 0 }, 1])
    const second = await crm.join({ username: 'eve.agent' })
    expect((await get(second, '/summary')).team_performance).toEqual({ 'dan.agent': 0, 'eve.agent': 0 })
    expect([(await get(second, '/summary')).your_rank, (await get(dan, '/summary')).your_rank]).toEqual([1, 1])
  })
})

describe('the organisation', () => {
  const text = 'Only admins can view organizational structure'

  test('is for administrators and auditors', async () => {
    for (const who of [ann, manager]) expect(said(await crm.call(who, 'GET /organization'))).toEqual([403, text])
    expect((await crm.call(auditor, 'GET /organization')).status).toBe(200)
  })

  test('shows every manager and agent with their numbers, deactivated ones too', async () => {
    const body = await get(crm.admin, '/organization')
    const at = expect.stringMatching(/Z$/)
    const agent = (who: Member, lead_count: number, sales_count: number, is_active = true) => ({
      id: who.id,
      username: who.username,
      full_name: expect.any(String),
      email: '',
      is_active,
      created_at: at,
      lead_count,
      sales_count,
    })
    expect([...(body.managers ?? [])].slice(0, 3)).toEqual([
      {
        id: manager.id,
        username: 'manager.one',
        full_name: 'Mia One',
        email: 'mia@example.org',
        is_active: true,
        created_at: at,
        agent_count: 3,
        team_leads: 11,
        team_sales: 6,
        team_conversion_rate: 54.5,
        agents: [agent(ann, 7, 4), agent(bob, 3, 1), agent(gone, 1, 1, false)],
      },
      {
        id: other.id,
        username: 'manager.two',
        full_name: 'Manager Two',
        email: '',
        is_active: true,
        created_at: at,
        agent_count: 1,
        team_leads: 2,
        team_sales: 2,
        team_conversion_rate: 100,
        agents: [agent(cat, 2, 2)],
      },
      {
        id: idle.id,
        username: 'manager.idle',
        full_name: 'Manager Idle',
        email: '',
        is_active: false,
        created_at: at,
        agent_count: 0,
        team_leads: 0,
        team_sales: 0,
        team_conversion_rate: 0,
        agents: [],
      },
    ])
    expect(body.unassigned_agents?.[0]).toEqual(agent(dan, 1, 0))
    expect(Object.keys(body)).toEqual(['total_admins', 'total_managers', 'total_agents', 'managers', 'unassigned_agents'])
    expect([body.total_admins, body.total_managers, body.total_agents]).toEqual([
      1,
      body.managers?.length,
      4 + Number(body.unassigned_agents?.length),
    ])
  })

  test('counts owners among the administrators, and supervisors among the managers', async () => {
    const before = await get(crm.admin, '/organization')
    await crm.join({ role: 'admin' })
    await crm.joinAs('owner')
    await crm.joinAs('supervisor')
    const after = await get(crm.admin, '/organization')
    expect([
      Number(after.total_admins) - Number(before.total_admins),
      Number(after.total_managers) - Number(before.total_managers),
    ]).toEqual([2, 1])
  })
})

describe('the managers', () => {
  test('are listed for administrators and auditors, active ones by id, with all their agents counted', async () => {
    for (const who of [ann, manager])
      expect(said(await crm.call(who, 'GET /managers'))).toEqual([403, 'Only admins can view managers list'])
    expect((await crm.call(auditor, 'GET /managers')).status).toBe(200)
    const { managers } = await get(crm.admin, '/managers')
    expect(managers?.slice(0, 2)).toEqual([
      { id: manager.id, username: 'manager.one', full_name: 'Mia One', agent_count: 3 },
      { id: other.id, username: 'manager.two', full_name: 'Manager Two', agent_count: 1 },
    ])
    const ids = [...(managers ?? [])].map(({ id }) => Number(id))
    expect(ids).toEqual([...ids].sort((a, b) => a - b))
    expect(ids).not.toContain(idle.id)
  })
})

describe('the sales of managers', () => {
  test('are for administrators and auditors', async () => {
    for (const who of [ann, manager]) expect(said(await crm.call(who, 'GET /admin/analytics'))).toEqual([403, 'Admin access required'])
    expect((await crm.call(auditor, 'GET /admin/analytics')).status).toBe(200)
  })

  test('count what their agents won, most first', async () => {
    const body = await get(crm.admin, '/admin/analytics')
    expect(body).toMatchObject({ success: true, meta: { generated_at: expect.stringMatching(/^20.*Z$/) } })
    const agent = (who: Member, leads_assigned: number, closed_won: number) => ({
      id: who.id,
      username: who.username,
      full_name: expect.any(String),
      leads_assigned,
      closed_won,
    })
    expect(body.analytics?.manager_sales?.slice(0, 2)).toEqual([
      {
        manager_id: manager.id,
        manager_name: 'Mia One',
        manager_username: 'manager.one',
        team_size: 3,
        total_leads: 11,
        closed_won: 4,
        conversion_rate: 36.4,
        agents: [agent(ann, 7, 3), agent(bob, 3, 0), agent(gone, 1, 1)],
      },
      {
        manager_id: other.id,
        manager_name: 'Manager Two',
        manager_username: 'manager.two',
        team_size: 1,
        total_leads: 2,
        closed_won: 2,
        conversion_rate: 100,
        agents: [agent(cat, 2, 2)],
      },
    ])
    const rest = [...(body.analytics?.manager_sales ?? [])].slice(2)
    expect(rest.map(({ closed_won }) => closed_won)).toEqual(rest.map(() => 0))
    const ids = rest.map(({ manager_id }) => Number(manager_id))
    expect(ids).toEqual([...ids].sort((a, b) => a - b))
  })
})

describe('the dashboard', () => {
  test('of an administrator is over everyone', async () => {
    const { data } = await get(crm.admin, '/analytics/dashboard')
    const { total_count, users } = await get(crm.admin, '/users')
    expect(Object.keys(data ?? {})).toEqual(['totalUsers', 'activeUsers', 'totalLeads', 'conversionRate', 'recentLeads', 'topPerformers'])
    expect(data).toMatchObject({
      totalUsers: total_count,
      activeUsers: [...(users ?? [])].filter(({ is_active }) => String(is_active) === 'true').length,
      totalLeads: 17,
      conversionRate: 52.9,
    })
    expect(data?.recentLeads?.map(({ status }) => status)).toEqual(['new', 'new', 'sold', 'appointment_set', 'signed_up'])
    expect(data?.recentLeads?.[0]).toEqual({ name: 'Test Dental', email: '', status: 'new' })
    expect(data?.topPerformers).toEqual([
      { name: 'Ann Agent', role: 'agent', leadsConverted: 4 },
      { name: 'Cat Agent', role: 'agent', leadsConverted: 2 },
      { name: 'Bob Agent', role: 'agent', leadsConverted: 1 },
      { name: 'Gone Agent', role: 'agent', leadsConverted: 1 },
      { name: 'Dan Agent', role: 'agent', leadsConverted: 0 },
    ])
    expect((await get(auditor, '/analytics/dashboard')).data).toMatchObject({ totalLeads: 17 })
  })

  test('of a manager is over the team, and of an agent over oneself', async () => {
    const team = (await get(manager, '/analytics/dashboard')).data
    expect(team).toMatchObject({ totalUsers: 4, activeUsers: 3, totalLeads: 12, conversionRate: 58.3 })
    expect(team?.topPerformers?.map(({ name }) => name)).toEqual(['Ann Agent', 'Bob Agent', 'Gone Agent'])
    expect(team?.recentLeads?.map(({ status }) => status)).toEqual(['sold', 'sold', 'disposed', 'contacted', 'new'])
    const own = (await get(ann, '/analytics/dashboard')).data
    expect(own).toMatchObject({
      totalUsers: 1,
      activeUsers: 1,
      totalLeads: 7,
      conversionRate: 57.1,
      topPerformers: [{ name: 'Ann Agent', role: 'agent', leadsConverted: 4 }],
    })
    expect(own?.recentLeads?.map(({ status }) => status)).toEqual(['closed_lost', 'disposed', 'closed_won', 'signed_up', 'sold'])
  })
})

test('no number differs between the pages', async () => {
  const [summary, organization, dashboard] = [
    await get(crm.admin, '/summary'),
    await get(crm.admin, '/organization'),
    await get(crm.admin, '/analytics/dashboard'),
  ]
  const agents = [...(organization.managers ?? []), organization].flatMap((one) => [...(one.agents ?? one.unassigned_agents ?? [])])
  const assigned = agents.reduce((total, { lead_count }) => total + Number(lead_count), 0)
  const sales = agents.reduce((total, { sales_count }) => total + Number(sales_count), 0)
  expect([summary.total_leads, summary.practices_signed_up]).toEqual([assigned + 3, sales + 1]) // the manager's own, and the unassigned
  expect(dashboard.data?.totalLeads).toEqual(summary.total_leads)
  expect((await get(crm.admin, '/leads')).total).toEqual(summary.total_leads)
})
