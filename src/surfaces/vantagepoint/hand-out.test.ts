import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testEngine } from '../../testing/engines.ts'
import { aLead, type Crm, goodPassword, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
beforeEach(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager' })
})
afterEach(() => crm.close())

const hire = (username: string, fields: Record<string, unknown> = {}) =>
  crm.call(crm.admin, 'POST /users', { username, password: goodPassword, ...fields })

/** Unassigned leads with these scores; their ids in the same order. */
async function leads(scores: readonly number[], fields: (at: number) => Record<string, unknown> = () => ({})): Promise<number[]> {
  const ids: number[] = []
  for (let from = 0; from < scores.length; from += 1000) {
    const rows = scores.slice(from, from + 1000).map((score, at) => aLead({ score, ...fields(from + at) }))
    const { body } = await crm.call(crm.admin, 'POST /leads/bulk', { leads: rows })
    ids.push(...[...(body.lead_ids ?? [])].map(Number))
  }
  return ids
}

/** Owner of each lead by id; unassigned ones are absent. */
async function owners(): Promise<Map<number, number>> {
  const { body } = await crm.call(crm.admin, 'GET /leads')
  return new Map(
    [...(body.leads ?? [])]
      .filter((lead) => lead.assigned_user_id !== null)
      .map((lead) => [Number(lead.id), Number(lead.assigned_user_id)]),
  )
}

describe('a new agent', () => {
  test('gets the best twenty, higher scores first and lower ids on a tie', async () => {
    const ids = await leads([50, 90, 90, 70, 100, ...Array(30).fill(60), 99])
    const { body } = await hire('first.agent')
    expect(body.leads_assigned).toBe(20)
    const best = [ids[4], ids[35], ids[1], ids[2], ids[3], ...ids.slice(5, 20)]
    expect([...(await owners()).keys()].sort((a, b) => a - b)).toEqual(best.map(Number).sort((a, b) => a - b))
    const lead = await crm.shown(Number(ids[4]))
    expect(lead).toMatchObject({ assigned_user_id: body.user?.id, assigned_at: body.user?.created_at, updated_at: body.user?.created_at })
  })

  test('gets what there is when it is less, and the next one nothing', async () => {
    await leads([1, 2, 3])
    expect((await hire('first.agent')).body.leads_assigned).toBe(3)
    expect((await hire('second.agent')).body.leads_assigned).toBe(0)
  })

  test('gets no lead that is assigned, closed, hidden or a placeholder', async () => {
    const statuses = [
      'new',
      'contacted',
      'qualified',
      'appointment_set',
      'sold',
      'signed_up',
      'closed_won',
      'disposed',
      'closed_lost',
      'inactive_duplicate',
    ]
    const byStatus = await leads(
      statuses.map(() => 90),
      (at) => ({ status: statuses[at] }),
    )
    const names = ['Test Dental', 'The unknown', 'FAKE', 'demo', 'Sample-1', 'placeholder.', 'Contest Dental']
    const byName = await leads(
      names.map(() => 90),
      (at) => ({ practice_name: names[at] }),
    )
    await leads([90], () => ({ assigned_user_id: manager.id }))
    const { body } = await hire('first.agent')
    expect(body.leads_assigned).toBe(5)
    const given = [...(await owners())].filter(([, owner]) => owner === Number(body.user?.id)).map(([id]) => id)
    expect(given).toEqual([...byStatus.slice(0, 4), byName[6]])
  })

  test('is the only one who gets any: managers and administrators do not', async () => {
    await leads([1, 2, 3])
    for (const role of ['manager', 'admin']) expect((await hire(`a.${role}`, { role })).body.leads_assigned).toBe(0)
    expect((await crm.call(manager, 'POST /users', { username: 'of.manager', password: goodPassword })).body.leads_assigned).toBe(3)
  })

  test('that is refused takes nothing', async () => {
    await leads([1, 2, 3])
    await hire('first.agent', { role: 'manager' })
    expect(said(await hire('first.agent'))).toEqual([400, 'Username already exists'])
    expect((await owners()).size).toBe(0)
  })

  test('gets a lead again that came free, or became eligible, or lost its placeholder', async () => {
    const [mine, closed, fake] = await leads(
      [9, 8, 7],
      (at) => [{ assigned_user_id: manager.id }, { status: 'closed_lost' }, { practice_name: 'Fake' }][at] ?? {},
    )
    expect((await hire('first.agent')).body.leads_assigned).toBe(0)
    await crm.call(crm.admin, `PUT /leads/${mine}`, { assigned_user_id: null })
    await crm.call(crm.admin, `PUT /leads/${closed}`, { status: 'new' })
    await crm.call(crm.admin, `PUT /leads/${fake}`, { practice_name: 'Elm' })
    expect((await hire('second.agent')).body.leads_assigned).toBe(3)
  })
})

test('forty at once come out as if one after another, far within the page’s limit', async () => {
  const ids = await leads(Array.from({ length: 730 }, (_, at) => (at * 37) % 101))
  const started = performance.now()
  const took: number[] = []
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, at) => {
      const answer = await crm.call(at % 2 === 0 ? crm.admin : manager, 'POST /users', {
        username: `parallel.${at}`,
        password: goodPassword,
      })
      took.push(performance.now() - started)
      return answer
    }),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(201))
  const counts = answers.map(({ body }) => Number(body.leads_assigned)).sort((a, b) => b - a)
  expect(counts).toEqual([...Array(36).fill(20), 10, 0, 0, 0])
  const given = await owners()
  expect(given.size).toBe(ids.length)
  for (const { body } of answers)
    expect([...given.values()].filter((owner) => owner === Number(body.user?.id))).toHaveLength(Number(body.leads_assigned))
  // AWS's local DynamoDB writes every index of every row one after another: half of the page's time is for real engines
  expect(Math.max(...took)).toBeLessThan(testEngine === 'dynamodb' ? 15_000 : 15_000 / 2)
})

test('hand-outs beside changes of the same leads lose neither', async () => {
  const ids = await leads(Array.from({ length: 60 }, () => 80))
  const [hired, changed] = await Promise.all([
    Promise.all(Array.from({ length: 3 }, (_, at) => hire(`racing.${at}`))),
    Promise.all(ids.map((id) => crm.call(crm.admin, `PUT /leads/${id}`, { city: `city ${id}` }))),
  ])
  expect(hired.map(({ body }) => body.leads_assigned)).toEqual([20, 20, 20])
  expect(changed.map(({ status }) => status)).toEqual(Array(60).fill(200))
  const { body } = await crm.call(crm.admin, 'GET /leads')
  for (const lead of body.leads ?? []) expect([lead.city, lead.assigned_user_id !== null]).toEqual([`city ${lead.id}`, true])
})
