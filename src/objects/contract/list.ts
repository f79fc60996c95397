import { expect, test } from 'vitest'
import type { Page } from '../../kernel/page.ts'
import type { ListedObject, TenantObjects } from '../port.ts'
import { aFile, chapter, type OpenSubject } from './harness.ts'

async function put(tenant: TenantObjects, keys: readonly string[]): Promise<void> {
  const { bytes, described } = aFile(10)
  for (const key of keys) await tenant.put(key, bytes, described)
}

async function all(tenant: TenantObjects, prefix: string, limit: number, between: () => Promise<void> = async () => {}): Promise<string[]> {
  const met: string[] = []
  for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
    const page: Page<ListedObject> = await tenant.list(prefix, { cursor, limit })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    met.push(...page.items.map(({ key }) => key))
    cursor = page.nextCursor
    await between()
  }
  return met
}

export const listLaws = (open: OpenSubject): void =>
  chapter('list', open, ({ fresh }) => {
    const keys = ['a', 'a-b', 'a-b/c', 'a.b', 'a/b', 'a/b-c', 'a/b/c', 'a/b/d', 'a0', 'aB', 'a_b', 'ab', 'b/a', 'b/b']

    test('refuses limits out of bounds and cursors that it did not give', async () => {
      for (const limit of [0, -1, 1_001, 1.5]) await expect(fresh().list('', { limit })).rejects.toThrow('1 to 1000')
      for (const cursor of ['', 'nonsense', Buffer.from('["other","a"]').toString('base64url')])
        await expect(fresh().list('', { cursor })).rejects.toMatchObject({ code: 'bad_cursor' })
    })

    test('is empty where nothing is', async () => {
      expect(await fresh().list('')).toEqual({ items: [], nextCursor: null })
    })

    test('tells key, size and time of each, in the order of their characters, page by page', async () => {
      const tenant = fresh()
      await put(tenant, keys.toReversed())

      for (const limit of [1, 2, 3, 13, 14, 15]) expect(await all(tenant, '', limit)).toEqual(keys)
      const { items, nextCursor } = await tenant.list('', { limit: 14 })
      expect(nextCursor).toBeNull()
      for (const item of items) expect(item).toEqual({ key: item.key, size: 10, storedAt: expect.stringMatching(/^20.*Z$/) })
    })

    test('takes a prefix as a text, not as a folder', async () => {
      const tenant = fresh()
      await put(tenant, keys)
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'a-', 'b/', 'b', 'c', 'a/b/c', 'a/b/c/'])
        for (const limit of [1, 100]) expect(await all(tenant, prefix, limit), prefix).toEqual(keys.filter((key) => key.startsWith(prefix)))
    })

    test('meets exactly once what was there all the while, whatever is put and removed meanwhile', async () => {
      const tenant = fresh()
      const stay = Array.from({ length: 30 }, (_, n) => `n/${String(n * 10).padStart(3, '0')}`)
      await put(tenant, [...stay, 'n/005', 'n/155', 'n/295'])
      let turn = 0

      const met = await all(tenant, 'n/', 4, async () => {
        turn += 1
        await put(tenant, [`n/${String(turn * 30 + 1).padStart(3, '0')}`, `m/${turn}`])
        for (const key of ['n/005', 'n/155', 'n/295']) await tenant.remove(key)
      })

      expect(met.filter((key) => stay.includes(key))).toEqual(stay)
      expect(new Set(met).size).toBe(met.length)
    })
  })
