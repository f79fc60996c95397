import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { moveClock } from '../../testing/clock.ts'
import { openStream, type Stream } from '../../testing/event-stream.ts'
import { until } from '../../testing/live.ts'
import { enterOwner, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let base: string
let owner: Person
let supervisor: Person
let manager: Person
let worker: Person
let other: Person
const aborts: AbortController[] = []

beforeAll(async () => {
  server = await startTestServer()
  base = await server.listen()
  owner = await enterOwner(server)
  ;[supervisor, manager, worker, other] = (await Promise.all([
    join(server, owner, { role: 'supervisor' }),
    join(server, owner, { role: 'manager' }),
    join(server, owner),
    join(server, owner),
  ])) as [Person, Person, Person, Person]
})
afterEach(() => {
  for (const abort of aborts.splice(0)) abort.abort()
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
async function feed(by: Person, query = ''): Promise<Stream> {
  const stream = await openStream(`${base}/api/sync/stream?${query}`, { authorization: `Bearer ${by.token}` }, aborts)
  await until(() => stream.of('stream.ready').length === 1)
  return stream
}
const feeds = (...people: Person[]): Promise<Stream[]> => Promise.all(people.map((person) => feed(person)))
/** Waits until everybody was told everything so far: events come in the order of the log. */
async function settle(...streams: Stream[]): Promise<void> {
  const name = `Settle ${Math.random()}`
  await send('POST', '/teams', { name, settings: { visibility: 'public' } }, owner)
  await until(() => streams.every((stream) => stream.of('team.created').some(({ data }) => String(data?.name) === name)))
}
const create = async (body: object = {}, by = worker): Promise<string> => {
  const checklistData = { title: 'Kitchen', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink', checked: true }] }] }
  return String((await send('POST', '/checklists', { checklistData, ...body }, by)).body.checklistId)
}
const submit = async (id: string, by = worker) => expect((await send('POST', `/submissions/${id}/submit`, {}, by)).status).toBe(200)
const review = async (id: string, body: object, by: Person) =>
  expect((await send('POST', `/submissions/${id}/review`, body, by)).status).toBe(200)
const createTeam = async (body: object): Promise<string> =>
  String(((await send('POST', '/teams', { name: 'Night shift', ...body }, manager)).body.team as Loose).teamId)

async function upload(submissionId?: string): Promise<Loose> {
  const bytes = Buffer.from('hello')
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const described = { fileName: 'note.txt', fileType: 'text/plain', fileSize: bytes.length, checksum }
  const asked = (await send('POST', '/media/upload-url', { ...described, ...(submissionId === undefined ? {} : { submissionId }) })).body
  const { pathname, search } = new URL(String(asked.uploadUrl))
  await server.send('PUT', pathname + search, { raw: bytes, headers: asked.headers as unknown as Record<string, string> })
  expect((await send('POST', '/media/confirm-upload', { fileId: asked.fileId, key: asked.key })).status).toBe(200)
  return asked
}

describe('a feed tells of files', () => {
  test('of no submission whoever put them there alone', async () => {
    const all = await feeds(owner, manager, worker, other)
    const file = await upload()
    expect((await send('POST', '/media?action=metadata', { key: file.key }, manager)).status).toBe(404)
    await settle(...all)
    expect(all.map((stream) => stream.of('file.uploaded').length)).toEqual([0, 0, 1, 0])
    expect(all[2]?.of('file.uploaded')).toMatchObject([{ entityId: file.fileId, data: { fileName: 'note.txt', fileSize: 5 } }])
  })

  test('of a submission whoever may read that, and its room', async () => {
    const id = await create()
    const all = await feeds(manager, worker, other)
    const room = await feed(owner, `entityId=${id}`)
    const { fileId } = await upload(id)
    await settle(...all)
    expect(all.map((stream) => stream.of('file.uploaded').length)).toEqual([1, 1, 0])
    await until(() => room.of('file.uploaded').length === 1)
    expect(room.of('file.uploaded')).toMatchObject([{ entityId: fileId }])
  })
})

test('a feed tells who is online to those who may read them', async () => {
  const [guest, lead] = [await join(server, owner), await join(server, owner, { role: 'manager' })]
  const [theirs, above] = (await feeds(other, lead)) as [Stream, Stream]
  const mine = await feed(guest)
  await until(() => above.of('user.online').some(({ userId }) => String(userId) === guest.id))
  await settle(mine, theirs, above)
  expect(mine.of('user.online')).toEqual([])
  expect(theirs.of('user.online')).toEqual([])
  aborts.at(-1)?.abort()
  // a stream notices that its reader is gone when it next has something to say
  await settle(theirs, above)
  await until(() => above.of('user.offline').some(({ userId }) => String(userId) === guest.id))
  expect(theirs.of('user.offline')).toEqual([])
})

describe('a feed tells of teams', () => {
  test('what they become, who comes and who goes, to those who may read them', async () => {
    const teamId = await createTeam({ settings: { visibility: 'private' }, members: [{ userId: worker.id }] })
    const all = (await feeds(owner, worker, other)) as [Stream, Stream, Stream]
    await send('PUT', '/teams', { teamId, updates: { name: 'Day shift' } }, manager)
    await send('POST', `/teams/${teamId}/members`, { userId: supervisor.id, role: 'observer' }, manager)
    await send('DELETE', `/teams/${teamId}/members/${supervisor.id}`, undefined, manager)
    // whoever is gone when a feed comes to an event may not read it any more
    await settle(...all)
    await send('DELETE', `/teams/${teamId}/members/${worker.id}`, undefined, manager)
    await settle(...all)
    const told = (stream: Stream) =>
      stream.messages
        .filter(({ told: { entityId } }) => String(entityId) === teamId)
        .map(({ told: { eventType, data } }) => ({ eventType, data }))
    const events = [
      { eventType: 'team.updated', data: { name: 'Day shift' } },
      { eventType: 'team.member.added', data: { userId: supervisor.id, role: 'observer' } },
      { eventType: 'team.member.removed', data: { userId: supervisor.id } },
      { eventType: 'team.member.removed', data: { userId: worker.id } },
    ]
    expect(all.map(told)).toEqual([events, events, []])
  })

  test('that one is gone, to who was in it or could read it', async () => {
    const hidden = await createTeam({ settings: { visibility: 'private' }, members: [{ userId: worker.id }] })
    const shown = await createTeam({})
    const all = (await feeds(owner, worker, other)) as [Stream, Stream, Stream]
    for (const teamId of [hidden, shown]) expect((await send('DELETE', `/teams?teamId=${teamId}`, undefined, manager)).status).toBe(200)
    await settle(...all)
    const gone = (stream: Stream) => stream.of('team.deleted').map(({ entityId }) => entityId)
    expect(gone(all[0])).toEqual([hidden, shown])
    expect(gone(all[1])).toEqual([hidden, shown])
    expect(gone(all[2])).toEqual([shown])
    expect(all[1].of('team.member.removed')).toEqual([])
  })
})

describe('a feed notifies', () => {
  test('of an assignment whom it names, also later, and of a team those who work in it', async () => {
    const [member, observer] = [await join(server, owner), await join(server, owner)]
    const members = [{ userId: member.id }, { userId: observer.id, role: 'observer' }]
    const teamId = await createTeam({ members })
    const quiet = await createTeam({ members, settings: { notificationSettings: { newAssignments: false } } })
    const id = await create()
    const all = (await feeds(worker, other, member, observer, manager)) as [Stream, Stream, Stream, Stream, Stream]
    const assign = async (body: object) =>
      (await send('POST', '/assignments', { checklistId: id, ...body }, manager)).body.assignment as Loose
    const named = await assign({ teamId, assignedTo: [worker.id] })
    await settle(...all)
    expect(all.map((stream) => stream.kinds())).toEqual([['task_assigned'], [], [], [], []])
    await send('PATCH', `/assignments/${named.assignmentId}`, { assignedTo: [worker.id, other.id] }, manager)
    await settle(...all)
    expect(all.map((stream) => stream.kinds())).toEqual([['task_assigned'], ['task_assigned'], [], [], []])
    const { assignmentId } = await assign({ teamId })
    await assign({ teamId: quiet })
    await settle(...all)
    expect(all.map((stream) => stream.kinds().length)).toEqual([1, 1, 1, 0, 1])
    expect(all[2].of('notification.created')).toMatchObject([{ entityId: assignmentId, data: { kind: 'task_assigned', checklistId: id } }])
    await send('PATCH', `/assignments/${assignmentId}`, { status: 'completed' }, member)
    await settle(...all)
    expect(all[0].of('assignment.completed')).toMatchObject([{ entityId: assignmentId, userId: member.id, data: { checklistId: id } }])
  })

  test('each approver when it is their turn, and the submitter at the end', async () => {
    const id = await create({ value: 20_000 })
    const room = await feed(owner, `entityId=${id}`)
    const all = (await feeds(owner, supervisor, manager, worker, other)) as [Stream, Stream, Stream, Stream, Stream]
    const kinds = () => all.map((stream) => stream.kinds())
    await submit(id)
    await settle(...all)
    expect(kinds()).toEqual([[], [], ['approval_required'], [], []])
    await review(id, { decision: 'approve' }, manager)
    await settle(...all)
    expect(kinds()).toEqual([['approval_required'], [], ['approval_required'], [], []])
    await review(id, { decision: 'approve' }, owner)
    await settle(...all)
    expect(kinds()).toEqual([['approval_required'], [], ['approval_required'], ['submission_approved'], []])
    const moves = [
      { status: 'under_review', previousStatus: 'draft' },
      { status: 'under_review', previousStatus: 'under_review' },
      { status: 'approved', previousStatus: 'under_review' },
    ]
    await until(() => room.of('submission.updated').length === 3)
    for (const stream of [room, all[0], all[3]]) expect(stream.of('submission.updated').map(({ data }) => data)).toEqual(moves)
    expect(all[4].of('submission.updated')).toEqual([])
  })

  test('of changes that are asked for, and of a rejection', async () => {
    const id = await create()
    const mine = await feed(worker)
    await submit(id)
    await review(id, { decision: 'request_changes', notes: 'again' }, manager)
    await submit(id)
    await review(id, { decision: 'reject', notes: 'no' }, manager)
    await settle(mine)
    expect(mine.kinds()).toEqual(['changes_requested', 'submission_rejected'])
    expect(mine.of('submission.updated').map(({ data }) => data?.previousStatus)).toEqual([
      'draft',
      'under_review',
      'requires_changes',
      'under_review',
    ])
  })

  test('whose checklist another submitted, and who assigned it', async () => {
    const id = await create()
    await send('POST', '/assignments', { checklistId: id, assignedTo: [other.id] }, supervisor)
    const all = await feeds(worker, other, supervisor, manager)
    await submit(id, other)
    await settle(...all)
    expect(all.map((stream) => stream.kinds())).toEqual([['submission_received'], [], ['submission_received'], ['approval_required']])
  })

  test('of a step whoever counts as a manager by a team, and the submitter’s own manager', async () => {
    const [lead, chief] = [await join(server, owner), await join(server, owner, { role: 'supervisor' })]
    const below = await join(server, owner, { managerId: chief.id })
    const id = await create({}, below)
    const teamId = await createTeam({ members: [{ userId: lead.id, role: 'senior_member' }, { userId: other.id }] })
    await send('POST', '/assignments', { checklistId: id, teamId }, owner)
    const all = await feeds(lead, chief, manager, supervisor, other)
    await submit(id, below)
    await settle(...all)
    const asked = ['approval_required']
    expect(all.map((stream) => stream.kinds())).toEqual([asked, asked, asked, [], []])
  })

  test('the next higher role where nobody holds the step’s', async () => {
    const id = await create({}, manager)
    const { body } = await send('GET', '/users?role=supervisor', undefined, owner)
    const chiefs = (body.users as unknown as Loose[]).map(({ userId }) => String(userId))
    for (const userId of chiefs) await send('PUT', '/users', { userId, isActive: false }, owner)
    const [mine, theirs] = (await feeds(owner, worker)) as [Stream, Stream]
    await submit(id, manager)
    await settle(mine, theirs)
    expect(mine.kinds()).toEqual(['approval_required'])
    expect(theirs.kinds()).toEqual([])
    for (const userId of chiefs) await send('PUT', '/users', { userId, isActive: true }, owner)
  })
})

test('a feed tells that something about a submission changed, though its status did not', async () => {
  const id = await create()
  const mine = await feed(worker)
  await send('PUT', `/submissions/${id}`, { description: 'The large one' })
  await settle(mine)
  expect(mine.of('submission.updated')).toMatchObject([{ entityId: id, data: { status: 'draft', previousStatus: 'draft' } }])
})

test('a quiet stream is pinged every fifteen seconds', async () => {
  const mine = await feed(worker)
  expect(mine.pings()).toBe(0)
  moveClock(server, 15_000)
  await until(() => mine.pings() === 1)
})
