import { expect, test } from 'vitest'
import { insert } from '../../kernel/change.ts'
import type { Filter, Selection } from '../port.ts'
import { aMember, aNote, chapter, Member, meta, Note, now, type OpenSubject } from './harness.ts'
import { all, names, store, times } from './pages.ts'

/** What filters leave out, and what counts and tallies say. */
export function filterLaws(open: OpenSubject): void {
  chapter('filter', open, ({ fresh }) => {
    const filtered: readonly [Filter, string][] = [
      [{ field: 'note', op: 'eq', value: 'b' }, '2'],
      [{ field: 'note', op: 'eq', value: null }, '4'],
      [{ field: 'note', op: 'ne', value: 'b' }, '134'],
      [{ field: 'note', op: 'ne', value: null }, '123'],
      [{ field: 'note', op: 'gt', value: 'b' }, '3'],
      [{ field: 'note', op: 'gte', value: 'b' }, '23'],
      [{ field: 'note', op: 'lt', value: 'b' }, '1'],
      [{ field: 'note', op: 'lte', value: 'b' }, '12'],
      [{ field: 'note', op: 'gt', value: null }, ''],
      [{ field: 'note', op: 'lte', value: null }, ''],
      [{ field: 'note', op: 'in', value: ['b', 'a%c'] }, '12'],
      [{ field: 'note', op: 'in', value: [null, 'b'] }, '24'],
      [{ field: 'note', op: 'in', value: [null] }, '4'],
      [{ field: 'note', op: 'in', value: [] }, ''],
      [{ field: 'note', op: 'contains', value: '%' }, '1'],
      [{ field: 'note', op: 'contains', value: 'A' }, ''],
      [{ field: 'note', op: 'contains', value: 'Ü_' }, '3'],
      [{ field: 'score', op: 'eq', value: 2 }, '2'],
      [{ field: 'score', op: 'gt', value: 2 }, '34'],
      [{ field: 'score', op: 'gte', value: 2.5 }, '34'],
      [{ field: 'score', op: 'lt', value: 10 }, '123'],
      [{ field: 'score', op: 'lte', value: 1 }, '1'],
      [{ field: 'score', op: 'in', value: [10, 1] }, '14'],
      [{ field: 'isActive', op: 'eq', value: true }, '13'],
      [{ field: 'isActive', op: 'ne', value: true }, '24'],
      [{ field: 'isCertified', op: 'ne', value: true }, '234'],
      [{ field: 'isCertified', op: 'eq', value: false }, '2'],
      [{ field: 'lastSeenAt', op: 'gte', value: times(2) }, '23'],
      [{ field: 'lastSeenAt', op: 'lt', value: times(2) }, '1'],
      [{ field: 'createdAt', op: 'lte', value: now }, '1234'],
      [{ field: 'version', op: 'gt', value: 1 }, ''],
    ]
    test('filters by every operator, nulls as the port says', async () => {
      const tenant = fresh()
      await store(tenant, [
        aMember({ username: '1', note: 'a%c', score: 1, isActive: true, isCertified: true, lastSeenAt: times(1) }),
        aMember({ username: '2', note: 'b', score: 2, isActive: false, isCertified: false, lastSeenAt: times(2) }),
        aMember({ username: '3', note: 'xÜ_y', score: 2.5, isActive: true, isCertified: null, lastSeenAt: times(3) }),
        aMember({ username: '4', note: null, score: 10, isActive: false, isCertified: null, lastSeenAt: null }),
      ])

      for (const [filter, expected] of filtered) {
        expect(names(await all(tenant, { filter: [filter], limit: 1 })).join(''), JSON.stringify(filter)).toBe(expected)
        expect(await tenant.count(Member, { filter: [filter] }), JSON.stringify(filter)).toBe(expected.length)
      }
    })

    test('keeps to all filters at once, and goes on behind rows that they leave out', async () => {
      const tenant = fresh()
      const rows = Array.from({ length: 300 }, (_, n) => aMember({ score: n, role: n % 100 === 0 ? 'owner' : 'member' }))
      await store(tenant, rows)
      const filter: Filter[] = [
        { field: 'role', op: 'eq', value: 'owner' },
        { field: 'score', op: 'gt', value: 0 },
      ]

      expect((await all(tenant, { index: 'byScore', filter, limit: 1 })).map((row) => row.score)).toEqual([100, 200])
      expect(await tenant.count(Member, { index: 'byRole', where: { role: 'owner' }, filter: filter.slice(1) })).toBe(2)
    })

    test('tallies each combination of values that has rows, nulls and booleans too', async () => {
      const tenant = fresh()
      await store(tenant, [
        aMember({ role: 'owner', isCertified: true }),
        aMember({ role: 'member', isCertified: null }),
        aMember({ role: 'member', isCertified: null }),
        aMember({ role: 'member', isCertified: false, isActive: false }),
      ])
      const sorted = async (selection: Selection, by: string[]) =>
        (await tenant.tally(Member, selection, by)).map(({ values, count }) => JSON.stringify([...values, count])).sort()

      expect(await sorted({}, ['role', 'isCertified'])).toEqual(['["member",false,1]', '["member",null,2]', '["owner",true,1]'])
      expect(await sorted({}, ['isActive'])).toEqual(['[false,1]', '[true,3]'])
      expect(await sorted({ index: 'byState', where: { isActive: true } }, ['role'])).toEqual(['["member",2]', '["owner",1]'])
      expect(await sorted({ filter: [{ field: 'isCertified', op: 'eq', value: null }] }, ['role'])).toEqual(['["member",2]'])
      expect(await sorted({}, [])).toEqual(['[4]'])
      await expect(tenant.tally(Member, {}, ['settings'])).rejects.toThrow()
    })

    test('counts, tallies and filters a tenant of thousands, and sees what was just acknowledged', async () => {
      const tenant = fresh()
      const note = (n: number) => insert(Note, aNote(String(n).padStart(5, '0'), n % 2 === 0 ? 'even' : 'odd'))
      // more than SQLite scans in the thread that serves
      for (let n = 0; n < 2_100; n += 700) {
        await tenant.commit(
          Array.from({ length: 700 }, (_, k) => note(n + k)),
          meta,
        )
      }
      const even: Selection = { filter: [{ field: 'text', op: 'contains', value: 'eve' }] }

      for (let round = 0; round < 3; round += 1) {
        await tenant.commit([note(2_100 + round * 2)], meta)
        const count = 1_051 + round
        expect(await tenant.count(Note, even)).toBe(count)
        expect(await tenant.tally(Note, even, ['text'])).toEqual([{ values: ['even'], count }])
        const { items, nextCursor } = await tenant.list(Note, { ...even, order: 'desc', limit: 2 })
        expect(items.map((row) => row.id)).toEqual([2_100 + round * 2, 2_098 + round * 2].map((n) => String(n).padStart(5, '0')))
        expect((await tenant.list(Note, { ...even, order: 'desc', limit: 1, cursor: nextCursor })).items[0]?.text).toBe('even')
      }
      expect(await tenant.count(Note, {})).toBe(2_103)
    })

    test('counts more rows than a page has', async () => {
      const tenant = fresh()
      await tenant.commit(
        Array.from({ length: 250 }, (_, n) => insert(Note, aNote(`${n}`))),
        meta,
      )

      expect(await tenant.count(Note, {})).toBe(250)
    })
  })
}
