import { afterAll, beforeAll, expect, test } from 'vitest'
import { Checklist, WorkAssignment, WorkTarget } from '../../checklist/entity.ts'
import { Export, ExportLink } from '../../export/entity.ts'
import { startJobs } from '../../job/work.ts'
import { jobHandlers } from '../../job-handlers.ts'
import { remove } from '../../kernel/change.ts'
import { enterOwner, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown) =>
  server.send(method, `/api${path}`, { token: owner.token, ...(body === undefined ? {} : { body }) })
const sections = (count: number, each: number, text = 'x') =>
  Array.from({ length: count }, (_, s) => ({
    id: `s${s}`,
    title: 'S',
    items: Array.from({ length: each }, (_, n) => ({ id: `i${s}-${n}`, text })),
  }))
const create = (given: object) => send('POST', '/checklists', { checklistData: given })
const countOf = async () => ((await send('GET', '/checklists?limit=200')).body.checklists as unknown as Loose[]).length

test('a checklist is no larger when it is made than it may become', async () => {
  expect((await create({ sections: sections(10, 100, 'x'.repeat(490)) })).body).toMatchObject({ status: 413, code: 'document_too_large' })
  expect((await create({ sections: [], room: 'x'.repeat(262_100) })).status).toBe(413)
  expect((await create({ sections: sections(101, 0) })).body).toMatchObject({ status: 400, code: 'invalid' })
  expect((await create({ sections: sections(3, 334) })).body).toMatchObject({
    status: 400,
    code: 'invalid',
    errors: [{ field: 'checklistData', message: 'A document has at most 1,000 items.' }],
  })
  expect(await countOf()).toBe(0)
  const made = await create({ sections: sections(100, 4) })
  expect(made.status).toBe(200)
  const operation = { entityType: 'checklist', entityId: made.body.checklistId, ops: [{ type: 'update', path: 'title', newValue: 'Hall' }] }
  expect((await send('POST', '/sync', { action: 'apply_operation', operation })).status).toBe(200)
})

test('an assignment names somebody once, and never nobody', async () => {
  const { checklistId } = (await create({ sections: sections(1, 1) })).body
  const team = (await send('POST', '/teams', { name: 'Crew' })).body.team as Loose
  const [one, two] = [await join(server, owner), await join(server, owner)]
  const made = (await send('POST', '/assignments', { checklistId, assignedTo: [one.id, one.id] })).body.assignment as Loose
  expect(made.assignedTo).toEqual([one.id])
  const patch = (body: object) => send('PATCH', `/assignments/${made.assignmentId}`, body)
  expect((await patch({ assignedTo: [two.id, one.id, two.id] })).body.assignment).toMatchObject({ assignedTo: [two.id, one.id] })
  expect((await patch({ assignedTo: [] })).body).toMatchObject({ status: 400, code: 'invalid', errors: [{ field: 'assignedTo' }] })
  expect((await patch({ assignedTo: [], teamId: team.teamId })).body.assignment).toMatchObject({ assignedTo: [], teamId: team.teamId })
  expect((await patch({ teamId: null })).status).toBe(400)
  expect((await patch({ teamId: null, assignedTo: [one.id] })).body.assignment).toMatchObject({ assignedTo: [one.id], teamId: null })
})

test('with a checklist go all its assignments, documents made of it, and their links', async () => {
  const jobs = startJobs(server.holdfast.runtime, jobHandlers, { retryMs: { first: 100, longest: 500 } })
  const { checklistId } = (await create({ sections: sections(1, 1) })).body
  const people = await Promise.all([join(server, owner), join(server, owner)])
  const assignedTo = people.map(({ id }) => id)
  for (let n = 0; n < 230; n += 10)
    await Promise.all(Array.from({ length: 10 }, () => send('POST', '/assignments', { checklistId, assignedTo })))
  const made = (await send('POST', '/exports', { entityType: 'checklist', entityId: checklistId, format: 'csv' })).body.export as Loose
  const { url } = (await server.send('POST', `/v1/exports/${made.exportId}/links`, { token: owner.token, body: {} })).body
  const open = () => server.send('GET', new URL(String(url)).pathname)
  expect((await open()).status).toBe(302)
  const objects = (await server.holdfast.runtime.services.objects()).tenant(owner.tenantId)
  const stored = async () => (await objects.list(`exports/${made.exportId}`)).items.length
  expect(await stored()).toBe(1)

  expect((await send('DELETE', `/checklists/${checklistId}`)).status).toBe(200)
  expect((await send('GET', `/assignments?checklistId=${checklistId}&limit=200`)).body.assignments).toEqual([])
  expect((await open()).status).toBe(404)
  expect((await send('GET', `/exports/${made.exportId}`)).body.code).toBe('export_not_found')
  const store = server.holdfast.runtime.storage.tenant(owner.tenantId)
  for (const type of [WorkAssignment, WorkTarget])
    expect((await store.list(type, { index: 'byChecklist', where: { checklistId: String(checklistId) } })).items).toEqual([])
  for (const type of [Export, ExportLink]) expect((await store.list(type, {})).items).toEqual([])
  await expect.poll(stored, { timeout: 60_000 }).toBe(0)
  await jobs.stop()
})

test('a link of a checklist that is gone opens nothing, whatever is left of it', async () => {
  const { checklistId } = (await create({ sections: sections(1, 1) })).body
  const made = (await send('POST', '/exports', { entityType: 'checklist', entityId: checklistId, format: 'csv' })).body.export as Loose
  const { url } = (await server.send('POST', `/v1/exports/${made.exportId}/links`, { token: owner.token, body: {} })).body
  const store = server.holdfast.runtime.storage.tenant(owner.tenantId)
  const row = await store.get(Checklist, String(checklistId))
  if (row === null) throw new Error('no checklist')
  const meta = {
    actor: { id: null, kind: 'system', name: 'test' },
    action: 'test',
    entity: null,
    requestId: null,
    time: row.createdAt,
  } as const
  await store.commit([remove(Checklist, row)], meta)
  expect((await server.send('GET', new URL(String(url)).pathname)).status).toBe(404)
})
