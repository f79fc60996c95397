import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterOwner, type Person } from '../../testing/people.ts'
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
