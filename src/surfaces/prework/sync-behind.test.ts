import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LiveDocument } from '../../checklist/entity.ts'
import { Milestone } from '../../document/entity.ts'
import { contentOf, versionId } from '../../document/state.ts'
import { create, insert, patched, update } from '../../kernel/change.ts'
import { enterOwner, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let id: string

/** So far a document may move on before whoever stayed behind begins anew. */
const longest = 10_000
const newest = longest + 100
const first = { operationId: randomUUID(), ops: [{ type: 'update', path: 'title', newValue: 'First' }] }

const send = (method: string, path: string, body?: unknown) =>
  server.send(method, path, { token: owner.token, ...(body === undefined ? {} : { body }) })
const apply = (operation: object) =>
  send('POST', '/api/sync', { action: 'apply_operation', operation: { entityType: 'checklist', entityId: id, ...operation } })
const title = (newValue: string) => [{ type: 'update', path: 'title', newValue }]

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  const checklistData = { title: 'Kitchen', sections: [{ id: 's', title: 'S', items: [] }] }
  id = String((await send('POST', '/api/checklists', { checklistData })).body.checklistId)
})
afterAll(() => server.close())

test('an operation that was applied ten thousand versions ago has the same result, and its version can be brought back; to edit there one begins anew', async () => {
  const made = await apply(first)
  expect(made.body).toMatchObject({ result: { version: 2 } })
  // as if so many edits had been made since: the newest milestone says what they came to
  const { runtime } = server.holdfast
  const store = runtime.storage.tenant(owner.tenantId)
  const row = await store.get(LiveDocument, id)
  if (row === null) throw new Error('no document')
  const now = row.updatedAt
  const content = { ...(await contentOf({ runtime, store }, row)), title: 'Much later' }
  await store.commit(
    [
      update(LiveDocument, row, patched(LiveDocument, row, { documentVersion: newest, topVersion: newest, title: content.title }, now)),
      insert(Milestone, create(Milestone, versionId(id, newest), { documentId: id, content }, now)),
    ],
    { actor: { id: null, kind: 'system', name: 'test' }, action: 'test', entity: null, requestId: null, time: now },
  )

  expect((await apply({ ops: title('x'), baseVersion: newest - longest - 1 })).body).toMatchObject({ status: 410, code: 'resync_required' })
  expect((await apply({ ops: title('x'), baseVersion: newest + 1 })).body.code).toBe('version_mismatch')
  expect((await apply(first)).body).toEqual(made.body)
  expect((await apply({ ...first, ops: title('Other') })).body.code).toBe('operation_id_reused')

  const back = await send('POST', `/v1/documents/${id}/restore`, { version: 2 })
  expect(back.body, back.text).toMatchObject({ result: { version: newest + 1, changes: [{ path: 'title', value: 'First' }] } })
  expect((await send('POST', `/v1/documents/${id}/restore`, { version: newest + 9 })).body.code).toBe('version_mismatch')
  expect((await apply({ ops: title('Last') })).body).toMatchObject({ result: { version: newest + 2 } })
})
