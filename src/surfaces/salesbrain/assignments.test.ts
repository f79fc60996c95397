import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goodPassword, join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { foreigner, listOf, type Sales, signedIn, startSales } from './testing/sales.ts'

let sales: Sales
const users = '/api/admin/users'
const bulk = '/api/admin/contacts/bulk-assign'

beforeAll(async () => {
  sales = await startSales()
})
afterAll(() => sales.close())

const assignments = (id: string) => sales.get(`${users}/${id}/assignments`)
const contactsOf = async (id: string) => listOf(await assignments(id), 'contacts')
const ownerOf = async (contact: string) => (await sales.get(`/v1/contacts/${contact}`)).body.ownerId
const history = async (query: string) => (await sales.get(`/v1/assignment-history?${query}`)).body.items as unknown as Loose[]
const give = (user: string, ids: string[], more: object = {}) =>
  sales.post(`${users}/${user}/assign-contacts`, { contact_ids: ids, ...more })

describe('refusals', () => {
  test('a token, then a role, then the shape, then actor and tenant, then ids, then state', async () => {
    const member = await join(sales.server, sales.owner)
    const path = `${users}/${randomUUID()}/assign-campaigns`
    const anonymous = await sales.server.send('POST', path, { body: { campaign_ids: 'x' } })
    expect(anonymous).toMatchObject({ status: 401, headers: { 'www-authenticate': expect.stringContaining('Bearer') } })
    expect((await sales.post(path, { campaign_ids: 'x' }, member.token)).status).toBe(403)
    const shape = await sales.post(path, { campaign_ids: 'x', assigned_by: randomUUID() })
    expect(shape).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ field: 'campaign_ids' }] } })
    expect((await sales.post(path, { campaign_ids: [], assigned_by: randomUUID() })).body.code).toBe('actor_mismatch')
    expect((await sales.post(path, { campaign_ids: [], organization_id: randomUUID() })).body.code).toBe('tenant_mismatch')
    expect(await sales.post(path, { campaign_ids: [] })).toMatchObject({ status: 404, body: { detail: 'User not found' } })
    expect((await sales.get(`${users}?organization_id=${randomUUID()}`)).body).toMatchObject({
      status: 404,
      detail: 'Organization not found',
    })
  })

  test.each([
    ['assign-campaigns', { campaign_ids: null }, 'campaign_ids'],
    ['assign-campaigns', {}, 'campaign_ids'],
    ['assign-campaigns', { campaign_ids: ['x'] }, 'campaign_ids.0'],
    ['assign-campaigns', { campaign_ids: Array(1_001).fill('01a21a9c-b2f7-7496-8853-71a57e593475') }, 'campaign_ids'],
    ['assign-campaigns', { campaign_ids: [], role: 'chief' }, 'role'],
    ['assign-campaigns', { campaign_ids: [], role: null }, 'role'],
    ['assign-campaigns', { campaign_ids: [], can_edit: 'yes' }, 'can_edit'],
    ['assign-contacts', { contact_ids: [], assignment_type: 'x' }, 'assignment_type'],
    ['assign-contacts', { contact_ids: [], is_primary_owner: 1 }, 'is_primary_owner'],
  ])('%s refuses %j', async (call, body, field) => {
    const answer = await sales.post(`${users}/${sales.owner.id}/${call}`, body)
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field }] } })
  })

  test.each([
    [{}, 'assignment_mode'],
    [{ assignment_mode: 'round_robin' }, 'contact_ids'],
    [{ assignment_mode: 'round_robin', contact_ids: [], filter: { owner: 'none' } }, 'contact_ids'],
    [{ assignment_mode: 'manual', contact_ids: [] }, 'user_ids'],
    [{ assignment_mode: 'manual', contact_ids: [], user_ids: [] }, 'user_ids'],
    [{ assignment_mode: 'round_robin', filter: { owner: 'some' } }, 'filter.owner'],
    [{ assignment_mode: 'round_robin', filter: { owner: 'none', limit: 100_001 } }, 'filter.limit'],
    [{ assignment_mode: 'round_robin', filter: { owner: 'none', limit: 0 } }, 'filter.limit'],
  ])('a hand-out refuses %j', async (body, field) => {
    expect(await sales.post(bulk, body)).toMatchObject({ status: 422, body: { errors: [{ field }] } })
  })

  test('a foreign id is told exactly like one that does not exist', async () => {
    const other = await foreigner(sales.server)
    const [absent, foreign] = [randomUUID(), other.id]
    for (const path of ['assignments'])
      expect((await sales.get(`${users}/${foreign}/${path}`)).body.detail).toBe((await sales.get(`${users}/${absent}/${path}`)).body.detail)
    const theirs = String((await sales.post('/v1/contacts', { firstName: 'Theirs' }, other.token)).body.id)
    const answer = await give(sales.owner.id, [theirs, absent])
    expect(answer.body).toEqual({
      success: true,
      success_count: 0,
      failed_count: 2,
      failed_items: [theirs, absent].map((contact_id) => ({ contact_id, code: 'contact_not_found', error: 'Contact not found' })),
    })
  })

  test('nobody who is not active gets anything new, and keeps what there is', async () => {
    const { id } = await sales.person()
    const [contact] = await sales.contacts(2)
    await give(id, [String(contact)])
    const { body } = await sales.get(`/v1/users/${id}`)
    const patched = await sales.server.send('PATCH', `/v1/users/${id}`, {
      token: sales.owner.token,
      body: { version: body.version, status: 'suspended' },
    })
    expect(patched.body).toMatchObject({ status: 'suspended', isActive: false })
    expect((await give(id, [String(contact)])).body.code).toBe('user_not_active')
    expect(await contactsOf(id)).toHaveLength(1)
  })
})

test('one sees one’s own, and nobody else’s; auditors and staff of the platform see all', async () => {
  const { id, username } = await sales.person({ password: goodPassword })
  const { token } = await signedIn(sales, username)
  expect((await sales.get(`${users}/${id}/assignments`, token)).status).toBe(200)
  expect((await sales.get(`${users}/${sales.owner.id}/assignments`, token)).status).toBe(403)
  expect((await sales.get(users, token)).status).toBe(403)
  const auditor = await join(sales.server, sales.owner, { role: 'auditor' })
  expect((await sales.get(users, auditor.token)).status).toBe(200)
  expect((await sales.post(bulk, { assignment_mode: 'round_robin', contact_ids: [] }, auditor.token)).status).toBe(403)
})

test('a campaign is assigned, changed, taken and given again under one id', async () => {
  const { id } = await sales.person()
  const campaign = await sales.campaign()
  const assign = (more: object = {}) =>
    sales.post(`${users}/${id}/assign-campaigns`, { request: { campaign_ids: [campaign, campaign], ...more } })
  expect((await assign({ role: 'viewer' })).body).toEqual({ success: true, success_count: 1, failed_count: 0, failed_items: [] })
  const [first] = listOf(await assignments(id), 'campaigns')
  expect(first).toMatchObject({
    campaign_id: campaign,
    campaign_name: 'Spring mailing',
    campaign_status: 'draft',
    role: 'viewer',
    can_edit: false,
  })
  await assign({ role: 'admin', can_edit: true })
  const [changed] = listOf(await assignments(id), 'campaigns')
  expect(changed).toMatchObject({ assignment_id: first?.assignment_id, assigned_at: first?.assigned_at, role: 'admin', can_edit: true })
  expect((await sales.del(`${users}/${id}/campaigns/${campaign}`)).body).toEqual({ success: true, message: 'User removed from campaign' })
  expect((await sales.del(`${users}/${id}/campaigns/${campaign}`)).body).toMatchObject({
    status: 404,
    code: 'assignment_not_active',
    detail: 'Assignment not found or already inactive',
  })
  await assign()
  const [again] = listOf(await assignments(id), 'campaigns')
  expect(again).toMatchObject({ assignment_id: first?.assignment_id, role: 'member', can_edit: false })
  expect((await history(`userId=${id}`)).map(({ action }) => action)).toEqual(['assigned', 'unassigned', 'permissions_changed', 'assigned'])
})

test('a contact has one primary owner: a new one takes over, a second owner does not', async () => {
  const [ann, bob] = [await sales.person(), await sales.person()]
  const [contact] = (await sales.contacts(1)) as [string]
  await give(ann.id, [contact])
  expect(await ownerOf(contact)).toBe(ann.id)
  await give(bob.id, [contact], { is_primary_owner: false })
  expect(await ownerOf(contact)).toBe(ann.id)
  expect((await contactsOf(bob.id))[0]).toMatchObject({ is_primary_owner: false })
  await give(bob.id, [contact])
  expect(await ownerOf(contact)).toBe(bob.id)
  expect(await contactsOf(ann.id)).toEqual([])
  await give(bob.id, [contact], { is_primary_owner: false })
  expect((await contactsOf(bob.id))[0]).toMatchObject({ is_primary_owner: true })
  expect((await sales.del(`${users}/${bob.id}/contacts/${contact}`)).body.message).toBe('Contact removed from user')
  expect(await ownerOf(contact)).toBeNull()
  const { body } = await sales.get(`${users}?limit=500`)
  const counted = (body.data as unknown as Loose[]).find(({ id }) => String(id) === bob.id)
  expect(counted).toMatchObject({ contacts_count: 0, campaigns_count: 0, assignable: true, status: 'active', role: 'member' })
})

test('two who take one contact at once leave one primary owner', async () => {
  const people = await Promise.all(Array.from({ length: 8 }, () => sales.person()))
  const [contact] = (await sales.contacts(1)) as [string]
  await Promise.all(people.map(({ id }) => give(id, [contact])))
  const owners = await Promise.all(people.map(async ({ id }) => (await contactsOf(id)).length))
  expect(owners.reduce((sum, n) => sum + n, 0)).toBe(1)
  expect(people.map(({ id }) => id)).toContain(String(await ownerOf(contact)))
})

describe('a hand-out', () => {
  test('is exactly fair though everybody asks at once, and says why', async () => {
    const people = await Promise.all(Array.from({ length: 5 }, () => sales.person()))
    const ids = await sales.contacts(53)
    const user_ids = people.map(({ id }) => id)
    const answers = await Promise.all(ids.map((id) => sales.post(bulk, { assignment_mode: 'round_robin', contact_ids: [id], user_ids })))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    const counts = await Promise.all(people.map(async ({ id }) => (await contactsOf(id)).length))
    expect(counts.sort()).toEqual([10, 10, 11, 11, 11])
    const [step] = await history(`contactId=${ids[0]}`)
    expect(step).toMatchObject({
      action: 'assigned',
      mode: 'round_robin',
      reason: { rule: 'round_robin', pool: 5, skipped: { inactive: 0, suspended: 0, on_leave: 0, not_assignable: 0 } },
    })
    const again = await sales.post(bulk, { assignment_mode: 'round_robin', contact_ids: ids, user_ids })
    expect(again.body).toMatchObject({ assignments_created: 0, failed_count: 53, batch_id: null })
    const moments = (await Promise.all(user_ids.map(contactsOf))).flat().map(({ assigned_at }) => String(assigned_at))
    expect(new Set(moments).size).toBe(53)
    for (const moment of moments) expect(moment).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/)
  })

  test('goes to whom has least, then to whom was served longest ago; suspended and unassignable people are passed over', async () => {
    const [ann, bob, cat] = [await sales.person(), await sales.person(), await sales.person()]
    const ids = await sales.contacts(5)
    await give(ann.id, ids.slice(0, 1))
    const { body } = await sales.get(`/v1/users/${cat.id}`)
    await sales.server.send('PATCH', `/v1/users/${cat.id}`, {
      token: sales.owner.token,
      body: { version: body.version, assignable: false },
    })
    const user_ids = [ann.id, bob.id, cat.id]
    const answer = await sales.post(bulk, { assignment_mode: 'round_robin', contact_ids: ids.slice(1), user_ids })
    expect(answer.body).toMatchObject({ assignments_created: 4, distribution: { [ann.email]: 2, [bob.email]: 2 }, failed_count: 0 })
    const only = await sales.post(bulk, {
      assignment_mode: 'round_robin',
      contact_ids: ids.slice(0, 1),
      user_ids: [cat.id],
      reassign: true,
    })
    expect(only).toMatchObject({ status: 409, body: { code: 'no_eligible_user' } })
  })

  test('by score balances the sum of scores; manual goes in turn whatever there is to do', async () => {
    const [ann, bob] = [await sales.person(), await sales.person()]
    const [big] = await sales.contacts(1, { leadScore: 90 })
    const small = await sales.contacts(3, { leadScore: 30 })
    const answer = await sales.post(bulk, {
      assignment_mode: 'lead_score',
      contact_ids: [...small, big],
      user_ids: [ann.id, bob.id],
    })
    expect(Object.values(answer.body.distribution as object).sort()).toEqual([1, 3])
    const manual = await sales.post(bulk, { assignment_mode: 'manual', contact_ids: small, user_ids: [bob.id, ann.id] })
    expect(manual.status).toBe(200)
    expect(await Promise.all(small.map(ownerOf))).toEqual([bob.id, ann.id, bob.id])
  })

  test('by filter takes what has no owner, or all of one person’s, and is taken back once', async () => {
    const [ann, bob] = [await sales.person(), await sales.person()]
    const ids = await sales.contacts(4)
    await give(ann.id, ids)
    const [kept] = ids as [string]
    const moved = await sales.post(bulk, {
      assignment_mode: 'round_robin',
      filter: { owner: ann.id, limit: '3' },
      user_ids: [ann.id, bob.id],
    })
    expect(moved.body).toMatchObject({ assignments_created: 3, distribution: { [bob.email]: 3 } })
    await give(bob.id, [kept], { assignment_type: 'territory' })
    const undo = () => sales.post(`${bulk}/${moved.body.batch_id}/undo`)
    expect((await undo()).body).toEqual({ success: true, message: 'Hand-out undone', undone_count: 2, kept_count: 1 })
    expect((await undo()).body.code).toBe('already_undone')
    expect((await sales.post(`${bulk}/${randomUUID()}/undo`)).body).toMatchObject({ status: 404, detail: 'Hand-out not found' })
    expect(await Promise.all(ids.map(ownerOf))).toEqual([bob.id, ann.id, ann.id, ann.id])
    expect((await contactsOf(ann.id)).every(({ is_primary_owner }) => is_primary_owner)).toBe(true)
  })
})

test('a contact or campaign that goes takes its assignments along', async () => {
  const { id } = await sales.person()
  const campaign = await sales.campaign()
  const [contact] = (await sales.contacts(1)) as [string]
  await sales.post(`${users}/${id}/assign-campaigns`, { campaign_ids: [campaign] })
  await give(id, [contact])
  expect((await sales.del(`/v1/contacts/${contact}`)).status).toBe(204)
  expect((await sales.del(`/v1/campaigns/${campaign}`)).status).toBe(204)
  expect((await assignments(id)).body.data).toEqual({ campaigns: [], contacts: [], campaigns_count: 0, contacts_count: 0 })
  expect((await history(`contactId=${contact}`)).map(({ action }) => action)).toEqual(['unassigned', 'assigned'])
})

test('an Idempotency-Key gives a hand-out’s first answer again', async () => {
  const { id } = await sales.person()
  const [contact] = (await sales.contacts(1)) as [string]
  const send = () =>
    sales.server.send('POST', bulk, {
      token: sales.owner.token,
      headers: { 'idempotency-key': 'once' },
      body: { assignment_mode: 'round_robin', contact_ids: [contact], user_ids: [id] },
    })
  const [first, second] = [await send(), await send()]
  expect(second.text).toBe(first.text)
  expect(second.headers['idempotency-replayed']).toBe('true')
})
