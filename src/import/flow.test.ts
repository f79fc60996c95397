import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import { hashEach, inBatches } from './flow.ts'

test('lets an error of the hasher through', async () => {
  const failing = () => Promise.reject(new AppError('internal', 'stored_password_broken', 'Broken.'))
  await expect(hashEach([1, 2, 3], failing)).rejects.toMatchObject({ code: 'stored_password_broken' })
})

test('asks for no more hashes at once than run at once, and keeps their order', async () => {
  let active = 0
  let most = 0
  const hashes = await hashEach(
    Array.from({ length: 100 }, (_, at) => at),
    async (at) => {
      active += 1
      most = Math.max(most, active)
      await new Promise((resolve) => setTimeout(resolve, at % 3))
      active -= 1
      return `hash ${at}`
    },
  )
  expect(most).toBe(availableParallelism())
  expect(hashes).toEqual(Array.from({ length: 100 }, (_, at) => `hash ${at}`))
})

test('waits while the hasher turns work away, and loses nobody', async () => {
  const turnedAway = new Set<number>()
  const hashes = await hashEach([1, 2, 3, 4], async (at) => {
    if (turnedAway.has(at)) return `hash ${at}`
    turnedAway.add(at)
    throw new AppError('unavailable', 'busy', 'Busy.', { retryAfterSeconds: 1 })
  })
  expect(hashes).toEqual(['hash 1', 'hash 2', 'hash 3', 'hash 4'])
})

test('makes batches of one size out of lists of any size', async () => {
  async function* lists() {
    yield [1, 2, 3, 4, 5, 6, 7]
    yield []
    yield [8]
    yield [9, 10]
  }
  const batches: number[][] = []
  for await (const batch of inBatches(lists(), 3)) batches.push(batch)
  expect(batches).toEqual([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]])
})
