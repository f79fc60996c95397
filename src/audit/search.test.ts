import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LoggedEntry, TenantStore } from '../storage/port.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { type Filters, searchLog } from './search.ts'
import { createSummaries } from './summaries.ts'

let server: TestServer
let store: TenantStore
let all: LoggedEntry[]
const dayMs = 24 * 60 * 60_000
const startMs = Date.parse('2026-03-01T00:00:00Z')
const timeOf = (n: number) => new Date(startMs + n * dayMs).toISOString()
const count = 57

beforeAll(async () => {
  server = await startTestServer()
  store = server.holdfast.runtime.storage.tenant(server.holdfast.runtime.ids.newId())
  for (let n = 1; n <= count; n += 1)
    await store.commit([], {
      actor: { id: `actor-${n % 3}`, kind: 'user', name: '' },
      action: n % 20 === 0 ? 'rare.thing' : 'usual.thing',
      entity: n % 2 === 0 ? { type: 'user', id: `u-${n}` } : null,
      requestId: `r-${n}`,
      // the clock was set back once
      time: timeOf(n === 30 ? 2 : n),
    })
  all = await store.log(null, 0, 1_000)
})
afterAll(() => server.close())

const filters: [Filters, (logged: LoggedEntry) => boolean][] = [
  [{}, () => true],
  [{ requestId: 'r-42' }, ({ entry }) => entry.requestId === 'r-42'],
  [{ requestId: 'r-999' }, () => false],
  [{ action: 'rare.thing' }, ({ entry }) => entry.action === 'rare.thing'],
  [{ actorId: 'actor-1', entityType: 'user' }, ({ entry }) => entry.actor.id === 'actor-1' && entry.entity !== null],
  [{ entityId: 'u-20' }, ({ entry }) => entry.entity?.id === 'u-20'],
  [{ from: timeOf(50) }, ({ entry }) => entry.time >= timeOf(50)],
  [{ to: timeOf(3) }, ({ entry }) => entry.time <= timeOf(3)],
  [
    { from: timeOf(20), to: timeOf(25), actorId: 'actor-0' },
    ({ entry }) => entry.time >= timeOf(20) && entry.time <= timeOf(25) && entry.actor.id === 'actor-0',
  ],
]

test.each(filters)(
  '%j finds exactly what a look at every entry finds, page by page, both ways, at first and again',
  async (given, wanted) => {
    const summaries = createSummaries(10)
    for (const round of ['first', 'again'])
      for (const order of ['asc', 'desc'] as const) {
        const found: number[] = []
        for (let start = order === 'asc' ? 0 : count + 1; ; ) {
          const { items, next } = await searchLog({ store, filters: given, limit: 4, order, start, summaries })
          expect(items.length).toBeLessThanOrEqual(4)
          found.push(...items.map(({ entry }) => entry.sequence))
          if (next === null) break
          start = next
        }
        const expected = all.filter(wanted).map(({ entry }) => entry.sequence)
        expect(found, `${round} ${order}`).toEqual(order === 'asc' ? expected : expected.toReversed())
      }
  },
)

test('what was read once and cannot have it is not read again; the unfinished end always is', async () => {
  const summaries = createSummaries(10)
  let reads = 0
  const counted: TenantStore = {
    ...store,
    log(...asked) {
      reads += 1
      return store.log(...asked)
    },
  }
  const search = (given: Filters) => searchLog({ store: counted, filters: given, limit: 50, order: 'desc', start: count + 1, summaries })
  await search({ requestId: 'r-7' })
  expect(reads).toBe(6)
  reads = 0
  expect((await search({ requestId: 'r-7' })).items).toHaveLength(1)
  expect((await search({ action: 'never' })).items).toHaveLength(0)
  expect((await search({ to: timeOf(3) })).items).toHaveLength(4)
  // each time the end; and once the chunk of r-7, twice one with times until the third day
  expect(reads).toBe(3 + 1 + 2)
  await store.commit([], { actor: { id: 'late', kind: 'user', name: '' }, action: 'a', entity: null, requestId: null, time: timeOf(60) })
  const { items } = await searchLog({ store, filters: { actorId: 'late' }, limit: 5, order: 'asc', start: 0, summaries })
  expect(items.map(({ entry }) => entry.sequence)).toEqual([count + 1])
})

test('a page without a filter reads no more than it shows', async () => {
  const asked: number[] = []
  const counted: TenantStore = {
    ...store,
    log(stream, after, limit) {
      asked.push(limit)
      return store.log(stream, after, limit)
    },
  }
  await searchLog({ store: counted, filters: {}, limit: 5, order: 'desc', start: 50, summaries: createSummaries() })
  expect(asked).toEqual([6])
})
