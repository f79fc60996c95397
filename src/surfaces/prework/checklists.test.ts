import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, found, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let supervisor: Person
let manager: Person
let worker: Person
let other: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  ;[supervisor, manager, worker, other] = (await Promise.all([
    join(server, owner, { role: 'supervisor' }),
    join(server, owner, { role: 'manager' }),
    join(server, owner),
    join(server, owner),
  ])) as [Person, Person, Person, Person]
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const items = (...checked: boolean[]) => checked.map((isCompleted, n) => ({ id: `i${n}`, text: `Item ${n}`, isCompleted }))
const data = (...checked: boolean[]) => ({ title: 'Kitchen', sections: [{ id: 's', title: 'All', items: items(...checked) }] })
const create = async (body: object = { checklistData: data(true, true) }, by = worker) =>
  (await send('POST', '/checklists', body, by)).body.checklist as Loose
const submit = ({ checklistId }: Loose, by = worker) => send('POST', `/submissions/${checklistId}/submit`, {}, by)
const review = ({ checklistId }: Loose, body: object, by: Person) => send('POST', `/submissions/${checklistId}/review`, body, by)

describe('a checklist', () => {
  test('is made of data or of a template, and of nothing else', async () => {
    expect((await send('POST', '/checklists', {})).body.detail).toBe('checklistData or templateId is required')
    expect((await send('POST', '/checklists', { templateId: 'none' })).body.detail).toBe('Template not found')
    for (const checklistData of [
      {},
      { sections: [{}] },
      { sections: [{ id: 'a b', title: 'x' }] },
      { title: 'x'.repeat(201), sections: [] },
    ])
      expect((await send('POST', '/checklists', { checklistData })).status).toBe(400)
    const twice = {
      sections: [
        {
          title: 'x',
          items: [
            { id: 'a', text: 'x' },
            { id: 'a', text: 'y' },
          ],
        },
      ],
    }
    expect((await send('POST', '/checklists', { checklistData: twice })).status).toBe(400)
    expect((await send('POST', '/checklists', { checklistData: data(), userId: other.id })).status).toBe(403)
  })

  test('keeps ids, order, old names and unknown keys, and tells both forms', async () => {
    const made = await send('POST', '/checklists', {
      checklistData: {
        room: 7,
        sections: [
          {
            id: 'one',
            title: 'One',
            items: [
              { id: 'b', text: 'B', isSkipped: true, skippedReason: 'closed', isOptional: true },
              { id: 'a', text: 'A', colour: 'red' },
            ],
          },
        ],
      },
    })
    expect(made).toMatchObject({ status: 200, body: { success: true, message: 'Checklist saved successfully' } })
    const checklist = made.body.checklist as Loose
    expect(checklist).toMatchObject({
      submissionId: checklist.checklistId,
      title: 'Untitled Checklist',
      status: 'draft',
      progress: 0,
      version: 1,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      checklistData: {
        customFields: { room: 7 },
        sections: [
          {
            id: 'one',
            completedCount: 1,
            totalCount: 2,
            items: [
              { id: 'b', isSkipped: true, skippedReason: 'closed', isRequired: false, isOptional: true },
              { id: 'a', checked: false, isCompleted: false, customFields: { colour: 'red' } },
            ],
          },
        ],
      },
    })
    expect((await send('GET', `/checklists/${checklist.checklistId}`)).body.checklist).toMatchObject({ checksum: checklist.checksum })
  })

  test('counts halves up, and tells what is locked by what', async () => {
    const body = {
      checklistData: {
        sections: [
          {
            id: 's',
            title: 'S',
            preConditions: [{ type: 'time_elapsed', value: 60, errorMessage: 'Wait an hour' }],
            items: [
              ...items(true, false, false),
              { id: 'late', text: 'Late', dependencies: ['i1'] },
              ...Array.from({ length: 4 }, (_, n) => ({ id: `x${n}`, text: 'x' })),
            ],
          },
        ],
      },
    }
    const { checklistId } = await create(body)
    const { body: progress } = await send('GET', `/checklists/${checklistId}/progress`)
    expect(progress).toMatchObject({ progress: 13, total: 8, completed: 1, compliance: 'non_compliant' })
    expect((progress.sections as unknown as Loose[])[0]).toMatchObject({ locked: true, unmet: ['Wait an hour'] })
    expect((progress.items as unknown as Loose[]).find(({ id }) => String(id) === 'late')).toMatchObject({ locked: true, unmet: ['i1'] })
  })

  test('is there for its author, for those it is assigned to and for those above; for others it is not', async () => {
    const made = await create()
    const path = `/checklists/${made.checklistId}`
    expect((await send('GET', path, undefined, other)).body.detail).toBe('Checklist not found')
    expect((await send('GET', `/checklists/${randomUUID()}`)).body.detail).toBe('Checklist not found')
    expect((await send('GET', path, undefined, manager)).status).toBe(200)
    const foreign = await found(server, 'other-checklists')
    expect((await send('GET', path, undefined, foreign)).status).toBe(404)
    const work = await send('POST', '/assignments', { checklistId: made.checklistId, assignedTo: [other.id] }, manager)
    expect(work).toMatchObject({ status: 201, body: { assignment: { status: 'assigned', priority: 'medium', assignedTo: [other.id] } } })
    expect((await send('PUT', path, { priority: 'high' }, other)).body.checklist).toMatchObject({ priority: 'high', revision: 2 })
    expect((await send('PUT', path, { title: 'x' }, other)).status).toBe(400)
    expect((await send('PUT', path, { priority: 'low', revision: 1 }, other)).body.code).toBe('revision_conflict')
    const listed = (await send('GET', '/checklists?limit=200', undefined, other)).body.checklists as unknown as Loose[]
    expect(listed.map(({ checklistId }) => checklistId)).toEqual([made.checklistId])
    const { assignmentId } = work.body.assignment as Loose
    expect((await send('DELETE', `/assignments/${assignmentId}`, undefined, manager)).body).toEqual({
      message: 'Assignment deleted successfully',
    })
    expect((await send('GET', path, undefined, other)).status).toBe(404)
    expect((await send('DELETE', path, undefined, manager)).status).toBe(403)
    expect((await send('DELETE', path, undefined, supervisor)).body).toEqual({ message: 'Checklist deleted successfully' })
  })

  test('is read by a team it is assigned to; its observers only read', async () => {
    const made = await create()
    const team = (await send('POST', '/teams', { name: 'Crew', members: [{ userId: other.id, role: 'observer' }] }, manager)).body
      .team as Loose
    expect((await send('POST', '/assignments', { checklistId: made.checklistId, teamId: team.teamId }, manager)).status).toBe(201)
    expect((await send('GET', `/checklists/${made.checklistId}`, undefined, other)).status).toBe(200)
    expect((await send('PUT', `/checklists/${made.checklistId}`, { priority: 'low' }, other)).status).toBe(403)
    await send('PATCH', `/teams/${team.teamId}/members/${other.id}`, { role: 'member' }, manager)
    expect((await send('PUT', `/checklists/${made.checklistId}`, { priority: 'low' }, other)).status).toBe(200)
    await send('PATCH', `/teams/${team.teamId}/members/${other.id}`, { role: 'observer' }, manager)
    const analytics = await send('GET', `/teams/${team.teamId}/analytics`, undefined, manager)
    expect(analytics.body).toMatchObject({ totalAssignments: 1, completedAssignments: 0, averageCompletionTime: null })
  })
})

test('templates: built-in ones are everybody’s and nobody’s to change; own ones count their versions', async () => {
  const { body } = await send('GET', '/checklists/templates?limit=200')
  const cleaning = (body.templates as unknown as Loose[]).find(({ templateId }) => String(templateId) === 'cleaning-prework-001')
  expect(cleaning).toMatchObject({ isBuiltIn: true, estimatedDuration: 45, difficulty: 'medium', category: 'cleaning' })
  const from = await create({ templateId: 'cleaning-prework-001' })
  expect((from.checklistData as Loose).sections).toMatchObject([
    {
      id: 'walkthrough-video',
      items: [
        { id: 'property-walkthrough' },
        { id: 'video-documentation', dependencies: ['property-walkthrough'] },
        { id: 'initial-assessment' },
      ],
    },
    {
      id: 'report-issues',
      items: [
        { id: 'safety-hazards' },
        { id: 'damage-assessment' },
        { id: 'emergency-issues', isRequired: false },
        { id: 'contact-management' },
      ],
    },
  ])
  expect((await send('PUT', '/checklists/templates/cleaning-prework-001', { title: 'Mine' }, owner)).status).toBe(403)
  expect((await send('POST', '/checklists/templates', { title: 'x', sections: [{ title: 'x' }] })).status).toBe(403)
  const made = await send(
    'POST',
    '/checklists/templates',
    { title: 'Own', sections: [{ id: 's', title: 'S', items: [{ id: 'a', text: 'A' }] }] },
    manager,
  )
  expect(made).toMatchObject({ status: 201, body: { template: { version: 1, isBuiltIn: false } } })
  const { templateId } = made.body.template as Loose
  expect((await send('PUT', `/checklists/templates/${templateId}`, { title: 'Owned' }, manager)).body.template).toMatchObject({
    version: 2,
    title: 'Owned',
  })
  expect(await create({ templateId })).toMatchObject({ templateId, templateVersion: 2, title: 'Owned' })
  expect((await send('DELETE', `/checklists/templates/${templateId}`, undefined, manager)).body).toEqual({
    message: 'Template deleted successfully',
  })
})

test('an assignment goes on and back as it may, and shows when it is late', async () => {
  const made = await create()
  const work = async (body: object) =>
    (await send('POST', '/assignments', { checklistId: made.checklistId, assignedTo: [other.id], ...body }, manager)).body
      .assignment as Loose
  expect((await send('POST', '/assignments', { checklistId: made.checklistId }, manager)).status).toBe(400)
  expect((await send('POST', '/assignments', { checklistId: made.checklistId, assignedTo: [other.id] }, other)).status).toBe(404)
  const late = await work({ dueDate: '2020-01-01T00:00:00Z' })
  expect(late).toMatchObject({ status: 'overdue' })
  expect((await send('GET', `/assignments?status=overdue&userId=${other.id}`, undefined, other)).body.assignments).toHaveLength(1)
  const { assignmentId } = late
  const patch = (body: object, by = other) => send('PATCH', `/assignments/${assignmentId}`, body, by)
  expect((await patch({ status: 'overdue' })).status).toBe(400)
  expect((await patch({ priority: 'low' })).status).toBe(403)
  expect((await patch({ status: 'completed' })).body.assignment).toMatchObject({ status: 'completed' })
  expect((await patch({ status: 'assigned' })).body.code).toBe('invalid_transition')
  expect((await patch({ status: 'in_progress' })).status).toBe(403)
  expect((await patch({ status: 'in_progress' }, manager)).status).toBe(200)
  const { body } = await send('GET', `/assignments/${assignmentId}`, undefined, other)
  expect((body.history as unknown as Loose[]).map(({ status }) => status)).toEqual(['assigned', 'completed', 'in_progress'])
})

test('an observer neither moves a team’s assignment on, nor takes it or hands it to another team', async () => {
  const watcher = await join(server, owner)
  const teamOf = async (role: string) =>
    ((await send('POST', '/teams', { name: 'Crew', members: [{ userId: watcher.id, role }] }, manager)).body.team as Loose).teamId
  const [watched, own] = [await teamOf('observer'), await teamOf('member')]
  const { checklistId } = await create()
  const work = (await send('POST', '/assignments', { checklistId, teamId: watched }, manager)).body.assignment as Loose
  const path = `/assignments/${work.assignmentId}`
  expect((await send('GET', path, undefined, watcher)).status).toBe(200)
  expect((await send('PATCH', path, { status: 'completed' }, watcher)).status).toBe(403)
  expect((await send('DELETE', path, undefined, watcher)).status).toBe(403)
  const handed = { checklistId, teamId: own, assignedTo: [watcher.id] }
  expect((await send('POST', '/assignments', handed, watcher)).status).toBe(403)
  expect((await send('PUT', `/checklists/${checklistId}`, { priority: 'low' }, watcher)).status).toBe(403)
  await send('PATCH', `/teams/${watched}/members/${watcher.id}`, { role: 'member' }, manager)
  expect((await send('PATCH', path, { status: 'completed' }, watcher)).body.assignment).toMatchObject({ status: 'completed' })
})

test('those who work in a team assign in it, and its leading members review what is assigned to it', async () => {
  const [lead, senior, member, observer] = (await Promise.all(Array.from({ length: 4 }, () => join(server, owner)))) as [
    Person,
    Person,
    Person,
    Person,
  ]
  const members = [{ userId: senior.id, role: 'senior_member' }, { userId: member.id }, { userId: observer.id, role: 'observer' }]
  const { teamId } = (await send('POST', '/teams', { name: 'Crew', managerId: lead.id, members }, manager)).body.team as Loose
  for (const by of [lead, senior, member, observer]) {
    const { checklistId } = await create(undefined, by)
    const assign = (body: object) => send('POST', '/assignments', { checklistId, ...body }, by)
    expect((await assign({ teamId, assignedTo: [other.id] })).status).toBe(403)
    expect((await assign({ assignedTo: [member.id] })).status).toBe(403)
    expect((await assign({ teamId, assignedTo: [member.id] })).status).toBe(by === observer ? 403 : 201)
  }
  for (const by of [lead, senior, member, observer]) {
    const made = await create()
    await send('POST', '/assignments', { checklistId: made.checklistId, teamId }, manager)
    await submit(made)
    const reviews = by === lead || by === senior
    const { body } = await send('GET', '/submissions?reviewable=true&limit=200', undefined, by)
    expect((body.submissions as unknown as Loose[]).some(({ submissionId }) => submissionId === made.checklistId)).toBe(reviews)
    expect((await review(made, { decision: 'approve' }, by)).status).toBe(reviews ? 200 : 403)
  }
  const above = await create({ checklistData: data(true) }, manager)
  await send('POST', '/assignments', { checklistId: above.checklistId, teamId }, manager)
  await submit(above, manager)
  expect((await review(above, { decision: 'approve' }, lead)).status).toBe(403)
})

describe('a refusal', () => {
  test('for want of a right comes before one for the state, and after one for what is not there', async () => {
    const auditor = await join(server, owner, { role: 'auditor' })
    const made = await create()
    expect((await review(made, { decision: 'approve' }, worker)).status).toBe(403)
    expect((await review(made, { decision: 'approve' }, auditor)).status).toBe(403)
    expect((await review(made, { decision: 'approve' }, other)).status).toBe(404)
    expect((await review(made, { decision: 'approve' }, manager)).body.code).toBe('invalid_transition')
    const work = (await send('POST', '/assignments', { checklistId: made.checklistId, assignedTo: [worker.id] }, manager)).body
      .assignment as Loose
    expect((await send('PATCH', `/assignments/${work.assignmentId}`, { status: 'completed' }, auditor)).status).toBe(403)
    expect((await send('PATCH', `/assignments/${work.assignmentId}`, { status: 'completed' }, other)).status).toBe(404)
  })

  test.each(['/assignments', '/checklists', '/submissions', '/teams', '/checklists/templates'])(
    'meets a made-up cursor of %s',
    async (path) => {
      for (const by of [worker, manager])
        expect(await send('GET', `${path}?cursor=made-up`, undefined, by)).toMatchObject({ status: 400, body: { code: 'invalid' } })
    },
  )
})

test('an entry may have any name that an object can hold', async () => {
  const checklistData = { sections: [{ id: 'constructor', title: 'S', items: [{ id: 'toString', text: 'A', valueOf: 1 }] }] }
  expect((await create({ checklistData })).checklistData).toMatchObject({
    sections: [{ id: 'constructor', items: [{ id: 'toString', customFields: { valueOf: 1 } }] }],
  })
  for (const sections of [[{ id: '__proto__', title: 'S' }], [{ title: 'S', items: [{ id: '__proto__', text: 'A' }] }]])
    expect((await send('POST', '/checklists', { checklistData: { sections } })).status).toBe(400)
})

describe('a submission', () => {
  test('that is not ready is told all that is missing', async () => {
    const made = await create({
      checklistData: {
        sections: [
          {
            id: 'closed',
            title: 'Closed',
            preConditions: [{ type: 'item_completed', targetId: 'open', errorMessage: 'Open first' }],
            items: [
              { id: 'open', text: 'Open' },
              { id: 'photo', text: 'Photo', isCompleted: true, requiresPhoto: true },
              { id: 'notes', text: 'Notes', isCompleted: true, requiresNotes: true, dependencies: ['open'] },
            ],
          },
        ],
      },
    })
    const answer = await submit(made)
    expect(answer).toMatchObject({ status: 422, body: { code: 'submission_incomplete' } })
    expect((answer.body.errors as unknown as Loose[]).map(({ field, code }) => `${field} ${code}`).sort()).toEqual([
      'closed precondition',
      'notes dependency',
      'notes notes',
      'open required',
      'photo photo',
    ])
  })

  test('goes up along levels and worth, is frozen meanwhile, and is decided once', async () => {
    const made = await create({ checklistData: data(true), value: 5_000 })
    const submitted = await submit(made)
    expect((submitted.body.submission as Loose).approvalSteps).toMatchObject([{ approverRole: 'manager' }, { approverRole: 'supervisor' }])
    expect((submitted.body.submission as Loose).status).toBe('under_review')
    expect((await submit(made)).body.code).toBe('invalid_transition')
    expect((await send('PUT', `/checklists/${made.checklistId}`, { priority: 'low' })).body.code).toBe('frozen')
    expect((await send('PUT', `/submissions/${made.checklistId}`, { description: 'x' })).body.code).toBe('frozen')
    expect((await review(made, { decision: 'approve' }, worker)).status).toBe(403)
    expect((await review(made, { decision: 'reject' }, manager)).status).toBe(400)
    const reviewable = (await send('GET', '/submissions?reviewable=true&limit=200', undefined, manager)).body
      .submissions as unknown as Loose[]
    expect(reviewable.map(({ submissionId }) => submissionId)).toContain(made.checklistId)
    const two = await Promise.all([
      review(made, { decision: 'approve' }, manager),
      review(made, { decision: 'request_changes', notes: 'More' }, manager),
    ])
    const statuses = two.map(({ status }) => status).sort()
    expect(statuses[0]).toBe(200)
    expect([403, 409]).toContain(statuses[1])
  })

  test('comes back for changes, is approved by the last step, and then is final', async () => {
    const made = await create({ checklistData: data(true) })
    await submit(made)
    const asked = await review(made, { decision: 'request_changes', notes: 'Once more' }, manager)
    expect(asked.body.submission).toMatchObject({ status: 'requires_changes', reviewNotes: 'Once more' })
    expect((await send('PUT', `/submissions/${made.checklistId}`, { description: 'Done' })).body.submission).toMatchObject({
      description: 'Done',
    })
    await submit(made)
    const approved = await review(made, { decision: 'approve' }, supervisor)
    expect(approved.body.submission).toMatchObject({ status: 'approved', completedAt: expect.any(String) })
    expect((await review(made, { decision: 'approve' }, supervisor)).body.code).toBe('invalid_transition')
    expect((await submit(made)).body.code).toBe('invalid_transition')
    const high = await create({ checklistData: data(true) }, supervisor)
    expect((await submit(high, supervisor)).body.submission).toMatchObject({ status: 'approved', approvalSteps: [] })
  })
})
