import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HandOutClock } from '../../assignment/entity.ts'
import { microsOf, momentOf } from '../../assignment/moment.ts'
import { patched, update } from '../../kernel/change.ts'
import { testEngine } from '../../testing/engines.ts'
import { goodPassword } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { foreigner, type Sales, signedIn, startSales } from '../salesbrain/testing/sales.ts'

let sales: Sales

beforeAll(async () => {
  sales = await startSales()
})
afterAll(() => sales.close())

const handOut = (body: object, token?: string) => sales.post('/v1/hand-outs', body, token)
const reasonOf = async (contact: string | undefined) =>
  ((await sales.get(`/v1/assignment-history?contactId=${contact}`)).body.items as unknown as { reason: Loose }[])[0]?.reason

test('refusals: members, a list and a filter at once, weights without the rule, foreign and unknown people, nobody eligible', async () => {
  const person = await sales.person({ password: goodPassword })
  expect((await handOut({ contactIds: [] }, (await signedIn(sales, person.username)).token)).status).toBe(403)
  for (const body of [
    {},
    { contactIds: [], filter: { owner: 'none' } },
    { contactIds: [], rule: 'random' },
    { contactIds: [], rule: 'weighted' },
    { contactIds: [], weights: { [person.id]: 2 } },
    { contactIds: [], rule: 'weighted', weights: { [person.id]: 0 } },
    { contactIds: [], rule: 'weighted', weights: { [person.id]: 101 } },
    { contactIds: ['x'] },
  ])
    expect((await handOut(body)).status, JSON.stringify(body)).toBe(422)
  for (const id of [randomUUID(), (await foreigner(sales.server)).id])
    expect((await handOut({ contactIds: [], userIds: [id] })).body).toMatchObject({ status: 404, code: 'user_not_found' })
  const away = await sales.person()
  await sales.del(`/v1/users/${away.id}`)
  const ids = await sales.contacts(1)
  expect((await handOut({ contactIds: ids, userIds: [away.id] })).body.code).toBe('no_eligible_user')
  expect((await handOut({ contactIds: [randomUUID()], userIds: [person.id] })).body).toMatchObject({
    created: 0,
    failed: [{ code: 'contact_not_found' }],
    batchId: null,
  })
})

test('by weights each gets a share, whoever begins with what, and the history says by which rule', async () => {
  const [full, half] = [await sales.person(), await sales.person()]
  const ids = await sales.contacts(12)
  const answer = await handOut({ rule: 'weighted', contactIds: ids, userIds: [full.id, half.id], weights: { [full.id]: 3 } })
  expect(answer.body).toMatchObject({ created: 12, distribution: { [full.email]: 9, [half.email]: 3 } })
  expect(await reasonOf(ids[0])).toMatchObject({ rule: 'weighted', pool: 2 })
  const again = await handOut({
    rule: 'weighted',
    contactIds: await sales.contacts(4),
    userIds: [full.id, half.id],
    weights: { [full.id]: 3 },
  })
  expect(again.body.distribution).toEqual({ [full.email]: 3, [half.email]: 1 })
  expect((await sales.post(`/v1/hand-outs/${answer.body.batchId}/undo`, {})).body).toEqual({ undone: 12, kept: 0 })
})

test('sticky: back to who had it last and may have it, else by turns', async () => {
  const [first, second, third] = [await sales.person(), await sales.person(), await sales.person()]
  const [known, fresh, orphan] = await sales.contacts(3)
  const give = (user: string, ids: (string | undefined)[]) => sales.post(`/api/admin/users/${user}/assign-contacts`, { contact_ids: ids })
  await give(first.id, [known])
  await give(second.id, [known])
  await sales.del(`/api/admin/users/${second.id}/contacts/${known}`)
  await give(third.id, [orphan])
  await sales.post(`/v1/users/${third.id}/hand-over`, { to: 'pool' })
  await sales.del(`/v1/users/${third.id}`)
  const userIds = [first.id, second.id]
  const { body } = await handOut({ rule: 'sticky', contactIds: [known, fresh, orphan], userIds })
  expect(body.created).toBe(3)
  expect((await sales.get(`/v1/contacts/${known}`)).body.ownerId).toBe(second.id)
  expect([await reasonOf(known), await reasonOf(fresh), await reasonOf(orphan)].map((reason) => reason?.rule)).toEqual([
    'sticky',
    'round_robin',
    'round_robin',
  ])
  expect((await sales.get(`/v1/contacts/${fresh}`)).body.ownerId).toBe(first.id)
})

test('the least busy first, whoever was last', async () => {
  const [busy, free] = [await sales.person(), await sales.person()]
  await sales.post(`/api/admin/users/${busy.id}/assign-contacts`, { contact_ids: await sales.contacts(3) })
  const { body } = await handOut({ rule: 'least_busy', contactIds: await sales.contacts(3), userIds: [busy.id, free.id] })
  expect(body.distribution).toEqual({ [free.email]: 3 })
})

test('a hand-out of many parts is even and whole, also when others hand out in between', async () => {
  // AWS's local DynamoDB writes some dozens of rows a second
  const many = testEngine === 'dynamodb' ? 1_050 : 3_300
  const people = [await sales.person(), await sales.person(), await sales.person()]
  const userIds = people.map(({ id }) => id)
  const csv = ['first_name', ...Array.from({ length: many }, (_, n) => `Many ${n}`)].join('\n')
  const imported = await sales.server.send('POST', '/v1/contacts/import', {
    token: sales.owner.token,
    raw: csv,
    headers: { 'content-type': 'text/csv' },
  })
  const singles = await sales.contacts(12)
  const { runtime } = sales.server.holdfast
  const store = runtime.storage.tenant(sales.owner.tenantId)
  /** As another process would, past this one's line: a part that is on its way finds the books changed. */
  const meddle = async () => {
    for (const id of singles) {
      const clock = await store.get(HandOutClock, 'contacts')
      if (clock !== null) {
        const now = new Date().toISOString()
        const next = patched(HandOutClock, clock, { last: momentOf(microsOf(clock.last) + 1) }, now)
        const actor = { id: null, kind: 'system', name: 'test' } as const
        const meta = { actor, action: 'test', entity: { type: 'contact', id }, requestId: null, time: now }
        await store.commit([update(HandOutClock, clock, next)], meta).catch(() => undefined)
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  const [answer] = await Promise.all([handOut({ filter: { owner: 'none', importId: imported.body.importId }, userIds }), meddle()])
  expect(answer.body).toMatchObject({ created: many, failed: [] })
  expect(Object.values(answer.body.distribution as unknown as Record<string, number>)).toEqual(Array(3).fill(many / 3))
  for (const { id } of people)
    expect(((await sales.get(`/api/admin/users/${id}/assignments`)).body.data as Loose).contacts_count).toBe(many / 3)
  expect((await sales.get('/v1/integrity')).body).toMatchObject({ rows: { mismatched: 0 } })
  expect((await sales.post(`/v1/hand-outs/${answer.body.batchId}/undo`, {})).body).toEqual({ undone: many, kept: 0 })
}, 600_000)
