import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CampaignAssignment, ContactAssignment } from '../../assignment/entity.ts'
import { goodPassword, join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { foreigner, type Sales, signedIn, startSales } from '../salesbrain/testing/sales.ts'

let sales: Sales

beforeAll(async () => {
  sales = await startSales()
})
afterAll(() => sales.close())

const patch = (path: string, body: object, token = sales.owner.token) => sales.server.send('PATCH', path, { token, body })
const upload = (raw: string | Buffer, query = '', headers: Record<string, string> = { 'content-type': 'text/csv' }) =>
  sales.server.send('POST', `/v1/contacts/import${query}`, { token: sales.owner.token, raw, headers })
const items = async (query: string, token = sales.owner.token) =>
  (await sales.get(`/v1/contacts?${query}`, token)).body.items as unknown as Loose[]

describe('campaigns', () => {
  test.each([
    [{}],
    [{ name: '' }],
    [{ name: 'x'.repeat(201) }],
    [{ name: 'x', channel: 'fax' }],
    [{ name: 'x', status: null }],
    [{ name: 'x', more: 1 }],
  ])('refuse %j', async (body) => {
    expect((await sales.post('/v1/campaigns', body)).status).toBe(422)
  })

  test('are made, read, listed by status, changed by version and removed', async () => {
    const made = await sales.post('/v1/campaigns', { name: '😀'.repeat(200) })
    expect(made).toMatchObject({ status: 201, body: { channel: 'email', status: 'draft', version: 1 }, headers: { etag: '"1"' } })
    const path = `/v1/campaigns/${made.body.id}`
    expect((await patch(path, { status: 'running' })).status).toBe(422)
    expect((await patch(path, { version: 1, status: 'running' })).body).toMatchObject({ status: 'running', version: 2 })
    expect((await patch(path, { version: 1, name: 'x' })).body.code).toBe('version_conflict')
    expect(((await sales.get('/v1/campaigns?status=running')).body.items as unknown as Loose[]).map(({ id }) => id)).toEqual([made.body.id])
    expect((await sales.del(path)).status).toBe(204)
    expect((await sales.get(path)).status).toBe(404)
    expect((await sales.del(path)).status).toBe(404)
  })

  test('are seen by whom they are assigned to, and changed only with can_edit', async () => {
    const { id, username } = await sales.person({ password: goodPassword })
    const { token } = await signedIn(sales, username)
    const campaign = await sales.campaign()
    const path = `/v1/campaigns/${campaign}`
    expect((await sales.get(path, token)).status).toBe(404)
    await sales.post(`/api/admin/users/${id}/assign-campaigns`, { campaign_ids: [campaign] })
    expect((await sales.get(path, token)).status).toBe(200)
    expect((await sales.get('/v1/campaigns', token)).body.items).toHaveLength(1)
    expect((await patch(path, { version: 1, name: 'Mine' }, token)).status).toBe(403)
    await sales.post(`/api/admin/users/${id}/assign-campaigns`, { campaign_ids: [campaign], can_edit: true })
    expect((await patch(path, { version: 1, name: 'Mine' }, token)).status).toBe(200)
    expect((await sales.del(path, token)).status).toBe(403)
    const other = await foreigner(sales.server)
    expect((await sales.get(path, other.token)).status).toBe(404)
  })
})

describe('the people of a campaign', () => {
  test('are listed page by page, those who left it not, and each as far as one may see them', async () => {
    const campaign = await sales.campaign()
    const path = `/v1/campaigns/${campaign}/people`
    expect((await sales.get(path)).body).toEqual({ items: [], nextCursor: null })
    const people = [await sales.person({ password: goodPassword }), await sales.person(), await sales.person()]
    for (const { id } of people)
      await sales.post(`/api/admin/users/${id}/assign-campaigns`, { campaign_ids: [campaign], role: 'viewer', can_edit: true })
    await sales.del(`/api/admin/users/${people[2]?.id}/campaigns/${campaign}`)
    const first = (await sales.get(`${path}?limit=1`)).body
    expect(first.items).toHaveLength(1)
    const second = (await sales.get(`${path}?limit=1&cursor=${first.nextCursor}`)).body
    const found = [...(first.items as unknown as Loose[]), ...(second.items as unknown as Loose[])]
    expect(found.map(({ userId }) => userId).sort()).toEqual([people[0]?.id, people[1]?.id].sort())
    expect(found[0]).toMatchObject({ role: 'viewer', canEdit: true, canViewStats: true, canManageContacts: false, isActive: true })

    const { token } = await signedIn(sales, people[0]?.username ?? '')
    expect(((await sales.get(path, token)).body.items as unknown as Loose[]).map(({ userId }) => userId)).toEqual([people[0]?.id])
    const stranger = await sales.person({ password: goodPassword })
    expect((await sales.get(path, (await signedIn(sales, stranger.username)).token)).status).toBe(404)
    expect((await sales.get(path, (await foreigner(sales.server)).token)).status).toBe(404)
    expect((await sales.get('/v1/campaigns/none/people')).status).toBe(404)
    expect((await sales.get(`${path}?cursor=x`)).body.code).toBe('bad_cursor')
    expect((await sales.get(`${path}?limit=0`)).status).toBe(422)
  })
})

describe('contacts', () => {
  test.each([
    [{}],
    [{ phone: '1' }],
    [{ firstName: '' }],
    [{ firstName: 'x', leadScore: 1000 }],
    [{ firstName: 'x', leadScore: -0.01 }],
    [{ firstName: 'x', leadScore: 1.005 }],
    [{ firstName: 'x', status: 'gone' }],
    [{ email: 'not an address' }],
    [{ firstName: 'x', ownerId: null }],
  ])('refuse %j', async (body) => {
    expect((await sales.post('/v1/contacts', body)).status).toBe(422)
  })

  test('are made, found, changed by version and removed; absent texts are null', async () => {
    const made = await sales.post('/v1/contacts', { email: 'Iris@Example.org', leadScore: 999.99 })
    expect(made).toMatchObject({
      status: 201,
      body: {
        email: 'Iris@Example.org',
        firstName: null,
        company: null,
        ownerId: null,
        importId: null,
        status: 'active',
        leadScore: 999.99,
      },
    })
    const id = String(made.body.id)
    for (const query of ['email=iris@example.ORG', 'q=IRIS', 'email=iris@example.org&ownerId=none&status=active'])
      expect((await items(query)).map((row) => row.id)).toEqual([id])
    expect(await items('email=iris@example.org&status=bounced')).toEqual([])
    const path = `/v1/contacts/${id}`
    expect((await patch(path, { version: 1, email: null })).status).toBe(422)
    expect((await patch(path, { version: 1, email: null, company: 'Vale' })).body).toMatchObject({
      email: null,
      company: 'Vale',
      version: 2,
    })
    expect((await patch(path, { version: 1, company: 'x' })).body.code).toBe('version_conflict')
    expect((await sales.del(path)).status).toBe(204)
    expect((await sales.get(path)).status).toBe(404)
  })

  test('made by whoever works with few are their own, and those of others are not there', async () => {
    const { id, username } = await sales.person({ password: goodPassword })
    const { token } = await signedIn(sales, username)
    const mine = await sales.post('/v1/contacts', { firstName: 'Mine' }, token)
    expect(mine.body).toMatchObject({ ownerId: id })
    const [other] = await sales.contacts(1)
    expect((await items('limit=200', token)).map((row) => row.id)).toEqual([mine.body.id])
    expect((await sales.get(`/v1/contacts/${other}`, token)).status).toBe(404)
    expect((await patch(`/v1/contacts/${other}`, { version: 1, phone: '1' }, token)).status).toBe(404)
    expect((await sales.del(`/v1/contacts/${mine.body.id}`, token)).status).toBe(403)
    expect((await sales.get(`/api/admin/users/${id}/assignments`)).body.data).toMatchObject({ contacts_count: 1 })
  })
})

describe('an import', () => {
  test.each([
    ['', 'no header'],
    ['colour,size\nred,1\n', 'no known column'],
    ['email,Email\na@example.org,b@example.org\n', 'a column twice'],
    [Buffer.from([0x65, 0x6d, 0x61, 0x69, 0x6c, 0x0a, 0xff, 0xfe]), 'not UTF-8'],
    [`email\n${'x\n'.repeat(100_001)}`, 'too many rows'],
  ] as [string | Buffer, string][])('refuses a file that %#: %s', async (raw, _why) => {
    const answer = await upload(raw)
    expect(answer).toMatchObject({ status: 422, body: { code: 'import_unreadable' } })
  })

  test('takes text/csv alone', async () => {
    expect((await upload('email\n', '', { 'content-type': 'application/json' })).status).toBe(415)
  })

  const file = [
    '\ufeffEmail,first_name,LastName,lead_score,shoe size,status',
    'one@example.org,One,,10.5,44,active',
    '"two@example.org","Two\nlines",,,,',
    'broken,Three,,,,',
    ',,,,,',
    'four@example.org,,,1000,,',
    'ONE@example.org,Again,,,,bounced',
    '',
  ].join('\r\n')

  test('stores the good rows, names the bad ones by their line, and keeps a dry run to itself', async () => {
    const dry = await upload(file, '?dryRun=true')
    expect(dry).toMatchObject({ status: 200, body: { created: 2, updated: 0, skipped: 1, failed: 3, ignoredColumns: ['shoe size'] } })
    expect(await items('q=one@example.org')).toEqual([])
    const answer = await upload(file)
    expect(answer).toMatchObject({ status: 201, body: { created: 2, updated: 0, skipped: 1, failed: 3 } })
    const errors = answer.body.errors as unknown as Loose[]
    expect(errors.map(({ row, field }) => [row, field])).toEqual([
      [5, 'email'],
      [6, 'email'],
      [7, 'leadScore'],
    ])
    expect(await items(`importId=${answer.body.importId}`)).toMatchObject([
      { email: 'one@example.org', firstName: 'One', leadScore: 10.5 },
      { email: 'two@example.org', firstName: 'Two\nlines' },
    ])
  })

  test('updates what is there when asked, and is taken back whole', async () => {
    const before = await items('email=one@example.org')
    const answer = await upload(
      'email,company,lead_score\none@example.org,Changed Ltd,20\nnew@example.org,New Ltd,\n',
      '?onDuplicate=update',
    )
    expect(answer.body).toMatchObject({ created: 1, updated: 1, skipped: 0, failed: 0 })
    expect(await items('email=one@example.org')).toMatchObject([{ company: 'Changed Ltd', leadScore: 20, firstName: 'One' }])
    const undo = () => sales.post(`/v1/contacts/imports/${answer.body.importId}/undo`)
    expect(await undo()).toMatchObject({ status: 200, body: { removed: 1, restored: 1, kept: 0 } })
    expect((await items('email=one@example.org'))[0]).toMatchObject({ company: null, leadScore: 10.5, id: before[0]?.id })
    expect(await items('email=new@example.org')).toEqual([])
    expect((await undo()).body.code).toBe('already_undone')
    expect((await sales.post(`/v1/contacts/imports/${randomUUID()}/undo`)).body.code).toBe('import_not_found')
  })

  test('updates several contacts of one person in one file, and one of them twice', async () => {
    const ids: string[] = []
    for (const name of ['a', 'b']) {
      const made = await sales.post('/v1/contacts', { email: `pair-${name}@example.org`, leadScore: 1 })
      ids.push(made.body.id as unknown as string)
    }
    const given = await sales.post(`/api/admin/users/${sales.owner.id}/assign-contacts`, { contact_ids: ids })
    expect(given.body).toMatchObject({ success_count: 2 })
    const lines = 'pair-a@example.org,5,First\npair-b@example.org,6,\npair-a@example.org,7,\n'
    const answer = await upload(`email,lead_score,company\n${lines}`, '?onDuplicate=update')
    expect(answer).toMatchObject({ status: 201, body: { created: 0, updated: 3, failed: 0 } })
    expect(await items('email=pair-a@example.org')).toMatchObject([{ company: 'First', leadScore: 7 }])
    expect((await sales.post(`/v1/contacts/imports/${answer.body.importId}/undo`)).body).toMatchObject({ restored: 2, kept: 0 })
    expect(await items('email=pair-a@example.org')).toMatchObject([{ company: null, leadScore: 1 }])
  })

  test('an export is read in again, and holds no formula', async () => {
    await sales.post('/v1/contacts', { firstName: '=cmd|calc' })
    const { headers, text } = await sales.get('/v1/contacts/export')
    expect(headers['content-type']).toContain('text/csv')
    expect(text).toContain("'=cmd|calc")
    expect((await upload(text, '?dryRun=true')).body).toMatchObject({ failed: 0 })
  })
})

test('the history is found by what it is about, and never without it', async () => {
  expect((await sales.get('/v1/assignment-history')).status).toBe(422)
  expect((await sales.get(`/v1/assignment-history?userId=${randomUUID()}`)).body).toEqual({ items: [], nextCursor: null })
  expect((await sales.get('/v1/assignment-history?userId=nobody')).body).toEqual({ items: [], nextCursor: null })
})

test('what goes takes its assignments along, those that ended too, and the log says so on every engine', async () => {
  const user = await sales.server.send('POST', '/v1/users', { token: sales.owner.token, body: { username: 'takes-along' } })
  const contact = String((await sales.post('/v1/contacts', { email: 'gone@example.org', leadScore: 2 })).body.id)
  const campaign = String((await sales.post('/v1/campaigns', { name: 'Gone' })).body.id)
  const path = `/api/admin/users/${user.body.id}`
  await sales.post(`${path}/assign-contacts`, { contact_ids: [contact] })
  await sales.post(`${path}/assign-campaigns`, { campaign_ids: [campaign] })
  const store = sales.server.holdfast.runtime.storage.tenant(sales.owner.tenantId)
  const rows = async () =>
    (
      await Promise.all([
        store.list(ContactAssignment, { index: 'byContact', where: { contactId: contact } }),
        store.list(CampaignAssignment, { index: 'byCampaign', where: { campaignId: campaign } }),
      ])
    ).map(({ items: found }) => found.length)
  expect(await rows()).toEqual([1, 1])
  expect((await sales.del(`${path}/contacts/${contact}`)).status).toBeLessThan(300)
  expect(await rows()).toEqual([1, 1])
  expect((await sales.del(`/v1/contacts/${contact}`)).status).toBe(204)
  expect((await sales.del(`/v1/campaigns/${campaign}`)).status).toBe(204)
  expect(await rows()).toEqual([0, 0])
  expect((await sales.get('/v1/integrity')).body).toMatchObject({ rows: { mismatched: 0 } })
  const steps = (await sales.get(`/v1/assignment-history?contactId=${contact}`)).body.items as unknown as Loose[]
  expect(steps.map(({ action }) => action)).toEqual(['unassigned', 'assigned'])
})

test('tags: lower-case, each once, found by the list of everyone and of one, changed for many at once or for none', async () => {
  const first = String((await sales.post('/v1/contacts', { firstName: 'Tagged' })).body.id)
  const second = String((await sales.post('/v1/contacts', { firstName: 'Tagged too' })).body.id)
  const put = (id: string, tags: unknown, token = sales.owner.token) =>
    sales.server.send('PUT', `/v1/contacts/${id}/tags`, { token, body: { tags } })
  for (const bad of [['a\nb'], [''], ['x'.repeat(51)], Array.from({ length: 51 }, (_, n) => `t${n}`), 'vip', ['a\u001fb']])
    expect((await put(first, bad)).status, JSON.stringify(bad)).toBe(422)
  expect((await put(randomUUID(), ['vip'])).status).toBe(404)
  expect((await put(first, [' VIP ', 'trade fair', 'vip'])).body).toEqual({ tags: ['trade fair', 'vip'] })
  const version = (await sales.get(`/v1/contacts/${first}`)).body.version
  await put(first, ['vip', 'Trade fair'])
  expect((await sales.get(`/v1/contacts/${first}`)).body.version).toBe(version)
  expect(await sales.get(`/v1/contacts/${first}/tags`)).toMatchObject({ body: { tags: ['trade fair', 'vip'] } })
  const found = async (tag: string, token?: string) =>
    ((await sales.get(`/v1/contacts?tag=${encodeURIComponent(tag)}`, token)).body.items as unknown as Loose[]).map(({ id }) => id)
  expect(await found('VIP')).toEqual([first])
  expect([await found('vi'), await found('trade')]).toEqual([[], []])

  const many = (body: object, token?: string) => sales.post('/v1/contacts/tags', body, token)
  expect((await many({ contactIds: [first, randomUUID()], add: ['new'] })).status).toBe(404)
  expect(await found('new')).toEqual([])
  expect((await many({ contactIds: [first, second, first], add: ['new'], remove: ['vip'] })).body).toEqual({ changed: 2 })
  expect([await found('new'), await found('vip')]).toEqual([[first, second].sort(), []])
  await put(
    second,
    Array.from({ length: 50 }, (_, n) => `t${n}`),
  )
  expect((await many({ contactIds: [second], add: ['one more'] })).body.code).toBe('too_many_tags')

  const member = await join(sales.server, sales.owner)
  expect(await found('new', member.token)).toEqual([])
  expect((await put(first, ['mine'], member.token)).status).toBe(404)
  await sales.post(`/api/admin/users/${member.id}/assign-contacts`, { contact_ids: [first] })
  expect(await found('new', member.token)).toEqual([first])
  expect((await put(first, ['mine'], member.token)).status).toBe(200)
  expect((await many({ contactIds: [first, second], add: ['x'] }, member.token)).status).toBe(404)
})
