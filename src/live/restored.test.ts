import { editOp } from 'ot-json1'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Op } from '../document/json1.ts'
import { connectLive, submit, until } from '../testing/live.ts'
import { enterOwner, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let base: string
let owner: Person

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  base = await server.listen()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown) =>
  server.send(method, path, { token: owner.token, ...(body === undefined ? {} : { body }) })
const create = async (): Promise<string> =>
  String(
    (
      await send('POST', '/api/checklists', {
        checklistData: { title: 'Zero', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink' }] }] },
      })
    ).body.checklistId,
  )
const rename = (entityId: string, title: string, baseVersion?: number) =>
  send('POST', '/api/sync', {
    action: 'apply_operation',
    operation: {
      entityType: 'checklist',
      entityId,
      ops: [{ type: 'update', path: 'title', newValue: title }],
      ...(baseVersion === undefined ? {} : { baseVersion }),
    },
  })
const state = async (id: string) => (await send('GET', `/api/sync/state?entityId=${id}`)).body
const head = async () => (await server.holdfast.runtime.storage.tenant(owner.tenantId).head())?.sequence ?? 0
const restore = (body: object) => send('POST', '/v1/restores', body)

test('a document that a restore took back goes on above every version there was, and whoever knew those begins anew', async () => {
  const id = await create()
  await rename(id, 'One')
  const sequence = await head()
  for (const title of ['Two', 'Three']) await rename(id, title)
  const client = await connectLive(base, String((await send('POST', '/v1/tickets', {})).body.ticket))
  const doc = await client.follow(id)
  expect(doc.version).toBe(4)

  expect((await restore({ scope: 'tenant', at: { sequence } })).status).toBe(201)
  expect(await state(id)).toMatchObject({ version: 2, data: { title: 'One' } })
  expect((await rename(id, 'lost', 4)).body).toMatchObject({ status: 410, code: 'resync_required' })
  expect(await client.closed).toEqual({ code: 4410, reason: 'resync_required' })
  expect(await state(id)).toMatchObject({ version: 5, data: { title: 'One' } })
  expect((await rename(id, 'lost', 2)).body.code).toBe('resync_required')
  expect((await rename(id, 'Four', 5)).body.result).toMatchObject({ version: 6 })
  expect((await send('GET', `/api/sync/operations?entityId=${id}`)).body).toMatchObject({
    currentVersion: 6,
    operations: [
      { version: 5, create: { title: 'One' } },
      { version: 6, changes: [{ path: 'title', value: 'Four' }] },
    ],
  })

  const fresh = await connectLive(base, String((await send('POST', '/v1/tickets', {})).body.ticket))
  const again = await fresh.follow(id)
  await submit(again, editOp(['items', 'a', 'text'], 'text-unicode', ['Big '] as never) as Op)
  await until(() => again.version === 7)
  fresh.close()
})

test('a removed checklist comes back with its document and its history', async () => {
  const id = await create()
  for (let n = 0; n < 105; n += 1) await rename(id, `Title ${n}`)
  const [before, sequence] = [await state(id), await head()]
  expect((await send('DELETE', `/api/checklists/${id}`)).status).toBe(200)
  expect((await send('GET', `/api/sync/state?entityId=${id}`)).status).toBe(404)
  const restored = await restore({ scope: 'record', type: 'checklist', id, at: { sequence }, includeRemoved: true })
  expect(restored.status, restored.text).toBe(201)
  expect(await state(id)).toMatchObject({ version: before.version, checksum: before.checksum })
  expect(((await send('GET', `/api/sync/operations?entityId=${id}`)).body.operations as unknown as Loose[]).length).toBe(106)
  expect((await rename(id, 'On')).status).toBe(200)
})

test('a start finds documents as the log says, and heals nothing', async () => {
  const id = await create()
  for (let n = 0; n < 5; n += 1) await rename(id, `Title ${n}`)
  const [before, sequence] = [await state(id), await head()]
  await server.restart()
  base = await server.listen()
  expect(await state(id)).toEqual(before)
  const { runtime } = server.holdfast
  const entries = await runtime.storage.tenant(owner.tenantId).log(null, sequence, 100)
  expect(entries.map(({ entry }) => entry.action)).not.toContain('restore.run')
})
