import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Crm, goodPassword, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let manager: Member
let supervisor: Member
let agent: Member

beforeAll(async () => {
  crm = await startCrm()
  manager = await crm.join({ role: 'manager' })
  supervisor = await crm.joinAs('supervisor')
  agent = await crm.join({ manager })
})
afterAll(() => crm.close())

let made = 0
const body = (fields: Record<string, unknown> = {}) => {
  made += 1
  return { username: `new.agent.${made}`, password: goodPassword, ...fields }
}
const create = (who: Member, fields: Record<string, unknown> = {}) => crm.call(who, 'POST /users', body(fields))
const refused = async (fields: Record<string, unknown>, who: Member = crm.admin) => said(await create(who, fields))

describe('a new user is refused', () => {
  test('to agents, before anything is looked at', async () => {
    expect(await refused({ username: '', role: 'x' }, agent)).toEqual([403, 'Only admins and managers can create users'])
  })

  test('without a username, or with one that is none', async () => {
    for (const username of [undefined, null, '']) expect(await refused({ username })).toEqual([400, 'Username is required'])
    for (const username of ['ab', 'x'.repeat(65), 'a b c', 'ann+x', 'änn', '<ann>', 'ann/x', ' ann', 'ann\n', 7, ['ann'], {}])
      expect(await refused({ username })).toEqual([400, 'Username must be 3-64 characters: letters, digits and _ . @ -'])
  })

  test('with a role that cannot be given', async () => {
    for (const role of ['owner', 'member', 'auditor', 'supervisor', 'platform_admin', 'Admin', '', 7, [], 'toString'])
      expect(await refused({ role })).toEqual([400, 'Invalid role'])
    for (const role of ['admin', 'manager'])
      for (const who of [manager, supervisor])
        expect(await refused({ role }, who)).toEqual([403, 'Managers can only create agent accounts'])
    const { body } = await crm.call(crm.admin, 'POST /users', { username: 'zoe', role: 'zz', password: 'quite a long phrase 9' })
    expect(body.errors).toEqual([{ field: 'role', message: 'must be admin, manager or agent' }])
    expect(await refused({ role: 'boss' }, manager)).toEqual([400, 'Invalid role'])
  })

  test('without a password, or with a bad one', async () => {
    for (const password of [undefined, null, '']) expect(await refused({ password })).toEqual([400, 'Password is required'])
    for (const password of ['x'.repeat(11), `${'xy'.repeat(512)}z`, 123456789012, {}])
      expect(await refused({ password })).toEqual([400, 'Password must be 12-1024 characters'])
    for (const password of ['password1234', '123456789012', '1Q2w3e4r5t6y'])
      expect(await refused({ password })).toEqual([400, 'Password is too common'])
    const own = [400, 'Password must not contain the username, name, e-mail or organisation']
    expect(await refused({ username: 'wilhelmina', password: 'xx WilhelMina xx' })).toEqual(own)
    expect(await refused({ full_name: 'Rosalind', password: 'xx rosalind 77 xx' })).toEqual(own)
    expect(await refused({ email: 'rosa.lind@example.org', password: 'rosa.lind@example.org' })).toEqual(own)
    expect(await refused({ password: 'the ACME of passwords' })).toEqual(own)
  })

  test('with a name or an address that is none', async () => {
    expect(await refused({ full_name: 'x'.repeat(201) })).toEqual([400, 'full_name is too long'])
    expect(await refused({ full_name: '<script>' })).toEqual([400, 'full_name contains characters that are not allowed'])
    expect(await refused({ full_name: 'a\u0007b' })).toEqual([400, 'full_name contains characters that are not allowed'])
    expect(await refused({ full_name: 7 })).toEqual([400, 'full_name must be a string'])
    expect(await refused({ email: `${'x'.repeat(250)}@example.org` })).toEqual([400, 'email is too long'])
    for (const email of ['x', 'x@y', 'a b@example.org', '@example.org']) expect(await refused({ email })).toEqual([400, 'Invalid email'])
    expect(await refused({ email: '<a>@example.org' })).toEqual([400, 'email contains characters that are not allowed'])
  })

  test('with a manager who is none', async () => {
    const gone = await crm.join({ role: 'manager' })
    await crm.call(crm.admin, `PUT /users/${gone.id}`, { is_active: false })
    for (const manager_id of [
      agent.id,
      crm.admin.id,
      gone.id,
      99999,
      -1,
      1.5,
      'x',
      '1e1',
      true,
      [],
      '0195a000-0000-7000-8000-000000000001',
    ])
      expect(await refused({ manager_id })).toEqual([400, 'Invalid manager_id: Manager not found'])
  })

  test('when the name or the address is taken, in any case, also by somebody deactivated', async () => {
    const gone = await crm.join({ username: 'Gone.Person', email: 'gone@example.org' })
    await crm.call(crm.admin, `PUT /users/${gone.id}`, { is_active: false })
    expect(await refused({ username: 'GONE.person' })).toEqual([400, 'Username already exists'])
    expect(await refused({ email: 'GONE@example.ORG' })).toEqual([400, 'Email already exists'])
    expect(await refused({ username: 'gone.person', email: 'gone@example.org' })).toEqual([400, 'Username already exists'])
    const stranger = await crm.stranger()
    expect((await create(stranger, { username: 'gone.person', email: 'gone@example.org' })).status).toBe(201)
  })

  test('for the first of several faults, in the order of the contract', async () => {
    const faults = { username: '', role: 'x', password: '', email: 'x', manager_id: 'x' }
    const taken = { username: agent.username, role: 'agent', password: goodPassword, email: '', manager_id: null }
    const texts: unknown[] = []
    const keys = Object.keys(faults) as (keyof typeof faults)[]
    for (let mended = 0; mended <= keys.length; mended++) {
      const fields = Object.fromEntries(keys.map((key, at) => [key, at < mended ? taken[key] : faults[key]]))
      texts.push((await refused(fields))[1])
    }
    expect(texts).toEqual([
      'Username is required',
      'Invalid role',
      'Password is required',
      'Invalid email',
      'Invalid manager_id: Manager not found',
      'Username already exists',
    ])
  })
})

describe('a new user', () => {
  test('has exactly the fields of the contract, and can sign in at once', async () => {
    const answer = await create(crm.admin, {
      username: 'eva.m_field-9@x',
      role: 'agent',
      email: 'Eva@Example.org',
      full_name: 'Eva Maria Field',
      manager_id: String(manager.id),
    })
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        message: 'User created successfully',
        user: {
          id: expect.any(Number),
          username: 'eva.m_field-9@x',
          role: 'agent',
          email: 'Eva@Example.org',
          full_name: 'Eva Maria Field',
          is_active: true,
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          manager_id: manager.id,
        },
        leads_assigned: 0,
      },
    ])
    expect((await crm.login('eva.m_field-9@x')).status).toBe(200)
  })

  test('takes names and passwords up to both bounds', async () => {
    for (const fields of [
      { username: 'a.1' },
      { username: 'y'.repeat(64) },
      { password: 'quiet-river7' },
      { password: 'long way '.repeat(113).slice(0, 1024) },
      { full_name: 'n'.repeat(200) },
      { email: `${'x'.repeat(242)}@example.org` },
    ])
      expect((await create(crm.admin, fields)).status).toBe(201)
  })

  test('is called by the words of the username without a name, and has no invented address', async () => {
    for (const nothing of [undefined, null, '']) {
      const { body } = await create(crm.admin, { username: `ann_lee.x-${made}@crm`, full_name: nothing, email: nothing })
      expect([body.user?.full_name, body.user?.email]).toEqual([`Ann Lee X ${made - 1} Crm`, ''])
    }
  })

  test('is an agent unless said otherwise; several may be without an address', async () => {
    for (const role of [undefined, null]) expect((await create(crm.admin, { role })).body.user?.role).toBe('agent')
  })

  test('has the manager that an administrator names, or none', async () => {
    for (const manager_id of [null, 0, '', undefined]) expect((await create(crm.admin, { manager_id })).body.user?.manager_id).toBeNull()
    for (const who of [manager, supervisor]) expect((await create(crm.admin, { manager_id: who.id })).body.user?.manager_id).toBe(who.id)
    for (const role of ['manager', 'admin']) {
      const { body } = await create(crm.admin, { role, manager_id: manager.id })
      expect([body.user?.role, body.user?.manager_id, body.leads_assigned]).toEqual([role, null, 0])
    }
  })

  test('of a manager is that manager’s, whatever was sent', async () => {
    for (const who of [manager, supervisor])
      for (const manager_id of [undefined, null, supervisor.id, manager.id, 99999, 'x'])
        expect((await create(who, { manager_id })).body.user?.manager_id).toBe(who.id)
  })

  test('is in the log as a user that was created, without the password', async () => {
    const answer = await create(crm.admin)
    const { body, text } = await crm.server.send('GET', `/v1/audit?requestId=${answer.headers['x-request-id']}`, { token: crm.admin.token })
    expect(body.items?.map(({ action }) => action)).toEqual(['user.create'])
    expect(text).not.toContain(goodPassword)
    expect(text).not.toContain('argon2id')
  })
})

describe('many at once', () => {
  test('with one username make one user, and the rest hear that it is taken', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => create(crm.admin, { username: at % 2 === 0 ? 'only.one' : 'ONLY.one' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(400)])
    for (const answer of answers.filter(({ status }) => status === 400)) expect(answer.body.detail).toBe('Username already exists')
  })

  test('with one address make one user', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(crm.admin, { role: 'manager', email: 'only@example.org' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(400)])
    for (const answer of answers.filter(({ status }) => status === 400)) expect(answer.body.detail).toBe('Email already exists')
  })

  test('have numbers of their own, each higher than all before', async () => {
    const before = Math.max(...[...((await crm.call(crm.admin, 'GET /users')).body.users ?? [])].map(({ id }) => Number(id)))
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(crm.admin)))
    const numbers = answers.map(({ body }) => Number(body.user?.id))
    expect(new Set(numbers).size).toBe(10)
    expect(Math.min(...numbers)).toBeGreaterThan(before)
  })
})

test('no response ever holds a password or a hash', async () => {
  for (const what of ['GET /users', 'GET /organization', 'GET /managers', 'GET /auth/me'])
    expect((await crm.call(crm.admin, what)).text).not.toMatch(/password|argon2|hash/i)
})
