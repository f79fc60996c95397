import { randomUUID } from 'node:crypto'
import { replaceOp } from 'ot-json1'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Op } from '../../document/json1.ts'
import { connectLive, submit } from '../../testing/live.ts'
import { enterOwner, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let id: string

const send = (method: string, path: string, body?: unknown, { token } = owner) =>
  server.send(method, path, { token, ...(body === undefined ? {} : { body }) })
/** A sample of `GET /metrics`, 0 where it is not there yet. */
async function sample(name: string, labels = ''): Promise<number> {
  const { text } = await send('GET', '/metrics')
  const found = text.split('\n').find((line) => line.startsWith(`${name}{tenant="${owner.tenantId}"${labels}}`))
  return Number(found?.split(' ').at(-1) ?? 0)
}
const edit = (newValue: string, more: object = {}) => {
  const operation = {
    operationId: randomUUID(),
    entityType: 'checklist',
    entityId: id,
    ops: [{ type: 'update', path: 'items.a.priority', newValue }],
  }
  return send('POST', '/api/sync', { action: 'apply_operation', operation: { ...operation, ...more } })
}

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  const checklistData = { title: 'Kitchen', sections: [{ id: 's', title: 'S', items: [{ id: 'a', text: 'A' }] }] }
  id = String((await send('POST', '/api/checklists', { checklistData })).body.checklistId)
})
afterAll(() => server.close())

test('an edit is counted once at whichever door, with how long it took, over how many it was transformed, and what it met', async () => {
  const propagated = () => sample('holdfast_sync_propagation_seconds_count')
  expect((await edit('high')).status).toBe(200)
  expect(await propagated()).toBe(1)
  expect(await sample('holdfast_sync_propagation_seconds_sum')).toBeGreaterThan(0)
  expect(await sample('holdfast_sync_transform_depth_sum')).toBe(0)
  expect(await sample('holdfast_sync_conflicts_total')).toBe(0)

  // based on the first version, so that the one above lies between
  const operationId = randomUUID()
  expect((await edit('low', { operationId, baseVersion: 1 })).body).toMatchObject({ result: { conflicts: [{ resolution: 'override' }] } })
  expect(await propagated()).toBe(2)
  expect(await sample('holdfast_sync_transform_depth_sum')).toBe(1)
  expect(await sample('holdfast_sync_transform_depth_count')).toBe(2)
  expect(await sample('holdfast_sync_conflicts_total')).toBe(1)

  // neither a repeat nor a refusal is one
  await edit('low', { operationId, baseVersion: 1 })
  expect((await edit('nonsense')).status).toBe(400)
  expect(await propagated()).toBe(2)

  const client = await connectLive(await server.listen(), String((await send('POST', '/v1/tickets', {})).body.ticket))
  const doc = await client.follow(id)
  await submit(doc, replaceOp(['items', 'a', 'priority'], 'low' as never, 'critical' as never) as Op)
  expect(await propagated()).toBe(3)
  client.close()
})

test('sessions are counted while they are, and told with how long they were', async () => {
  const other = await join(server, owner)
  await send('POST', '/api/assignments', { checklistId: id, assignedTo: [other.id] })
  const active = () => sample('holdfast_active_sessions')
  const before = await active()
  const joined = (by: Person) => send('POST', '/api/sync', { action: 'join_session', entityId: id, entityType: 'checklist' }, by)
  const sessions = [await joined(owner), await joined(other)].map(({ body }) => String((body.session as Loose).sessionId))
  expect(await active()).toBe(before + 2)
  await send('POST', '/api/sync', { action: 'leave_session', sessionId: sessions[1] }, other)
  await expect.poll(active).toBe(before + 1)
  const told = () => sample('holdfast_collaboration_session_duration_seconds_count', ',entity_type="checklist",role="member"')
  await expect.poll(told).toBe(1)
})
