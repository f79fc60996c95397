import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { insert, patched, remove, update } from '../../kernel/change.ts'
import { aNote, entities, meta, Note, newSigner } from '../contract/harness.ts'
import type { Query, Storage, TenantStore } from '../port.ts'
import { sqlite } from './engine.ts'
import { keyOf } from './page-cache.ts'

let folder = ''
let storage: Storage

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-pages-'))
  storage = sqlite({ folder, entities })
  await storage.open()
  await storage.setSigner(newSigner())
})
afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

const idsOf = async (store: TenantStore, query: Query = {}) => (await store.list(Note, query)).items.map(({ id }) => id)

test('a page is read once, until a row of its entity and tenant changes', async () => {
  const [store, other] = [storage.tenant('t'), storage.tenant('u')]
  await store.commit([insert(Note, aNote('1', 'one'))], meta)
  const page = await store.list(Note, { limit: 20 })
  expect(await store.list(Note, { limit: 20 })).toBe(page)
  await other.commit([insert(Note, aNote('1', 'elsewhere'))], meta)
  expect(await store.list(Note, { limit: 20 })).toBe(page)
  await store.commit([insert(Note, aNote('2', 'two'))], meta)
  expect(await idsOf(store, { limit: 20 })).toEqual(['1', '2'])
  expect(page.items).toHaveLength(1)
})

test('whoever was told of a commit sees it in every page, whatever is read and written meanwhile', async () => {
  const store = storage.tenant('t')
  const wrong: string[] = []
  let isDone = false
  const reading = async () => {
    while (!isDone) {
      await idsOf(store)
      await idsOf(store, { order: 'desc' })
      await new Promise(setImmediate)
    }
  }
  const writing = async (name: string) => {
    for (let n = 0; n < 60; n++) {
      const id = `${name}${n}`
      const row = aNote(id, 'first')
      await store.commit([insert(Note, row)], meta)
      if (!(await idsOf(store, { order: 'desc' })).includes(id)) wrong.push(`${id} is missing`)
      const next = patched(Note, row, { text: 'second' }, row.createdAt)
      await store.commit([update(Note, row, next)], meta)
      const { items } = await store.list(Note, { order: 'desc' })
      if (items.find((one) => one.id === id)?.text !== 'second') wrong.push(`${id} is old`)
      await store.commit([remove(Note, next)], meta)
      if ((await idsOf(store, { order: 'desc' })).includes(id)) wrong.push(`${id} is still there`)
    }
  }
  const readers = [reading(), reading()]
  await Promise.all(['a', 'b', 'c', 'd'].map(writing))
  isDone = true
  await Promise.all(readers)
  expect(wrong).toEqual([])
})

test('nobody can change a page that others get too', async () => {
  const store = storage.tenant('t')
  await store.commit([insert(Note, aNote('1', 'one'))], meta)
  const page = await store.list(Note, {})
  expect(() => page.items.pop()).toThrow(TypeError)
  expect(() => Object.assign(page, { nextCursor: 'x' })).toThrow(TypeError)
})

test('more pages than are kept are read like any', async () => {
  const store = storage.tenant('t')
  await store.commit(
    Array.from({ length: 50 }, (_, n) => insert(Note, aNote(String(n).padStart(2, '0'), 'text'))),
    meta,
  )
  for (let round = 0; round < 15; round++)
    for (let limit = 1; limit <= 50; limit++)
      expect(await idsOf(store, { limit, filter: [{ field: 'text', op: 'ne', value: `${round}` }] })).toHaveLength(limit)
})

test('queries that may differ in their pages have keys that differ', () => {
  const queries: Query[] = [
    {},
    { order: 'desc' },
    { index: 'byText' },
    { index: 'byText', where: { text: '1' } },
    { index: 'byText', where: { text: 1 } },
    { index: 'byText', where: { text: null } },
    { index: 'byText', where: { text: undefined } as never },
    { index: 'byText', where: { text: ['1'] } },
    { index: 'byText', where: { text: ['1', '2'] } },
    { index: 'byText', where: { text: '1', body: '2' } },
    { index: 'byText', where: { text: '1" body="2' } },
    { filter: [{ field: 'text', op: 'eq', value: 'a' }] },
    { filter: [{ field: 'text', op: 'ne', value: 'a' }] },
    { filter: [{ field: 'text', op: 'in', value: ['a'] }] },
    { cursor: 'abc' },
    { cursor: '' },
    { filter: [{ field: 'text', op: 'eq', value: 'a' }], cursor: 'abc' },
  ]
  const keys = [...queries.map((query) => keyOf(query, 20)), keyOf({}, 2), keyOf({}, 21)]
  expect(new Set(keys).size).toBe(keys.length)
})
