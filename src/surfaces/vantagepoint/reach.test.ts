import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Crm, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let administrator: Member
let manager: Member
let other: Member
let supervisor: Member
let below: Member
let mine: Member
let theirs: Member
let auditor: Member

beforeAll(async () => {
  crm = await startCrm()
  administrator = await crm.join({ role: 'admin' })
  manager = await crm.join({ role: 'manager' })
  other = await crm.join({ role: 'manager' })
  supervisor = await crm.joinAs('supervisor')
  below = await crm.join({ manager: supervisor })
  mine = await crm.join({ manager })
  theirs = await crm.join({ manager: other })
  auditor = await crm.joinAs('auditor')
})
afterAll(() => crm.close())

const seen = async (who: Member) => {
  const { body } = await crm.call(who, 'GET /users')
  const ids = [...(body.users ?? [])].map(({ id }) => Number(id))
  expect([body.total_count, body.message]).toEqual([ids.length, 'Users retrieved successfully'])
  expect(ids).toEqual([...ids].sort((a, b) => a - b))
  return ids
}

describe('the users', () => {
  test('are not for agents', async () => {
    expect(said(await crm.call(mine, 'GET /users'))).toEqual([403, 'Only admins and managers can view users'])
  })

  test('are all there for administrators and auditors, deactivated ones too', async () => {
    const gone = await crm.join({})
    await crm.call(administrator, `PUT /users/${gone.id}`, { is_active: false })
    const everyone = [crm.admin, administrator, manager, other, supervisor, below, mine, theirs, auditor, gone].map(({ id }) => id)
    for (const who of [crm.admin, administrator, auditor]) expect(await seen(who)).toEqual(expect.arrayContaining(everyone))
  })

  test('of a manager are oneself and the team, of a supervisor the whole tree below', async () => {
    expect(await seen(manager)).toEqual([manager.id, mine.id])
    expect(await seen(other)).toEqual([other.id, theirs.id])
    const people = await crm.server.send('GET', '/v1/users?limit=200', { token: crm.admin.token })
    const rowOf = (id: number) => [...(people.body.items ?? [])].find(({ number }) => Number(number) === id)
    expect(await seen(supervisor)).toEqual([supervisor.id, below.id])
    const patch = { managerId: rowOf(supervisor.id)?.id, version: rowOf(other.id)?.version }
    await crm.server.send('PATCH', `/v1/users/${rowOf(other.id)?.id}`, { token: crm.admin.token, body: patch })
    expect(await seen(supervisor)).toEqual([other.id, supervisor.id, below.id, theirs.id])
    expect(await seen(other)).toEqual([other.id, theirs.id])
  })
})

test('a team that changes changes what its manager sees, from the next request', async () => {
  const moving = await crm.join({ manager })
  const lead = await crm.lead({ assigned_user_id: moving.id })
  const sees = async (who: Member) =>
    [...((await crm.call(who, 'GET /leads')).body.leads ?? [])].some(({ id }) => Number(id) === Number(lead.id))
  expect([await sees(manager), await sees(other)]).toEqual([true, false])
  await crm.call(administrator, `PUT /users/${moving.id}`, { manager_id: other.id })
  expect([await sees(manager), await sees(other)]).toEqual([false, true])
  expect(said(await crm.call(manager, `PUT /leads/${lead.id}`, { city: 'x' }))).toEqual([403, 'You can only edit leads of your own team'])
  expect((await crm.call(manager, 'GET /summary')).body.total_leads).toBe(0)
})

test('auditors read whatever administrators read', async () => {
  for (const what of [
    'GET /users',
    'GET /managers',
    'GET /organization',
    'GET /leads',
    'GET /leads/search?q=elm',
    'GET /admin/analytics',
    'GET /analytics/dashboard',
    'GET /reports/commission',
  ]) {
    const [one, two] = [await crm.call(auditor, what), await crm.call(administrator, what)]
    const bare = (text: string) => text.replace(/"generated_at":"[^"]*"|"role_filter":"\w+"/g, '')
    expect([one.status, bare(one.text)]).toEqual([200, bare(two.text)])
  }
})

test('a machine’s key works with its role, and is nobody', async () => {
  const { body } = await crm.server.send('POST', '/v1/api-keys', {
    token: crm.admin.token,
    body: { name: 'sync', role: 'admin', expiresAt: null },
  })
  const headers = { 'x-api-key': String(body.key) }
  const made = await crm.call(
    null,
    'POST /leads',
    { practice_name: 'x', owner_name: 'x', practice_phone: '1', assigned_user_id: null, status: 'sold' },
    headers,
  )
  expect([made.status, made.body.lead?.created_by, made.body.lead?.closed_by_user_id, made.body.lead?.closed_by_username]).toEqual([
    201,
    'sync',
    null,
    'sync',
  ])
  expect((await crm.call(null, 'GET /auth/me', undefined, headers)).status).toBe(403)
})

test('a store that fails says so, and never looks empty or like bad credentials', async () => {
  const failing = await startCrm()
  const agent = await failing.join({})
  await failing.server.holdfast.runtime.storage.close()
  for (const [what, body] of [
    ['GET /leads', undefined],
    ['GET /auth/me', undefined],
    ['GET /users', undefined],
    ['POST /leads', { practice_name: 'x', owner_name: 'x', practice_phone: '1' }],
    ['POST /auth/login', { username: agent.username, password: 'violet harbour 7 lanterns' }],
  ] as const) {
    const answer = await failing.call(failing.admin, what, body)
    expect([answer.status, typeof answer.body.detail]).toEqual([503, 'string'])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect(answer.text).not.toMatch(/sqlite|\.db|stack/i)
  }
  await failing.close()
})
