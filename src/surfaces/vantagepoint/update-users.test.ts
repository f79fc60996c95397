import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Crm, goodPassword, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let administrator: Member
let manager: Member
let other: Member
let supervisor: Member

beforeAll(async () => {
  crm = await startCrm()
  administrator = await crm.join({ role: 'admin' })
  manager = await crm.join({ role: 'manager' })
  other = await crm.join({ role: 'manager' })
  supervisor = await crm.joinAs('supervisor')
})
afterAll(() => crm.close())

const edit = (id: number, fields: object, who: Member = administrator) => crm.call(who, `PUT /users/${id}`, fields)

describe('a change of a user is refused', () => {
  test('to all but administrators', async () => {
    const agent = await crm.join({ manager })
    for (const who of [agent, manager, supervisor])
      for (const id of [agent.id, 99999]) expect(said(await edit(id, { full_name: 'X' }, who))).toEqual([403, 'Only admins can edit users'])
  })

  test('of an owner to all but owners', async () => {
    expect(said(await edit(crm.admin.id, { full_name: 'X' }))).toEqual([403, 'Only owners can edit owners'])
    for (const fields of [{ password: '' }, { email: 'x' }, { is_active: 'x' }, {}])
      expect(said(await edit(crm.admin.id, fields))).toEqual([403, 'Only owners can edit owners'])
    expect((await edit(crm.admin.id, { full_name: 'The Owner' }, crm.admin)).body.user?.full_name).toBe('The Owner')
  })

  test('where it would lock out who makes it', async () => {
    expect(said(await edit(administrator.id, { is_active: false }))).toEqual([400, 'You cannot deactivate your own account'])
    expect(said(await edit(crm.admin.id, { is_active: false }, crm.admin))).toEqual([400, 'You cannot deactivate your own account'])
    expect((await edit(administrator.id, { is_active: true })).status).toBe(200)
  })

  test('by the rules of creation', async () => {
    const { id } = await crm.join({ manager, username: 'theodora', email: 'theo@example.org' })
    await crm.join({ email: 'taken@example.org' })
    for (const [fields, detail] of [
      [{ full_name: '<b>' }, 'full_name contains characters that are not allowed'],
      [{ full_name: 'x'.repeat(201) }, 'full_name is too long'],
      [{ email: 'x' }, 'Invalid email'],
      [{ email: 'TAKEN@example.org' }, 'Email already exists'],
      [{ manager_id: 99999 }, 'Invalid manager_id: Manager not found'],
      [{ manager_id: administrator.id }, 'Invalid manager_id: Manager not found'],
      [{ manager_id: 'x' }, 'Invalid manager_id: Manager not found'],
      [{ password: 'x'.repeat(11) }, 'Password must be 12-1024 characters'],
      [{ password: 'password1234' }, 'Password is too common'],
      [{ password: 'xx THEODORA xx' }, 'Password must not contain the username, name, e-mail or organisation'],
      [{ full_name: 'Philippa', password: 'xx philippa xx' }, 'Password must not contain the username, name, e-mail or organisation'],
      [{ is_active: 'yes' }, 'Invalid is_active'],
      [{ is_active: null }, 'Invalid is_active'],
    ] as const)
      expect(said(await edit(id, fields))).toEqual([400, detail])
    expect((await crm.call(administrator, 'GET /users')).text).toContain('"theo@example.org"')
  })
})

describe('a change of a user', () => {
  test('sets what was sent and nothing else', async () => {
    const { id } = await crm.join({ manager, full_name: 'Old Name', email: 'old.name@example.org' })
    const answer = await edit(id, { full_name: 'New Name', username: 'x', role: 'admin', id: 1, created_at: 'x' })
    expect([answer.status, answer.body.message]).toEqual([200, 'User updated successfully'])
    expect(answer.body.user).toMatchObject({
      id,
      full_name: 'New Name',
      email: 'old.name@example.org',
      role: 'agent',
      manager_id: manager.id,
      is_active: true,
    })
    expect((await edit(id, { email: 'new.name@example.org' })).body.user).toMatchObject({
      full_name: 'New Name',
      email: 'new.name@example.org',
    })
    expect((await edit(id, { email: '' })).body.user?.email).toBe('')
    expect((await edit(id, {})).status).toBe(200)
  })

  test('moves an agent to another manager, or to none; others have none', async () => {
    const { id } = await crm.join({ manager })
    expect((await edit(id, { manager_id: String(other.id) })).body.user?.manager_id).toBe(other.id)
    for (const manager_id of [null, 0, '']) {
      await edit(id, { manager_id: supervisor.id })
      expect((await edit(id, { manager_id })).body.user?.manager_id).toBeNull()
    }
    for (const manager_id of [other.id, 99999]) expect((await edit(manager.id, { manager_id })).body.user?.manager_id).toBeNull()
  })

  test('leaves a manager who is deactivated by now', async () => {
    const leaving = await crm.join({ role: 'manager' })
    const { id } = await crm.join({ manager: leaving })
    await edit(leaving.id, { is_active: false })
    const answer = await edit(id, { full_name: 'Still Here', manager_id: leaving.id })
    expect([answer.status, answer.body.user?.manager_id]).toEqual([200, leaving.id])
  })

  test('with an empty password leaves the password', async () => {
    const { id, username } = await crm.join({})
    for (const password of ['', null]) expect((await edit(id, { password })).status).toBe(200)
    expect((await crm.login(username)).status).toBe(200)
  })

  test('of two at once loses neither’s fields', async () => {
    const { id } = await crm.join({})
    const answers = await Promise.all([
      edit(id, { full_name: 'Both' }),
      edit(id, { email: 'both@example.org' }),
      edit(id, { manager_id: manager.id }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect((await edit(id, {})).body.user).toMatchObject({ full_name: 'Both', email: 'both@example.org', manager_id: manager.id })
  })
})

describe('deactivation', () => {
  test('ends every session before the reply, and activation revives none', async () => {
    const agent = await crm.join({ manager })
    const token = await crm.server.signIn(agent.username, goodPassword)
    expect((await edit(agent.id, { is_active: false })).body.user?.is_active).toBe(false)
    for (const who of [agent, { ...agent, token }])
      expect(said(await crm.call(who, 'GET /auth/me'))).toEqual([401, 'Invalid or expired token'])
    expect(said(await crm.login(agent.username))).toEqual([401, 'Invalid credentials'])
    expect((await edit(agent.id, { is_active: true })).body.user?.is_active).toBe(true)
    for (const who of [agent, { ...agent, token }])
      expect(said(await crm.call(who, 'GET /auth/me'))).toEqual([401, 'Invalid or expired token'])
    expect((await crm.login(agent.username)).status).toBe(200)
  })

  test('leaves the leads where they are', async () => {
    const agent = await crm.join({})
    const lead = await crm.lead({ assigned_user_id: agent.id })
    await edit(agent.id, { is_active: false })
    expect((await crm.shown(Number(lead.id)))?.assigned_user_id).toBe(agent.id)
  })

  test('is in the log as such', async () => {
    const agent = await crm.join({})
    const answer = await edit(agent.id, { is_active: false })
    const { body } = await crm.server.send('GET', `/v1/audit?requestId=${answer.headers['x-request-id']}`, { token: crm.admin.token })
    expect(body.items?.map(({ action }) => action)).toEqual(['user.deactivate'])
  })
})

test('a new password ends that user’s sessions, and comes with the other fields', async () => {
  const agent = await crm.join({})
  const answer = await edit(agent.id, { password: 'a new long phrase', full_name: 'Renewed' })
  expect([answer.status, answer.body.user?.full_name]).toEqual([200, 'Renewed'])
  expect(said(await crm.call(agent, 'GET /auth/me'))).toEqual([401, 'Invalid or expired token'])
  expect(said(await crm.login(agent.username))).toEqual([401, 'Invalid credentials'])
  expect((await crm.login(agent.username, 'a new long phrase')).body.user?.full_name).toBe('Renewed')
  await edit(agent.id, { password: goodPassword })
  expect((await crm.login(agent.username)).status).toBe(200)
})

test('a machine changes users, but not their passwords', async () => {
  const agent = await crm.join({})
  const { body } = await crm.server.send('POST', '/v1/api-keys', { token: crm.admin.token, body: { name: 'machine', role: 'admin' } })
  const send = (change: object) =>
    crm.server.send('PUT', `/api/v1/users/${agent.id}`, { headers: { 'x-api-key': String(body.key) }, body: change })
  expect((await send({ full_name: 'By machine', password: '' })).status).toBe(200)
  expect((await send({ password: 'a new long phrase' })).status).toBe(403)
  expect((await crm.login(agent.username)).status).toBe(200)
})

test('a role that is taken away holds from the next request', async () => {
  const fallen = await crm.join({ role: 'admin' })
  const people = await crm.server.send('GET', '/v1/users?limit=200', { token: crm.admin.token })
  const row = [...(people.body.items ?? [])].find(({ username }) => String(username) === fallen.username)
  expect((await crm.call(fallen, 'GET /admin/analytics')).status).toBe(200)
  const patch = await crm.server.send('PATCH', `/v1/users/${row?.id}`, {
    token: crm.admin.token,
    body: { role: 'member', version: row?.version },
  })
  expect(patch.status).toBe(200)
  expect(said(await crm.call(fallen, 'GET /admin/analytics'))).toEqual([403, 'Admin access required'])
  expect((await crm.call(fallen, 'GET /auth/me')).body.role).toBe('agent')
})
