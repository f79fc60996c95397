import { expect, test } from 'vitest'
import { idSource, isUuid } from './id.ts'

test('ids are UUIDv7 that carry their millisecond', () => {
  const id = idSource(() => 0x0123456789ab).newId()
  expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(isUuid(id)).toBe(true)
})

test('ids made within one millisecond, or while the clock runs backwards, are distinct and in order', () => {
  const times = [1000, 1000, 999, 1001, 1000]
  const ids = idSource(() => times[Math.floor(Math.random() * times.length)])
  const made = Array.from({ length: 20_000 }, () => ids.newId())
  expect(made).toEqual(made.toSorted())
  expect(new Set(made).size).toBe(made.length)
})

test.each([
  '',
  'x',
  '01234567-89ab-9000-8000-000000000000',
  '01234567-89AB-7000-8000-000000000000',
  '01234567-89ab-7000-7000-000000000000',
])('%j is no UUID of ours', (text) => {
  expect(isUuid(text)).toBe(false)
})
