import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beyondNewest, superfluous } from './retention.ts'

const none = { hourly: 0, daily: 0, weekly: 0, monthly: 0 }
const at = (createdAt: string, isProven = true, order = Date.parse(createdAt)) => ({ id: `s-${createdAt}`, createdAt, order, isProven })
const gone = (times: readonly string[], keep: Partial<typeof none>) =>
  superfluous(
    times.map((time) => at(time)),
    { ...none, ...keep },
  ).map((id) => id.slice(2))

const hours = ['2026-03-01T00:17', '2026-03-01T01:17', '2026-03-01T01:47', '2026-03-02T02:17', '2026-03-09T02:17', '2026-04-01T00:00'].map(
  (time) => `${time}:00.000Z`,
)

test('the three newest proven ones stay, whatever is to be kept', () => {
  expect(gone(hours, {})).toEqual(hours.slice(0, 3).reverse())
  expect(
    superfluous(
      hours.slice(0, 3).map((time) => at(time)),
      none,
    ),
  ).toEqual([])
})

test('of each period the newest stays, as many as asked for', () => {
  expect(gone(hours, { hourly: 6 })).toEqual([hours[1]])
  expect(gone(hours, { daily: 4 })).toEqual([hours[1], hours[0]])
  expect(gone(hours, { daily: 3 })).toEqual([hours[2], hours[1], hours[0]])
  expect(gone(hours, { weekly: 4 })).toEqual([hours[1], hours[0]])
  expect(gone(hours, { monthly: 2 })).toEqual([hours[2], hours[1], hours[0]])
})

test('one that is not proven goes when a newer one is, and never counts', () => {
  const all = [
    at('2026-01-01T00:00:00.000Z'),
    at('2026-01-02T00:00:00.000Z', false),
    at('2026-01-03T00:00:00.000Z'),
    at('2026-01-04T00:00:00.000Z', false),
  ]
  expect(superfluous(all, none)).toEqual(['s-2026-01-02T00:00:00.000Z'])
  expect(
    superfluous(
      all.filter(({ isProven }) => !isProven),
      none,
    ),
  ).toEqual([])
})

test('by hand at least the newest proven one stays', () => {
  const all = [...hours.map((time) => at(time)), at('2026-05-01T00:00:00.000Z', false)]
  expect(beyondNewest(all, 0)).toHaveLength(5)
  expect(beyondNewest(all, 1)).not.toContain(`s-${hours[5]}`)
  expect(beyondNewest(all, 6)).toEqual([])
  expect(beyondNewest(all, 2)).toHaveLength(4)
})

test('whatever the clock wrote, the three that were proven last stay', () => {
  const time = fc.integer({ min: 0, max: 4_000_000_000_000 }).map((ms) => new Date(ms).toISOString())
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(time, fc.boolean()), { selector: ([t]) => t, maxLength: 30 }), (all) => {
      const snapshots = all.map(([createdAt, isProven], order) => at(createdAt, isProven, order))
      const removed = new Set(superfluous(snapshots, { hourly: 1, daily: 1, weekly: 1, monthly: 1 }))
      for (const { id } of snapshots.filter(({ isProven }) => isProven).slice(-3)) expect(removed.has(id)).toBe(false)
    }),
  )
})
