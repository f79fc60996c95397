import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sideBySide } from './side-by-side.ts'

test.each([0, 1, 3, 4, 10])('does each of %i items once, no more than three at once', async (count) => {
  const items = Array.from({ length: count }, (_, at) => at)
  const done: number[] = []
  let active = 0
  let most = 0
  await sideBySide(new Set(items), 3, async (item) => {
    active += 1
    most = Math.max(most, active)
    await wait(item % 3)
    active -= 1
    done.push(item)
  })
  expect(done.toSorted((a, b) => a - b)).toEqual(items)
  expect(most).toBe(Math.min(3, count))
})

test('after a failure nothing more is begun, and what had begun ends first', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const failing = sideBySide([0, 1, 2, 3], 2, async (item) => {
    begun.push(item)
    if (item === 0) throw new Error('no')
    await wait(20)
    ended.push(item)
  })
  await expect(failing).rejects.toThrow('no')
  expect([begun, ended]).toEqual([[0, 1], [1]])
})
