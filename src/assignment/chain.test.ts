import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Change } from '../kernel/change.ts'
import { AppError } from '../kernel/errors.ts'
import type { TenantStore } from '../storage/port.ts'
import { type Sales, startSales } from '../surfaces/salesbrain/testing/sales.ts'
import { testEngine } from '../testing/engines.ts'
import { AssignmentStep } from './entity.ts'

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

/** The real store, told of each commit as it begins and ends. */
function watched(store: TenantStore, at: { begins(changes: readonly Change[]): void; ends(): void }): TenantStore {
  const commit: TenantStore['commit'] = async (changes, meta) => {
    at.begins(changes)
    try {
      return await store.commit(changes, meta)
    } finally {
      at.ends()
    }
  }
  return new Proxy(store, {
    get(target, name) {
      const found: unknown = name === 'commit' ? commit : Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

async function imported(count: number, word: string): Promise<unknown> {
  const raw = ['first_name,email', ...Array.from({ length: count }, (_, n) => `Chain ${n},${word}${n}@example.org`)].join('\n')
  const headers = { 'content-type': 'text/csv' }
  return (await sales.server.send('POST', '/v1/contacts/import', { token: sales.owner.token, raw, headers })).body.importId
}

test('parts are sent before those ahead of them are written, and each asks for a step of the one before', async () => {
  const people = [await sales.person(), await sales.person()]
  // AWS's local DynamoDB writes some dozens of rows a second: of two parts only the first is sent ahead
  const count = testEngine === 'dynamodb' ? 1_010 : 3_010
  const importId = await imported(count, 'asks')
  const { storage } = sales.server.holdfast.runtime
  const { tenant } = storage
  const parts: (readonly Change[])[] = []
  let [running, most] = [0, 0]
  const at = {
    begins(changes: readonly Change[]) {
      if (changes.some(({ entity }) => entity === AssignmentStep)) parts.push(changes)
      most = Math.max(most, ++running)
    },
    ends: () => void running--,
  }
  vi.spyOn(storage, 'tenant').mockImplementation((id) => watched(tenant.call(storage, id), at))
  const { status, text, body } = await sales.post('/api/admin/contacts/bulk-assign', {
    assignment_mode: 'round_robin',
    filter: { owner: 'none', import_id: importId },
    user_ids: people.map(({ id }) => id),
  })
  expect(status, text).toBe(200)
  expect(Object.values(body.distribution as object)).toEqual([count / 2, count / 2])
  expect(parts).toHaveLength(Math.ceil(count / 1_000))
  expect(most).toBe(parts.length > 2 ? 2 : 1)
  const stepsOf = (op: Change['op'], changes: readonly Change[] = []) =>
    changes.flatMap((change) => (change.entity === AssignmentStep && change.op === op ? ['row' in change ? change.row.id : change.id] : []))
  for (const [n, changes] of parts.entries()) {
    const asked = stepsOf('check', changes)
    expect(asked).toHaveLength(n === 0 ? 0 : 1)
    if (n > 0) expect(stepsOf('insert', parts[n - 1])).toContain(asked[0])
  }
}, 300_000)

test('a hand-out whose next part cannot be planned answers when the one before is written, and not sooner', async () => {
  const people = [await sales.person(), await sales.person()]
  const importId = await imported(1_200, 'chain')
  const { storage } = sales.server.holdfast.runtime
  const { tenant } = storage
  const commits = { running: 0, done: 0, failed: 0 }
  vi.spyOn(storage, 'tenant').mockImplementation((id) => failingBeside(tenant.call(storage, id), commits))
  const answer = await sales.post('/api/admin/contacts/bulk-assign', {
    assignment_mode: 'round_robin',
    filter: { owner: 'none', import_id: importId },
    user_ids: people.map(({ id }) => id),
  })
  const atAnswer = { ...commits }
  expect(answer.status, answer.text).toBe(503)
  expect(atAnswer).toEqual({ running: 0, done: 1, failed: 1 })
  // AWS's local DynamoDB writes a thousand contacts' rows one after another
}, 300_000)
