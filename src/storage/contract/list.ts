import { expect, test } from 'vitest'
import { patched, remove, update } from '../../kernel/change.ts'
import { pageLimit } from '../../kernel/page.ts'
import type { Query, Selection, Value } from '../port.ts'
import { aMember, chapter, Member, meta, Note, newId, now, type OpenSubject } from './harness.ts'
import { all, names, store, times } from './pages.ts'

/** Pages of declared indexes: which rows, in which order, and what a cursor promises. */
export function listLaws(open: OpenSubject): void {
  chapter('list', open, ({ fresh, ours }) => {
    test.each([0, -1, pageLimit.max + 1, 1.5, Number.NaN])('throws for a limit of %d', async (limit) => {
      await expect(ours().list(Member, { limit })).rejects.toThrow('1 to 200')
    })

    test.each<[string, Selection]>([
      ['an index that was not declared', { index: 'byColour' }],
      ['equality without an index', { where: { role: 'owner' } }],
      ['equality on a field that is not in the index', { index: 'byRole', where: { username: 'x' } }],
      ['equality with a gap', { index: 'byState', where: { isActive: true, username: 'x' } }],
      ['equality that does not begin the index', { index: 'byState', where: { role: 'owner' } }],
      ['a filter on a field that does not exist', { filter: [{ field: 'colour', op: 'eq', value: 'red' }] }],
      ['a filter on nested values', { filter: [{ field: 'settings', op: 'eq', value: 'x' }] }],
    ])('throws for %s', async (_, selection) => {
      await expect(ours().list(Member, selection)).rejects.toThrow()
      await expect(ours().count(Member, selection)).rejects.toThrow()
      await expect(ours().tally(Member, selection, ['role'])).rejects.toThrow()
    })

    test('refuses a cursor that this list did not give out', async () => {
      const tenant = fresh()
      await store(tenant, [aMember(), aMember(), aMember()])
      const of = async (query: Query): Promise<string> => (await tenant.list(Member, { ...query, limit: 1 })).nextCursor ?? ''
      const wrong = [
        '',
        'nonsense',
        Buffer.from('["x"]').toString('base64url'),
        await of({}),
        await of({ index: 'byScore' }),
        await of({ index: 'byRole', order: 'desc' }),
        await of({ index: 'byRole', where: { role: 'member' } }),
      ]

      for (const cursor of wrong) {
        await expect(tenant.list(Member, { index: 'byRole', cursor })).rejects.toMatchObject({ kind: 'unprocessable', code: 'bad_cursor' })
      }
      const members = await of({ index: 'byRole', where: { role: 'member' } })
      await expect(tenant.list(Member, { index: 'byRole', where: { role: 'owner' }, cursor: members })).rejects.toMatchObject({
        code: 'bad_cursor',
      })
      await expect(tenant.list(Note, { cursor: await of({}) })).rejects.toMatchObject({ code: 'bad_cursor' })
    })

    test('answers with an empty page when there is nothing', async () => {
      expect(await fresh().list(Member, {})).toEqual({ items: [], nextCursor: null })
      expect(await fresh().count(Member, { index: 'byRole' })).toBe(0)
      expect(await fresh().tally(Member, {}, ['role'])).toEqual([])
    })

    test('lists by id when no index is named, in both directions, 50 rows unless told otherwise', async () => {
      const tenant = fresh()
      const rows = Array.from({ length: 60 }, () => aMember())
      await store(tenant, rows.toReversed())

      const page = await tenant.list(Member, {})
      expect(page.items).toEqual(rows.slice(0, 50))
      expect(page.nextCursor).not.toBeNull()
      expect((await tenant.list(Member, { limit: 200 })).items).toEqual(rows)
      expect(await all(tenant, { order: 'desc', limit: 7 })).toEqual(rows.toReversed())
    })

    test('says that nothing follows exactly when nothing follows', async () => {
      const tenant = fresh()
      const rows = Array.from({ length: 4 }, () => aMember())
      await store(tenant, rows)

      expect((await tenant.list(Member, { limit: 3 })).nextCursor).not.toBeNull()
      expect((await tenant.list(Member, { limit: 4 })).nextCursor).toBeNull()
      expect((await tenant.list(Member, { limit: 5 })).nextCursor).toBeNull()
    })

    test('orders by the rest of the index, then by id, in both directions', async () => {
      const tenant = fresh()
      const rows = [3, 1, 2, 1, 3].map((score) => aMember({ score }))
      await store(tenant, rows)
      const [a, b, c, d, e] = rows as [Member, Member, Member, Member, Member]

      expect(await all(tenant, { index: 'byScore' })).toEqual([b, d, c, a, e])
      expect(await all(tenant, { index: 'byScore', order: 'desc', limit: 2 })).toEqual([e, a, c, d, b])
    })

    test('orders texts by code point of UTF-8, whatever the case', async () => {
      const tenant = fresh()
      const managerId = newId()
      const sorted = ['', '10', '9', 'B', 'a', 'c', 'abz', 'é', 'ｚ', '😀'].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
      await store(
        tenant,
        sorted.toReversed().map((username) => aMember({ username, managerId, usernameKey: username })),
      )

      expect(names(await all(tenant, { index: 'byManager', where: { managerId }, limit: 3 }))).toEqual(sorted)
    })

    test('leaves out the rows whose value is null in a field that the list is ordered by, and counts likewise', async () => {
      const tenant = fresh()
      const seen = [aMember({ lastSeenAt: times(2) }), aMember({ lastSeenAt: times(1) })]
      await store(tenant, [...seen, aMember(), aMember()])

      expect(await all(tenant, { index: 'bySeen' })).toEqual(seen.toReversed())
      expect(await tenant.count(Member, { index: 'bySeen' })).toBe(2)
      expect(await tenant.tally(Member, { index: 'bySeen' }, ['role'])).toEqual([{ values: ['member'], count: 2 }])
      expect(await tenant.count(Member, {})).toBe(4)
    })

    test('finds by the last field of an index too: one value, several, and those without one', async () => {
      const tenant = fresh()
      const row = (username: string, seen: string | null) => aMember({ username, lastSeenAt: seen })
      await store(tenant, [row('d', times(1)), row('a', times(2)), row('c', times(1)), row('b', null), row('e', times(3))])
      const of = async (lastSeenAt: Value | Value[]) =>
        names(await all(tenant, { index: 'bySeen', where: { lastSeenAt }, limit: 2 })).toSorted()
      const count = (lastSeenAt: Value | Value[]) => tenant.count(Member, { index: 'bySeen', where: { lastSeenAt } })

      expect(await of(times(1))).toEqual(['c', 'd'])
      expect(await of([times(2), times(1)])).toEqual(['a', 'c', 'd'])
      expect(await of(null)).toEqual(['b'])
      expect(await of([null, times(3)])).toEqual(['b', 'e'])
      expect(await of([])).toEqual([])
      expect(await Promise.all([count(times(1)), count(null), count([null, times(2)])])).toEqual([2, 1, 2])
    })

    test('keeps to the rows with the values asked for: one, several, none, and those without a value', async () => {
      const tenant = fresh()
      const [m1, m2, m3] = [newId(), newId(), newId()]
      const row = (username: string, managerId: string | null) => aMember({ username, managerId })
      await store(tenant, [row('d', m1), row('a', m2), row('c', m1), row('b', null), row('e', m3)])
      const of = async (managerId: Value | Value[]) => names(await all(tenant, { index: 'byManager', where: { managerId }, limit: 2 }))

      expect(await of(m1)).toEqual(['c', 'd'])
      expect(await of([m1])).toEqual(['c', 'd'])
      expect(await of([m2, m1])).toEqual(['a', 'c', 'd'])
      expect(await of([m1, m1, m2])).toEqual(['a', 'c', 'd'])
      expect(await of(null)).toEqual(['b'])
      expect(await of([null])).toEqual(['b'])
      expect(await of([m3, null, m2])).toEqual(['a', 'b', 'e'])
      expect(await of([])).toEqual([])
      expect(await of(newId())).toEqual([])
      expect(names(await all(tenant, { index: 'byManager', where: { managerId: [m1, m2] }, order: 'desc', limit: 1 }))).toEqual([
        'd',
        'c',
        'a',
      ])
    })

    test('takes lists of thousands of values', async () => {
      const tenant = fresh()
      const managers = Array.from({ length: 5_000 }, () => newId())
      const rows = [17, 4_999, 0].map((position, n) => aMember({ username: `u${n}`, managerId: managers[position] ?? null }))
      await store(tenant, [...rows, aMember({ managerId: newId() })])
      const where = { managerId: managers }

      expect(await all(tenant, { index: 'byManager', where, limit: 1 })).toEqual(rows)
      expect(await tenant.count(Member, { index: 'byManager', where })).toBe(3)
      expect(await tenant.count(Member, { filter: [{ field: 'managerId', op: 'in', value: managers }] })).toBe(3)
    })

    test('keeps to several leading fields at once, and to booleans', async () => {
      const tenant = fresh()
      await store(tenant, [
        aMember({ username: 'a', isActive: true, role: 'owner' }),
        aMember({ username: 'b', isActive: false, role: 'owner' }),
        aMember({ username: 'c', isActive: true, role: 'member' }),
        aMember({ username: 'd', isActive: true, role: 'manager' }),
      ])
      const of = async (where: NonNullable<Query['where']>) => names(await all(tenant, { index: 'byState', where, limit: 1 }))

      expect(await of({ isActive: true, role: 'owner' })).toEqual(['a'])
      expect(await of({ isActive: false })).toEqual(['b'])
      expect(await of({ isActive: [true], role: ['owner', 'member'] })).toEqual(['a', 'c'])
      expect(await of({ isActive: [true, false], role: 'owner' })).toEqual(['a', 'b'])
      expect(await of({ isActive: true, role: 'owner', username: ['a', 'b'] })).toEqual(['a'])
      expect(await of({})).toEqual(['b', 'd', 'c', 'a'])
    })

    test.each<[string, Query]>([
      ['by id', { limit: 5 }],
      ['by an index', { index: 'byScore', limit: 5 }],
      ['backwards', { index: 'byScore', order: 'desc', limit: 5 }],
      ['over several values', { index: 'byRole', where: { role: ['member', 'owner'] }, limit: 5 }],
    ])('meets every row that was there all the while exactly once, whatever is written meanwhile: %s', async (_, query) => {
      const tenant = fresh()
      const rows = Array.from({ length: 40 }, (_, n) => aMember({ score: n % 7, role: n % 2 === 0 ? 'owner' : 'member' }))
      await store(tenant, rows)
      const met: string[] = []
      const gone = new Set<string>()

      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await tenant.list(Member, { ...query, ...(cursor === undefined ? {} : { cursor }) })
        met.push(...page.items.map((row) => row.id))
        cursor = page.nextCursor
        const last = page.items.at(-1) as Member
        const other = rows.find((row) => !met.includes(row.id) && !gone.has(row.id))
        for (const row of [last, other]) {
          if (row === undefined) continue
          gone.add(row.id)
          await tenant.commit([remove(Member, row)], meta)
        }
        const kept = rows.find((row) => !gone.has(row.id) && row.note === null)
        if (kept !== undefined) {
          const next = patched(Member, kept, { note: 'changed meanwhile' }, now)
          await tenant.commit([update(Member, kept, next)], meta)
          rows[rows.indexOf(kept)] = next
        }
        await store(tenant, [
          aMember({ score: -1, role: 'owner', id: `00000000${newId().slice(8)}` }),
          aMember({ score: 3, role: 'member' }),
        ])
        if (met.length > 150) break
      }

      expect(new Set(met).size).toBe(met.length)
      for (const row of rows) if (!gone.has(row.id)) expect(met.filter((id) => id === row.id)).toHaveLength(1)
    })
  })
}
