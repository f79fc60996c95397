import { afterAll, beforeAll, expect, test } from 'vitest'
import { enter, enterOwner, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let manager: Person
let worker: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  ;[manager, worker] = (await Promise.all([join(server, owner, { role: 'manager' }), join(server, owner)])) as [Person, Person]
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const logs = async (query: string) => (await send('GET', `/audit?${query}`, undefined, owner)).body.logs as unknown as Loose[]
const checklistData = { title: 'Kitchen', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink', checked: true }] }] }
const create = async () => String((await send('POST', '/checklists', { checklistData })).body.checklistId)

test('the log calls sessions that are exchanged, and that are ended by another, by their words', async () => {
  const guest = await join(server, owner)
  const { body } = await server.send('POST', '/api/auth/refresh', { body: { refreshToken: guest.refreshToken } })
  expect(await logs(`userId=${guest.id}&action=SESSION_REFRESHED`)).toMatchObject([{ entityType: 'session', outcome: 'success' }])
  await enter(server, { login: guest.username, tenant: guest.tenantId })
  await server.send('DELETE', '/v1/sessions', { token: String(body.token) })
  expect(await logs(`userId=${guest.id}&action=SESSION_REVOKED`)).toMatchObject([{ outcome: 'success' }])
})

test('the log calls what is done to a team’s members, a submission and a checklist by its word, with what was before', async () => {
  const { teamId } = (await send('POST', '/teams', { name: 'Crew', members: [{ userId: worker.id }] }, manager)).body.team as Loose
  await send('PATCH', `/teams/${teamId}/members/${worker.id}`, { role: 'observer' }, manager)
  expect(await logs('action=TEAM_MEMBER_UPDATED')).toMatchObject([{ entityType: 'team', entityId: teamId, userId: manager.id }])

  const id = await create()
  await send('POST', `/submissions/${id}/submit`, {})
  await send('POST', `/submissions/${id}/review`, { decision: 'request_changes', notes: 'again' }, manager)
  expect(await logs(`action=SUBMISSION_REVIEWED&entityId=${id}`)).toMatchObject([
    {
      entityType: 'submission',
      userId: manager.id,
      oldValues: { status: 'under_review' },
      newValues: { status: 'requires_changes', reviewNotes: 'again' },
    },
  ])
  await send('DELETE', `/checklists/${id}`, undefined, owner)
  expect(await logs(`action=CHECKLIST_DELETED&entityId=${id}`)).toMatchObject([{ entityType: 'checklist', userId: owner.id }])
})

test('the log shows what was done in a document where that is asked for alone', async () => {
  const id = await create()
  const operation = { entityType: 'checklist', entityId: id, ops: [{ type: 'update', path: 'title', newValue: 'Hall' }] }
  expect((await send('POST', '/sync', { action: 'apply_operation', operation })).status).toBe(200)
  expect(await logs('action=REALTIME_OPERATION_APPLIED')).toEqual([])
  expect(await logs(`action=REALTIME_OPERATION_APPLIED&entityId=${id}`)).toMatchObject([
    { entityType: 'checklist', entityId: id, userId: worker.id, outcome: 'success' },
  ])
})

test('reading the log is an entry of it', async () => {
  await logs('limit=1')
  expect(await logs('action=AUDIT_READ&limit=1')).toMatchObject([{ entityType: 'audit', userId: owner.id, outcome: 'success' }])
})
