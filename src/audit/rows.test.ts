import { expect, test } from 'vitest'
import type { LoggedEntry } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { startTestServer } from '../testing/server.ts'
import { compareRows, createReplay } from './rows.ts'

test('a row whose entry was written before a field was known is what the log says', async () => {
  const server = await startTestServer()
  const { storage } = server.holdfast.runtime
  const [found] = (await storage.platform().listAll(Tenant, 'byId', { limit: 1 })).items
  const store = storage.tenant(found?.tenantId ?? '')
  const log = await store.log(null, 0, 100)
  const replayed = (forget: readonly string[], set: Record<string, string> = {}) => {
    const replay = createReplay()
    for (const logged of log) replay.apply(rewritten(logged, forget, set))
    return compareRows(store, [Tenant], replay)
  }

  expect((await replayed(['passwordOnly'])).problems).toEqual([])
  expect((await replayed(['name'])).problems).toHaveLength(1)
  expect((await replayed([], { name: 'Another' })).problems).toHaveLength(1)
  await server.close()
})

/** The entry as an older version, or somebody else, would have written it. */
function rewritten({ entry, ...logged }: LoggedEntry, forget: readonly string[], set: Record<string, string>): LoggedEntry {
  const changes = entry.changes.map((change) => {
    if (change.type !== Tenant.name) return change
    const fields = Object.fromEntries(Object.entries(change.fields).filter(([field]) => !forget.includes(field)))
    return { ...change, fields: { ...fields, ...set } }
  })
  return { ...logged, entry: { ...entry, changes } }
}
