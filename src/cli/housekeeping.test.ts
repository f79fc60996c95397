import { afterAll, beforeAll, expect, test } from 'vitest'
import { create, insert } from '../kernel/change.ts'
import { Throttle } from '../session/entity.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { startHousekeeping } from './housekeeping.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const actor = { id: null, kind: 'system', name: 'test' } as const
const past = '2026-01-01T00:00:00.000Z'

async function expired(id: string): Promise<void> {
  const row = create(Throttle, id, { failures: 1, heldUntil: null, recent: [], expiresAt: past }, past)
  await server.holdfast.runtime.storage
    .platform()
    .commit([insert(Throttle, row)], { actor, action: 'test', entity: null, requestId: null, time: past })
}
const isThere = async (id: string) => (await server.holdfast.runtime.storage.platform().get(Throttle, id)) !== null

test('what has expired is removed, again and again, until it stops', async () => {
  const keeping = startHousekeeping(server.holdfast.runtime, { firstMs: 1, everyMs: 1 })
  for (const id of ['one', 'two']) {
    await expired(id)
    await expect.poll(() => isThere(id)).toBe(false)
  }
  await keeping.stop()

  await expired('three')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await isThere('three')).toBe(true)
})
