import fc from 'fast-check'
import { expect, test } from 'vitest'
import { covering } from './coverage.ts'
import type { SegmentName } from './names.ts'

const segment = ([first, last]: readonly [number, number]): SegmentName => ({ name: `${first}-${last}`, stream: 's', first, last })
const sorted = (ranges: readonly (readonly [number, number])[]) => ranges.map(segment).sort((a, b) => a.first - b.first || b.last - a.last)
const chosen = (ranges: readonly (readonly [number, number])[], after = 0) => {
  const found = covering(sorted(ranges), after)
  return [found.chosen.map(({ name }) => name), found.end]
}

test.each([
  [[], 0, [[], 0]],
  [[[1, 5]], 0, [['1-5'], 5]],
  [[[2, 5]], 0, [[], 0]],
  [
    [
      [1, 3],
      [4, 6],
    ],
    0,
    [['1-3', '4-6'], 6],
  ],
  [
    [
      [1, 3],
      [5, 6],
    ],
    0,
    [['1-3'], 3],
  ],
  [
    [
      [1, 3],
      [1, 9],
      [2, 5],
    ],
    0,
    [['1-9'], 9],
  ],
  [
    [
      [1, 4],
      [2, 6],
      [3, 8],
    ],
    0,
    [['1-4', '3-8'], 8],
  ],
  [
    [
      [1, 4],
      [5, 8],
    ],
    4,
    [['5-8'], 8],
  ],
  [
    [
      [1, 4],
      [3, 8],
    ],
    8,
    [[], 8],
  ],
  [
    [
      [1, 4],
      [6, 8],
    ],
    5,
    [['6-8'], 8],
  ],
] as const)('%j after %i', (ranges, after, expected) => {
  expect(chosen([...ranges], after)).toEqual(expected)
})

test('every sequence up to the end is in a chosen segment, and the next one in none at all', () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 8 }))
    .map(([first, length]) => [first, first + length] as const)
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), fc.integer({ min: 0, max: 10 }), (ranges, after) => {
      const { chosen, end } = covering(sorted(ranges), after)
      const holds = (all: readonly { first: number; last: number }[], sequence: number) =>
        all.some(({ first, last }) => first <= sequence && sequence <= last)
      for (let sequence = after + 1; sequence <= end; sequence += 1) expect(holds(chosen, sequence)).toBe(true)
      expect(holds(sorted(ranges), end + 1)).toBe(false)
    }),
  )
})
