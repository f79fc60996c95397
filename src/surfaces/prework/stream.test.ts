import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openStream, type Stream } from '../../testing/event-stream.ts'
import { until } from '../../testing/live.ts'
import { enterOwner, found, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let base: string
let owner: Person
let worker: Person
let other: Person
const aborts: AbortController[] = []

beforeAll(async () => {
  server = await startTestServer()
  base = await server.listen()
  owner = await enterOwner(server)
  ;[worker, other] = (await Promise.all([join(server, owner), join(server, owner)])) as [Person, Person]
})
afterEach(() => {
  for (const abort of aborts.splice(0)) abort.abort()
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, path, { token, ...(body === undefined ? {} : { body }) })
const create = async (): Promise<string> =>
  String(
    (
      await send('POST', '/api/checklists', {
        checklistData: { title: 'Kitchen', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink' }] }] },
      })
    ).body.checklistId,
  )
const edit = (entityId: string, path: string, newValue: unknown, by = worker) =>
  send(
    'POST',
    '/api/sync',
    { action: 'apply_operation', operation: { entityType: 'checklist', entityId, ops: [{ type: 'update', path, newValue }] } },
    by,
  )

const open = (query: string, headers: Record<string, string> = { authorization: `Bearer ${worker.token}` }): Promise<Stream> =>
  openStream(`${base}/api/sync/stream?${query}`, headers, aborts)
const edits = ({ messages }: Stream): number[] => messages.filter(({ id }) => id !== null).map(({ id }) => Number(id))

describe('a room', () => {
  test('is for those who may read, by header or by ticket, once', async () => {
    const id = await create()
    const about = `entityId=${id}&entityType=checklist`
    expect((await open(about, {})).status).toBe(401)
    expect((await open(about, { authorization: `Bearer ${other.token}` })).status).toBe(404)
    expect((await open(`entityId=${randomUUID()}`)).status).toBe(404)
    const { ticket } = (await send('POST', '/v1/tickets', {})).body as { ticket?: Loose }
    const stream = await open(`${about}&ticket=${ticket}`, {})
    expect(stream).toMatchObject({ status: 200, type: 'text/event-stream; charset=utf-8' })
    expect((await open(`${about}&ticket=${ticket}`, {})).status).toBe(401)
    await until(() => stream.of('stream.ready').length === 1)
    expect(stream.of('stream.ready')[0]).toMatchObject({ version: 1, roomId: `checklist:${id}`, entityId: id })
  })

  test('tells every edit once and in order, what it was, and from where one left off', async () => {
    const id = await create()
    await edit(id, 'title', 'Before')
    const stream = await open(`entityId=${id}&sinceVersion=1`)
    await edit(id, 'items.a.checked', true)
    await edit(id, 'items.a.checked', false, owner)
    await edit(id, 'items.a.notes', 'x')
    await until(() => edits(stream).length === 4)
    expect(edits(stream)).toEqual([2, 3, 4, 5])
    expect(stream.messages.filter(({ id: event }) => event !== null).map(({ told }) => told.eventType)).toEqual([
      'checklist.updated',
      'checklist.item.checked',
      'checklist.item.unchecked',
      'checklist.updated',
    ])
    expect(stream.of('checklist.item.checked')[0]).toMatchObject({
      version: 3,
      userId: worker.id,
      data: { itemId: 'a', operationId: expect.any(String), changes: [{ path: 'items.a.checked', value: true }] },
    })
    const again = await open(`entityId=${id}`, { authorization: `Bearer ${worker.token}`, 'last-event-id': '3' })
    await until(() => edits(again).length === 2)
    expect(edits(again)).toEqual([4, 5])
    await Promise.all(Array.from({ length: 20 }, (_, n) => edit(id, `customFields.k${n}`, n)))
    await until(() => edits(again).length === 22)
    expect(edits(again)).toEqual(Array.from({ length: 22 }, (_, n) => n + 4))
  })

  test('tells who comes and goes, where they are, and what becomes of the submission', async () => {
    const id = await create()
    const join_ = async (by: Person) =>
      (await send('POST', '/api/sync', { action: 'join_session', entityId: id, entityType: 'checklist' }, by)).body.session as Loose
    const mine = await join_(worker)
    const stream = await open(`entityId=${id}&sessionId=${mine.sessionId}`)
    await until(() => stream.of('stream.ready').length === 1)
    const startedMs = performance.now()
    const theirs = await join_(owner)
    const cursor = { action: 'update_cursor', entityId: id, entityType: 'checklist' }
    await send('POST', '/api/sync', { ...cursor, sessionId: theirs.sessionId, position: { x: 5, y: 6 }, typing: true }, owner)
    await send('POST', '/api/sync', { ...cursor, sessionId: mine.sessionId, position: { x: 1, y: 1 } })
    await send('POST', '/api/sync', { action: 'leave_session', sessionId: theirs.sessionId }, owner)
    await until(() => stream.of('team.member.left').length === 1)
    expect(stream.of('team.member.joined')).toMatchObject([{ userId: owner.id, data: { sessionId: theirs.sessionId } }])
    expect(stream.of('collaboration.cursor.moved')).toMatchObject([{ userId: owner.id, data: { cursor: { x: 5, y: 6 } } }])
    expect(stream.of('collaboration.typing.started')).toHaveLength(1)
    expect(stream.of('team.member.left')).toMatchObject([{ data: { sessionDuration: expect.any(Number) } }])
    const [left] = stream.of('team.member.left')
    expect(Number(left?.data?.sessionDuration)).toBeLessThanOrEqual(Math.ceil((performance.now() - startedMs) / 1_000))
    await edit(id, 'items.a.checked', true)
    await send('POST', `/api/submissions/${id}/submit`, {})
    await until(() => stream.of('submission.updated').length === 1)
    expect(stream.of('submission.updated')[0]).toMatchObject({ entityId: id, data: { status: 'under_review', previousStatus: 'draft' } })
  })

  test('ends, and says why, once its reader lost the right, the session or the document', async () => {
    const id = await create()
    const guest = await join(server, owner)
    const work = (await send('POST', '/api/assignments', { checklistId: id, assignedTo: [guest.id] }, owner)).body.assignment as Loose
    const [lost, gone, ended] = [
      await open(`entityId=${id}`, { authorization: `Bearer ${guest.token}` }),
      await open(`entityId=${id}`),
      await open(`entityId=${await create()}`, { authorization: `Bearer ${owner.token}` }),
    ]
    await send('DELETE', `/api/assignments/${work.assignmentId}`, undefined, owner)
    await until(() => lost.isOver(), 2_000)
    expect(lost.of('stream.closed')).toMatchObject([{ data: { reason: 'not_found' } }])
    await send('DELETE', `/api/checklists/${id}`, undefined, owner)
    await until(() => gone.isOver(), 2_000)
    expect(gone.of('stream.closed')).toMatchObject([{ data: { reason: 'not_found' } }])
    await send('DELETE', '/v1/sessions/current', undefined, owner)
    await until(() => ended.isOver(), 2_000)
    expect(ended.of('stream.closed')).toMatchObject([{ data: { reason: 'session_ended' } }])
    owner = await enterOwner(server)
  })
})

describe('a feed', () => {
  test('tells what one may read, notifies one person alone, and goes on from a position', async () => {
    const guest = await join(server, owner)
    const [mine, theirs, all] = [
      await open('', { authorization: `Bearer ${guest.token}` }),
      await open('', { authorization: `Bearer ${other.token}` }),
      await open('', { authorization: `Bearer ${owner.token}` }),
    ]
    await until(() => [mine, theirs, all].every((stream) => stream.of('stream.ready').length === 1))
    const id = await create()
    await send('POST', '/api/assignments', { checklistId: id, assignedTo: [guest.id] }, owner)
    const team = (await send('POST', '/api/teams', { name: 'Blue', settings: { visibility: 'private' } }, owner)).body
    expect(JSON.stringify(team)).toContain('Blue')
    await until(() => all.of('team.created').length === 1)
    expect(all.of('assignment.created')).toMatchObject([{ userId: owner.id, data: { checklistId: id } }])
    expect(mine.of('notification.created')).toMatchObject([{ data: { kind: 'task_assigned' } }])
    expect(mine.of('assignment.created')).toHaveLength(1)
    for (const stream of [theirs, all]) expect(stream.of('notification.created')).toEqual([])
    expect(theirs.messages.filter(({ id: event }) => event !== null)).toEqual([])
    await edit(id, 'title', 'x')
    expect(all.of('checklist.updated')).toEqual([])
    const stored = (stream: Stream) => stream.messages.filter(({ id: event }) => event !== null)
    const told = stored(all)
    for (const [index, { id: event }] of told.entries()) {
      const again = await open('', { authorization: `Bearer ${owner.token}`, 'last-event-id': String(event) })
      await until(() => stored(again).length === told.length - index - 1)
      expect(stored(again).map(({ id: next }) => next)).toEqual(told.slice(index + 1).map(({ id: next }) => next))
    }
  })

  test('tells other tenants nothing', async () => {
    const stranger = await found(server)
    const stream = await open('', { authorization: `Bearer ${stranger.token}` })
    await until(() => stream.of('stream.ready').length === 1)
    const id = await create()
    await send('POST', '/api/assignments', { checklistId: id, assignedTo: [worker.id] }, owner)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(stream.messages.map(({ told }) => told.eventType)).toEqual(['stream.ready'])
    expect((await open(`entityId=${id}`, { authorization: `Bearer ${stranger.token}` })).status).toBe(404)
  })
})
