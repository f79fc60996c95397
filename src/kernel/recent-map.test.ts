import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRecentMap } from './recent-map.ts'

test('never holds more than its capacity, and never loses one of the last half used', () => {
  const use = fc.record({ name: fc.integer({ min: 0, max: 14 }).map(String), isGet: fc.boolean() })
  fc.assert(
    fc.property(fc.array(use, { maxLength: 200, size: 'max' }), (uses) => {
      const map = createRecentMap<string>(10)
      let latest: string[] = []
      for (const { name, isGet } of uses) {
        if (isGet && map.get(name) === undefined) continue
        if (!isGet) map.set(name, `value of ${name}`)
        latest = [name, ...latest.filter((other) => other !== name)].slice(0, 5)
        expect(map.size).toBeLessThanOrEqual(10)
      }
      for (const name of latest) expect(map.get(name)).toBe(`value of ${name}`)
    }),
  )
})

test('what was dropped is gone, whichever half it was in', () => {
  const map = createRecentMap<number>(4)
  for (const [value, name] of ['a', 'b', 'c'].entries()) map.set(name, value)
  for (const name of ['a', 'c', 'never there']) map.drop(name)
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 1, undefined])
})
