import { expect, test } from 'vitest'
import { createGate } from './gate.ts'

/** Work that ends when told to, and says how much of it runs at once. */
function work() {
  const running = { now: 0, most: 0 }
  const ends: (() => void)[] = []
  const run = async () => {
    running.now += 1
    running.most = Math.max(running.most, running.now)
    await new Promise<void>((resolve) => ends.push(resolve))
    running.now -= 1
  }
  return { run, running, ends }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

test('no more work of one key runs at once than the line is wide, first come, first served', async () => {
  const gate = createGate()
  const { run, running, ends } = work()
  const order: number[] = []
  const all = Array.from({ length: 6 }, (_, at) => gate({ key: 'a', width: 2 }, run).then(() => order.push(at)))
  for (let done = 0; done < 6; done++) {
    await settle()
    expect(running.now).toBe(Math.min(2, 6 - done))
    ends.shift()?.()
  }
  await Promise.all(all)
  expect([running.most, order]).toEqual([2, [0, 1, 2, 3, 4, 5]])
})

test('nobody slips in between the end of one and the start of the next', async () => {
  const gate = createGate()
  const { run, running, ends } = work()
  const first = gate({ key: 'a', width: 1 }, run)
  const second = gate({ key: 'a', width: 1 }, run)
  await settle()
  ends.shift()?.()
  await first
  const third = gate({ key: 'a', width: 1 }, run)
  for (let left = 2; left > 0; left--) {
    await settle()
    ends.shift()?.()
  }
  await Promise.all([second, third])
  expect(running.most).toBe(1)
})

test('other keys go on', async () => {
  const gate = createGate()
  const { run, running, ends } = work()
  const all = ['a', 'b', 'c'].map((key) => gate({ key, width: 1 }, run))
  await settle()
  expect(running.now).toBe(3)
  for (const end of ends) end()
  await Promise.all(all)
})

test('a line that grows wider lets more in, one that grows narrower lets the rest wait', async () => {
  const gate = createGate()
  const { run, running, ends } = work()
  const all = [1, 1, 1, 3].map((width) => gate({ key: 'a', width }, run))
  await settle()
  expect(running.now).toBe(1)
  ends.shift()?.()
  await settle()
  expect(running.now).toBe(3)
  for (const end of ends.splice(0)) end()
  await Promise.all(all)
})

test('only so many may wait; the rest is told to come again', async () => {
  const gate = createGate()
  const { run, ends } = work()
  const lane = { key: 'a', width: 1, waiting: 1 }
  const all = [gate(lane, run), gate(lane, run)]
  await expect(gate(lane, run)).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 1 })
  for (let left = 2; left > 0; left--) {
    await settle()
    ends.shift()?.()
  }
  await Promise.all(all)
  const after = gate(lane, run)
  await settle()
  ends.shift()?.()
  await after
})

test('work that fails frees its place', async () => {
  const gate = createGate()
  await expect(gate({ key: 'a', width: 1 }, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await gate({ key: 'a', width: 1 }, async () => 'yes')).toBe('yes')
})
