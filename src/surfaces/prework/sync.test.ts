import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonical, sha256 } from '../../kernel/canonical.ts'
import { enterOwner, found, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let worker: Person
let other: Person
let auditor: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  ;[worker, other, auditor] = (await Promise.all([join(server, owner), join(server, owner), join(server, owner, { role: 'auditor' })])) as [
    Person,
    Person,
    Person,
  ]
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const data = {
  title: 'Kitchen',
  sections: [
    {
      id: 's',
      title: 'All',
      items: [
        { id: 'a', text: 'Sink' },
        { id: 'b', text: 'Oven 🔥 hot' },
      ],
    },
  ],
}
const create = async (by = worker): Promise<string> =>
  String(((await send('POST', '/checklists', { checklistData: data }, by)).body.checklist as Loose).checklistId)
const apply = (entityId: string, edit: object, by = worker) =>
  send(
    'POST',
    '/sync',
    { action: 'apply_operation', operation: { operationId: randomUUID(), entityType: 'checklist', entityId, ...edit } },
    by,
  )
const state = async (entityId: string, by = worker) => (await send('GET', `/sync/state?entityId=${entityId}`, undefined, by)).body as Loose
const operations = async (entityId: string, query = '') =>
  (await send('GET', `/sync/operations?entityId=${entityId}${query}`)).body as unknown as {
    operations: Loose[]
    currentVersion: number
    hasMore: boolean
  }
const update = (path: string, newValue: unknown) => ({ type: 'update', path, newValue })

describe('an edit is refused', () => {
  test.each([
    ['an unknown path', { ops: [update('items.z.checked', true)] }],
    ['a path inside a text', { ops: [update('items.a.text.0', 'x')] }],
    ['a prototype', { ops: [update('items.__proto__.checked', true)] }],
    ['a wrong kind', { ops: [update('items.a.checked', 'yes')] }],
    ['a wrong word', { ops: [update('items.a.priority', 'urgent')] }],
    ['an unknown field', { ops: [update('items.a.colour', 'red')] }],
    ['a text too long', { ops: [update('items.a.text', 'x'.repeat(501))] }],
    ['an id that is taken', { ops: [{ type: 'insert', path: 'items', id: 'a', afterId: null, value: { sectionId: 's', text: 'x' } }] }],
    [
      'an item of no section',
      { ops: [{ type: 'insert', path: 'items', id: 'n', afterId: null, value: { sectionId: 'none', text: 'x' } }] },
    ],
    ['a neighbour that is absent', { ops: [{ type: 'move', path: 'items', id: 'a', afterId: 'none' }] }],
    ['a removal of nothing', { ops: [{ type: 'delete', path: 'sections', id: 'none' }] }],
    ['a position beyond the text', { ops: [{ type: 'insert', path: 'items.b.text', pos: 11, text: 'x' }] }],
    ['a length beyond the text', { ops: [{ type: 'delete', path: 'items.b.text', pos: 9, len: 2 }] }],
  ])('for %s, and changes nothing', async (_, edit) => {
    const id = await create()
    const before = await state(id)
    expect((await apply(id, { baseVersion: 1, ...edit })).body).toMatchObject({
      status: 400,
      code: 'invalid_operation',
      detail: expect.any(String),
    })
    expect(await state(id)).toEqual(before)
    expect(await operations(id)).toMatchObject({ currentVersion: 1, operations: [{ version: 1 }] })
  })

  test('as a whole when one of several does not fit, which is named', async () => {
    const id = await create()
    const refused = await apply(id, { ops: [update('items.a.checked', true), update('items.z.checked', true)] })
    expect(refused.body).toMatchObject({ code: 'invalid_operation', detail: expect.stringContaining('ops.1') })
    expect(await state(id)).toMatchObject({ version: 1 })
  })

  test('to strangers, to readers, to other tenants, and for nothing known', async () => {
    const id = await create()
    const edit = { ops: [update('items.a.checked', true)] }
    const invented = await apply(randomUUID(), edit)
    expect(invented.body).toMatchObject({ status: 404, code: 'checklist_not_found' })
    expect((await apply(id, edit, other)).body).toMatchObject({ status: 404, detail: invented.body.detail })
    expect((await apply(id, edit, auditor)).status).toBe(403)
    expect((await send('POST', '/sync', { action: 'dance' })).body.detail).toBe(
      'Invalid action. Supported actions: join_session, leave_session, apply_operation, update_cursor',
    )
    expect((await send('GET', '/sync')).body.detail).toBe('Missing required parameter: entityId')
    for (const bad of [
      { ops: [] },
      { ops: [update('title', 'x')], baseVersion: 0 },
      { operationId: 'x', ops: [update('title', 'x')] },
      { entityType: 'team' },
    ])
      expect((await apply(id, bad)).status).toBe(400)
    expect((await apply(id, { ops: Array.from({ length: 101 }, () => update('title', 'x')) })).status).toBe(400)
    expect((await apply(id, { ops: [update('title', 'x')], userId: other.id })).status).toBe(403)
    expect(
      (await send('POST', '/sync', { action: 'apply_operation', operation: { entityId: id } }, { token: 'none' } as Person)).status,
    ).toBe(401)
  })

  test('for a field that nobody knows, and for an organization that is another', async () => {
    const id = await create()
    const stranger = await found(server, 'other-sync')
    const op = update('title', 'x')
    for (const bad of [
      { ops: [op], colour: 'red' },
      { ops: [{ ...op, colour: 'red' }] },
      { ...op, colour: 'red' },
      { ops: [op], path: 'title' },
    ])
      expect((await apply(id, bad)).body).toMatchObject({ status: 400, code: 'invalid', errors: [{ code: 'unknown' }] })
    const refused = await apply(id, { ops: [op], organizationId: stranger.tenantId })
    expect(refused.body).toMatchObject({ status: 403, code: 'tenant_mismatch' })
    expect((await state(id)).version).toBe(1)
    expect((await apply(id, { ops: [op], organizationId: owner.tenantId, userId: worker.id })).status).toBe(200)
    expect((await apply(id, { ...update('title', 'y'), oldValue: 'x' })).body).toMatchObject({ result: { version: 3 } })
  })

  test('ahead of the document, and behind it where it is strict, with what is missing', async () => {
    const id = await create()
    await apply(id, { ops: [update('title', 'One')] })
    expect((await apply(id, { baseVersion: 3, ops: [update('title', 'x')] })).body).toMatchObject({
      status: 409,
      code: 'version_mismatch',
      currentVersion: 2,
    })
    expect((await apply(id, { baseVersion: 1, strict: true, ops: [update('title', 'x')] })).body).toMatchObject({
      status: 409,
      code: 'version_conflict',
      currentVersion: 2,
      operations: [{ version: 2, changes: [{ path: 'title', value: 'One' }] }],
    })
    expect((await apply(id, { baseVersion: 2, strict: true, ops: [update('title', 'Two')] })).body).toMatchObject({
      result: { version: 3 },
    })
  })

  test('where the document would be too large', async () => {
    const id = await create()
    const large = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`k${n}`, 'x'.repeat(10_000)]))
    expect((await apply(id, { ops: Object.entries(large).map(([key, value]) => update(`customFields.${key}`, value)) })).status).toBe(200)
    const { checksum } = await state(id)
    const refused = await apply(id, { ops: [update('customFields.more', 'x'.repeat(12_000))] })
    expect(refused.body).toMatchObject({ status: 413, code: 'document_too_large' })
    expect((await state(id)).checksum).toBe(checksum)
  })

  test('once it is submitted, and again possible when changes were asked for', async () => {
    const id = await create()
    for (const item of ['a', 'b']) await apply(id, { ops: [update(`items.${item}.checked`, true)] })
    expect((await send('POST', `/submissions/${id}/submit`, {})).status).toBe(200)
    expect((await apply(id, { ops: [update('title', 'x')] })).body).toMatchObject({ status: 409, code: 'frozen' })
    await send('POST', `/submissions/${id}/review`, { decision: 'request_changes', notes: 'again' }, owner)
    expect((await apply(id, { ops: [update('title', 'x')] })).status).toBe(200)
  })
})

describe('an edit', () => {
  test('tells what it changed, and whoever sets that in order has the document', async () => {
    const id = await create()
    const edits = [
      [update('items.a.checked', true), update('items.a.notes', 'done')],
      [{ type: 'insert', path: 'sections', id: 't', afterId: 's', value: { title: 'Two' } }],
      [{ type: 'insert', path: 'items', id: 'c', afterId: null, value: { sectionId: 't', text: 'Floor' } }],
      [{ type: 'move', path: 'items', id: 'a', afterId: 'c', sectionId: 't' }],
      [{ type: 'insert', path: 'items.b.text', pos: 5, text: '🌶️' }],
      [{ type: 'delete', path: 'items.b.text', pos: 0, len: 4 }],
      [update('items.c.customFields.colour', { hue: 3 }), update('items.c.attachments.m1', 'before')],
      [update('items.c.customFields.colour', null)],
      [{ type: 'delete', path: 'sections', id: 's' }],
    ]
    const copy = (await state(id)).data as Loose
    for (const [index, ops] of edits.entries()) {
      const { status, body } = await apply(id, { ops })
      expect(status, JSON.stringify(body)).toBe(200)
      const result = body.result as Loose
      expect(result).toMatchObject({ success: true, version: index + 2, conflicts: [] })
      set(copy, result.changes as unknown as Change[])
      expect(sha256(canonical(copy as never))).toBe(result.checksum)
    }
    const now = await state(id)
    expect(now).toMatchObject({ version: 10, operationCount: 9, modifiedBy: worker.id, data: copy })
    expect(Object.keys((now.data as Loose).items as object).sort()).toEqual(['a', 'c'])
    const { operations: entries } = await operations(id)
    expect(entries.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const replayed = entries[0]?.create as Loose
    for (const entry of entries.slice(1)) set(replayed, entry.changes as unknown as Change[])
    expect(replayed).toEqual(copy)
    expect(await operations(id, '&sinceVersion=8&limit=1')).toMatchObject({ operations: [{ version: 9 }], hasMore: true })
  })

  test('has one effect under its id, at once or again, and nobody else’s', async () => {
    const id = await create()
    const edit = { operationId: randomUUID(), baseVersion: 1, ops: [update('title', 'Once')] }
    const all = await Promise.all([apply(id, edit), apply(id, edit), apply(id, edit)])
    for (const one of all) expect(one.body).toEqual(all[0]?.body)
    expect((await apply(id, edit)).body).toEqual(all[0]?.body)
    expect((await state(id)).version).toBe(2)
    expect((await apply(id, { ...edit, ops: [update('title', 'Other')] })).body.code).toBe('operation_id_reused')
    expect((await apply(id, edit, owner)).body.code).toBe('operation_id_reused')
    expect((await apply(await create(), edit)).status).toBe(200)
  })

  test('goes over what came since its base: typing merges, the later register wins, what was removed is lost', async () => {
    const id = await create()
    await apply(id, {
      baseVersion: 1,
      ops: [{ type: 'insert', path: 'items.a.text', pos: 4, text: ' left' }, update('items.a.priority', 'high')],
    })
    const merged = await apply(id, {
      baseVersion: 1,
      ops: [{ type: 'insert', path: 'items.a.text', pos: 0, text: 'Big ' }, update('items.a.priority', 'low')],
    })
    expect(merged.body).toMatchObject({
      result: { version: 3, conflicts: [{ path: 'items.a.priority', conflictType: 'concurrent_edit', resolution: 'override' }] },
    })
    expect(((await state(id)).data as Loose).items).toMatchObject({ a: { text: 'Big Sink left', priority: 'low' } })
    await apply(id, { ops: [{ type: 'delete', path: 'items', id: 'a' }] })
    const lost = await apply(id, { baseVersion: 3, ops: [update('items.a.checked', true)] })
    expect(lost.body).toMatchObject({
      result: { version: 5, op: null, changes: [], conflicts: [{ path: 'items.a.checked', resolution: 'dropped' }] },
    })
    expect(Object.keys(((await state(id)).data as Loose).items as object)).toEqual(['b'])
  })

  test('a hundred at one base at once make a hundred versions', async () => {
    const id = await create()
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        apply(id, { baseVersion: 1, ops: [{ type: 'insert', path: 'items.a.notes', pos: 0, text: `${n} ` }] }),
      ),
    )
    expect(all.map(({ body }) => Number((body.result as Loose).version)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, n) => n + 2),
    )
    const notes = String((((await state(id)).data as Loose).items as Record<string, Loose>).a?.notes)
    expect(
      notes
        .trim()
        .split(' ')
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 100 }, (_, n) => n))
    const { operations: entries } = await operations(id)
    const copy = entries[0]?.create as Loose
    for (const entry of entries.slice(1)) set(copy, entry.changes as unknown as Change[])
    expect(copy).toEqual((await state(id)).data)
  })

  test('in the older form is one operation at the newest version', async () => {
    const id = await create()
    const old = { entityType: 'checklist', entityId: id, type: 'update', path: `${id}.items.a.checked`, newValue: true }
    expect((await send('POST', '/sync', { action: 'apply_operation', operation: old })).body).toMatchObject({
      result: { version: 2, operationId: expect.any(String), changes: [{ path: 'items.a.checked', value: true }] },
      message: 'Operation applied successfully',
    })
  })

  test('is undone by bringing a version back, as one more version', async () => {
    const id = await create()
    const first = await state(id)
    await apply(id, { ops: [update('title', 'x'), { type: 'delete', path: 'items', id: 'a' }] })
    await apply(id, {
      ops: [
        { type: 'insert', path: 'items', id: 'n', afterId: null, value: { sectionId: 's', text: 'New' } },
        update('items.b.checked', true),
      ],
    })
    const restore = (version: number, by = worker) =>
      server.send('POST', `/v1/documents/${id}/restore`, { token: by.token, body: { version } })
    expect((await restore(4)).status).toBe(409)
    expect((await restore(1, other)).status).toBe(404)
    expect((await restore(1, auditor)).status).toBe(403)
    expect((await restore(1)).body.result).toMatchObject({ version: 4, checksum: first.checksum })
    expect(await state(id)).toMatchObject({ version: 4, data: first.data })
    expect((await operations(id)).operations).toHaveLength(4)
  })

  test('counts in the list of checklists, and in its progress', async () => {
    const id = await create()
    await apply(id, { ops: [update('title', 'Renamed'), update('items.a.checked', true)] })
    expect((await send('GET', `/checklists/${id}`)).body.checklist).toMatchObject({ title: 'Renamed', progress: 50, version: 2 })
  })
})

type Change = { path: string; value?: unknown; removed?: true }
function set(document: Loose, changes: readonly Change[]): void {
  for (const { path, value, removed } of changes) {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    const parent = keys.reduce((at, key) => at[key] as Loose, document)
    if (removed === true) delete parent[last]
    else parent[last] = value as Loose
  }
}

describe('sessions', () => {
  test('tell who is there, to those who may look', async () => {
    const id = await create()
    const enter = (by: Person, sessionId?: string) =>
      send(
        'POST',
        '/sync',
        { action: 'join_session', entityId: id, entityType: 'checklist', ...(sessionId === undefined ? {} : { sessionId }) },
        by,
      )
    const here = async () => (await send('GET', `/sync?entityId=${id}&entityType=checklist`)).body.sessions as Loose[]
    const first = (await enter(worker)).body as unknown as { session: Loose; version: number }
    expect(first).toMatchObject({
      version: 1,
      message: 'Joined session successfully',
      session: { userId: worker.id, entityId: id, isActive: true },
    })
    expect((await enter(worker, String(first.session.sessionId))).body.session).toMatchObject({ sessionId: first.session.sessionId })
    const second = (await enter(owner)).body.session as Loose
    expect((await here()).map(({ userId }) => userId)).toEqual([worker.id, owner.id])
    expect((await enter(other)).status).toBe(404)

    const move = {
      action: 'update_cursor',
      entityId: id,
      entityType: 'checklist',
      sessionId: first.session.sessionId,
      position: { x: 1, y: 2 },
    }
    expect((await send('POST', '/sync', move)).body.message).toBe('Cursor updated successfully')
    await send('POST', '/sync', { ...move, position: { x: 9, y: 9 } }, owner)
    expect((await here())[0]).toMatchObject({ cursor: { x: 1, y: 2 } })

    await send('POST', '/sync', { action: 'leave_session', sessionId: second.sessionId })
    expect(await here()).toHaveLength(2)
    expect((await send('POST', '/sync', { action: 'leave_session', sessionId: second.sessionId }, owner)).body.message).toBe(
      'Left session successfully',
    )
    expect((await here()).map(({ userId }) => userId)).toEqual([worker.id])

    const audit = (await send('GET', `/audit?entityId=${id}`, undefined, owner)).body as unknown as { logs: Loose[] }
    expect(audit.logs.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['COLLABORATION_SESSION_JOINED', 'COLLABORATION_SESSION_LEFT', 'CHECKLIST_CREATED']),
    )
    const all = (await send('GET', '/audit?limit=200', undefined, owner)).body as unknown as { logs: Loose[] }
    expect(all.logs.filter(({ action }) => String(action).startsWith('COLLABORATION'))).toEqual([])
  })
})
