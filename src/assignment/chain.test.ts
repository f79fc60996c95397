import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import type { TenantStore } from '../storage/port.ts'
import { type Sales, startSales } from '../surfaces/salesbrain/testing/sales.ts'

let sales: Sales

beforeAll(async () => {
  sales = await startSales()
})
afterEach(() => vi.restoreAllMocks())
afterAll(() => sales.close())

/** The real store, whose commits take longer and whose reads of rows fail while one is on its way. */
function failingBeside(store: TenantStore, commits: { running: number; done: number; failed: number }): TenantStore {
  const commit: TenantStore['commit'] = async (...given) => {
    commits.running += 1
    try {
      await new Promise((resolve) => setTimeout(resolve, 300))
      const done = await store.commit(...given)
      commits.done += 1
      return done
    } finally {
      commits.running -= 1
    }
  }
  const read = (async (...given: Parameters<TenantStore['read']>) => {
    if (commits.running > 0) {
      commits.failed += 1
      throw new AppError('unavailable', 'storage_failed', 'The storage does not answer.')
    }
    return store.read(...given)
  }) as TenantStore['read']
  return new Proxy(store, {
    get(target, name) {
      if (name === 'commit') return commit
      if (name === 'read') return read
      const found: unknown = Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

test('a hand-out whose next part cannot be planned answers when the one before is written, and not sooner', async () => {
  const people = [await sales.person(), await sales.person()]
  const raw = ['first_name,email', ...Array.from({ length: 1_200 }, (_, n) => `Chain ${n},chain${n}@example.org`)].join('\n')
  const headers = { 'content-type': 'text/csv' }
  const { body } = await sales.server.send('POST', '/v1/contacts/import', { token: sales.owner.token, raw, headers })
  const { storage } = sales.server.holdfast.runtime
  const { tenant } = storage
  const commits = { running: 0, done: 0, failed: 0 }
  vi.spyOn(storage, 'tenant').mockImplementation((id) => failingBeside(tenant.call(storage, id), commits))
  const answer = await sales.post('/api/admin/contacts/bulk-assign', {
    assignment_mode: 'round_robin',
    filter: { owner: 'none', import_id: body.importId },
    user_ids: people.map(({ id }) => id),
  })
  const atAnswer = { ...commits }
  expect(answer.status, answer.text).toBe(503)
  expect(atAnswer).toEqual({ running: 0, done: 1, failed: 1 })
  // AWS's local DynamoDB writes a thousand contacts' rows one after another
}, 300_000)
