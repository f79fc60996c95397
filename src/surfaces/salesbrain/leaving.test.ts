import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ContactAssignment } from '../../assignment/entity.ts'
import { create, insert } from '../../kernel/change.ts'
import { Leave } from '../../leave/entity.ts'
import { goodPassword } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { foreigner, listOf, type Sales, signedIn, startSales } from './testing/sales.ts'

let sales: Sales
const users = '/api/admin/users'

beforeAll(async () => {
  sales = await startSales()
})
afterAll(() => sales.close())

const contactsOf = async (id: string) => listOf(await sales.get(`${users}/${id}/assignments`), 'contacts')
const ownerOf = async (contact: string) => (await sales.get(`/v1/contacts/${contact}`)).body.ownerId
const countOf = async (id: string) => ((await sales.get(`${users}/${id}/assignments`)).body.data as Loose).contacts_count
const give = (user: string, ids: string[]) => sales.post(`${users}/${user}/assign-contacts`, { contact_ids: ids })
const handOver = (user: string, to: unknown, token?: string) => sales.post(`/v1/users/${user}/hand-over`, { to }, token)
const undo = (batch: unknown) => sales.post(`/v1/hand-outs/${batch}/undo`, {})
const lead = (fields: object, token?: string) =>
  sales.post('/api/v1/leads', { practice_name: 'A practice', owner_name: 'Dr. Made Up', practice_phone: '555-0100', ...fields }, token)
const store = () => sales.server.holdfast.runtime.storage.tenant(sales.owner.tenantId)
const numberOf = async (id: string) => (await sales.get(`/v1/users/${id}`)).body.number

test('refusals: members, unknown and foreign people, no manager, a word that is none', async () => {
  const person = await sales.person({ password: goodPassword })
  expect((await handOver(person.id, 'pool', (await signedIn(sales, person.username)).token)).status).toBe(403)
  expect((await handOver(person.id, 'nobody')).status).toBe(422)
  expect((await handOver(randomUUID(), 'pool')).body).toMatchObject({ status: 404, code: 'user_not_found' })
  expect((await handOver((await foreigner(sales.server)).id, 'pool')).body).toMatchObject({ status: 404, code: 'user_not_found' })
  expect((await handOver(person.id, 'manager')).body).toMatchObject({ status: 409, code: 'no_manager' })
  expect((await undo(randomUUID())).body).toMatchObject({ status: 404, code: 'hand_out_not_found' })
  expect((await handOver(person.id, 'pool')).body).toEqual({ moved: 0, distribution: {}, batchId: null })
})

test('contacts of somebody who leaves go to the manager, those one may not write to as well, and come back', async () => {
  const manager = await sales.person({ role: 'manager' })
  const person = await sales.person({ managerId: manager.id })
  const ids = [...(await sales.contacts(2)), ...(await sales.contacts(1, { status: 'bounced' }))]
  await give(person.id, ids)
  const moved = await handOver(person.id, 'manager')
  expect(moved.body).toMatchObject({ moved: 3, distribution: { [manager.email]: 3 } })
  for (const id of ids) expect(await ownerOf(id)).toBe(manager.id)
  expect(await countOf(person.id)).toBe(0)
  expect((await undo(moved.body.batchId)).body).toEqual({ undone: 3, kept: 0 })
  for (const id of ids) expect(await ownerOf(id)).toBe(person.id)
  expect([await countOf(person.id), await countOf(manager.id)]).toEqual([3, 0])
  for (const id of ids)
    expect(await store().find(ContactAssignment, 'pair', [person.id, id])).toMatchObject({ userId: person.id, contactId: id })
  expect((await undo(moved.body.batchId)).body.code).toBe('already_undone')
})

test('to everybody else: nobody gets their own back', async () => {
  const person = await sales.person()
  const ids = await sales.contacts(3)
  await give(person.id, ids)
  const moved = await handOver(person.id, 'others')
  expect(moved.body.moved).toBe(3)
  for (const id of ids) expect(await ownerOf(id)).not.toBe(person.id)
})

test('to the pool: nobody has them, whoever is gone gets none, and an undo leaves what somebody else has by now', async () => {
  const person = await sales.person()
  const other = await sales.person()
  const ids = await sales.contacts(501)
  await give(person.id, ids.slice(0, 400))
  await give(person.id, ids.slice(400))
  const moved = await handOver(person.id, 'pool')
  expect(moved.body).toMatchObject({ moved: 501, distribution: {} })
  expect(await ownerOf(ids[0] ?? '')).toBeNull()
  expect(await countOf(person.id)).toBe(0)
  const [taken = '', back = ''] = ids
  await give(other.id, [taken])
  expect((await undo(moved.body.batchId)).body).toEqual({ undone: 500, kept: 1 })
  expect([await ownerOf(taken), await ownerOf(back)]).toEqual([other.id, person.id])
  expect(await countOf(person.id)).toBe(500)
  const steps = (await sales.get(`/v1/assignment-history?contactId=${back}`)).body.items as unknown as Loose[]
  expect(steps.map(({ action, batchId }) => [action, batchId])).toEqual([
    ['assigned', moved.body.batchId],
    ['unassigned', moved.body.batchId],
    ['assigned', null],
  ])
  await sales.del(`/v1/users/${person.id}`)
  expect((await handOver(person.id, 'pool')).body.code).toBe('user_not_active')
  // AWS's local DynamoDB writes every index of every row one after another
}, 300_000)

test('whoever is given a lead at the sales CRM is its primary owner here, and the other way round', async () => {
  const [first, second] = [await sales.person(), await sales.person()]
  const made = await lead({ assigned_user_id: await numberOf(first.id) })
  expect(made.status).toBe(201)
  const [row] = await contactsOf(first.id)
  expect(row).toMatchObject({ is_primary_owner: true, assignment_type: 'manual' })
  const id = String(row?.contact_id)
  expect(await ownerOf(id)).toBe(first.id)
  const path = `/api/v1/leads/${(await sales.get(`/v1/contacts/${id}`)).body.number}`
  const put = (body: object) => sales.server.send('PUT', path, { token: sales.owner.token, body })
  expect((await put({ assigned_user_id: await numberOf(second.id) })).status).toBe(200)
  expect(await contactsOf(first.id)).toEqual([])
  expect(await contactsOf(second.id)).toHaveLength(1)
  const rows = (await store().list(ContactAssignment, { index: 'byContact', where: { contactId: id } })).items
  expect(rows.map(({ userId, status }) => [userId, status]).sort()).toEqual(
    [
      [first.id, 'transferred'],
      [second.id, 'active'],
    ].sort(),
  )
  expect((await put({ assigned_user_id: null })).status).toBe(200)
  expect([await ownerOf(id), await countOf(second.id)]).toEqual([null, 0])
  await give(first.id, [id])
  expect((await put({ city: 'Anywhere' })).body).toMatchObject({ lead: { assigned_user_id: await numberOf(first.id) } })
})

test('twenty leads at once for one person are all counted', async () => {
  const person = await sales.person()
  const number = await numberOf(person.id)
  const answers = await Promise.all(Array.from({ length: 20 }, () => lead({ assigned_user_id: number })))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
  expect(await countOf(person.id)).toBe(20)
  expect((await sales.get('/v1/integrity')).body).toMatchObject({ rows: { mismatched: 0 } })
})

test('who is on approved leave today gets nothing by a hand-out, and is counted as passed over', async () => {
  const [away, here] = [await sales.person(), await sales.person()]
  const { clock } = sales.server.holdfast.runtime
  const now = new Date(clock.businessMs()).toISOString()
  const today = now.slice(0, 10)
  const day = (by: number) => new Date(Date.parse(today) + by * 86_400_000).toISOString().slice(0, 10)
  const leave = create(
    Leave,
    randomUUID(),
    {
      userId: away.id,
      leaveType: 'planned',
      duration: 'full_day',
      startDate: day(-1),
      endDate: day(1),
      daysRequested: 3,
      reason: 'A wedding',
      status: 'approved',
      appliedAt: now,
      approvedBy: 'owner',
      approvedAt: now,
      adminRemarks: null,
    },
    now,
  )
  const actor = { id: null, kind: 'system', name: 'test' } as const
  await store().commit([insert(Leave, leave)], { actor, action: 'test', entity: null, requestId: null, time: now })
  const ids = await sales.contacts(2)
  const answer = await sales.post('/api/admin/contacts/bulk-assign', {
    assignment_mode: 'round_robin',
    contact_ids: ids,
    user_ids: [away.id, here.id],
  })
  expect(answer.body).toMatchObject({ assignments_created: 2, distribution: { [here.email]: 2 } })
  const [step] = (await sales.get(`/v1/assignment-history?contactId=${ids[0]}`)).body.items as unknown as Loose[]
  expect(step).toMatchObject({ reason: { pool: 1, skipped: { inactive: 0, suspended: 0, on_leave: 1, not_assignable: 0 } } })
  const manual = { assignment_mode: 'manual', contact_ids: await sales.contacts(1), user_ids: [away.id] }
  expect((await sales.post('/api/admin/contacts/bulk-assign', manual)).body.assignments_created).toBe(1)
})
