import { expect, test } from 'vitest'
import { createRateLimit } from './limits.ts'

function limited(perMinute: number | null) {
  const time = { ms: 1_000_000 }
  const take = createRateLimit(perMinute, () => time.ms)
  const took = (who: string): boolean => {
    try {
      take(who)
      return true
    } catch {
      return false
    }
  }
  return { time, took }
}

test('the request beyond the minute’s share is refused, another’s is not, and time gives it back', () => {
  const { time, took } = limited(3)
  expect([took('a'), took('a'), took('a'), took('a')]).toEqual([true, true, true, false])
  expect(took('b')).toBe(true)
  time.ms += 19_999
  expect(took('a')).toBe(false)
  time.ms += 1
  expect(took('a')).toBe(true)
})

test('the refusal says after how many seconds a request will be taken', () => {
  const { took } = limited(2)
  took('a')
  took('a')
  const take = createRateLimit(1, () => 0)
  take('a')
  expect(() => take('a')).toThrow(expect.objectContaining({ code: 'rate_limited', retryAfterSeconds: 60 }))
})

test('a clock that is set back an hour locks nobody out', () => {
  const { time, took } = limited(10)
  took('a')
  time.ms -= 3_600_000
  expect(took('a')).toBe(true)
  time.ms += 6_000
  expect(took('a')).toBe(true)
})

test('off is no limit', () => {
  const { took } = limited(null)
  expect(Array.from({ length: 5000 }, () => took('a')).every(Boolean)).toBe(true)
})

test('what is left is told, and a share under a name of its own takes nothing from the other', () => {
  const take = createRateLimit(3, () => 0)
  expect(take('a')).toEqual({ limit: 3, remaining: 2, resetSeconds: 20 })
  const upload = { name: 'upload', perMinute: 2 }
  expect([take('a', upload), take('a', upload)].map(({ limit, remaining }) => [limit, remaining])).toEqual([
    [2, 1],
    [2, 0],
  ])
  expect(() => take('a', upload)).toThrow()
  expect(take('a').remaining).toBe(1)
})
