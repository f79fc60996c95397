import { expect, test } from 'vitest'
import { pairId } from './moment.ts'

const uuid = (ms: number, rest = '7abc-8def-0123456789ab'): string => {
  const hex = ms.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${rest}`
}
const since = Date.parse('2026-11-28T03:00:00Z')
const person = uuid(since - 1_000)

test('a pair with a row of before keeps the id that it always had', () => {
  expect(pairId(person, uuid(since - 1))).toBe('9fb80e7e-f285-854b-a206-4ed5852b536f')
  // no UUIDv7, whatever it begins with
  expect(pairId(person, 'f0000000-0000-4000-8000-000000000000')[14]).toBe('8')
  expect(pairId(person, 'f0000000-0000-4000-8000-000000000000').slice(0, 8)).not.toBe('f0000000')
})

test('a pair with a newer row begins with its time and counter, and no two pairs are one', () => {
  const contacts = [since, since + 1, since + 1].map((ms, at) => uuid(ms, `7ab${at}-8def-0123456789ab`))
  const ids = contacts.flatMap((contact) => [pairId(person, contact), pairId(uuid(since), contact)])
  expect(new Set(ids).size).toBe(6)
  for (const [at, id] of ids.entries()) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const contact = contacts[Math.floor(at / 2)] ?? ''
    expect(id.slice(0, 14)).toBe(contact.slice(0, 14))
    expect(id.slice(15, 18)).toBe(contact.slice(15, 18))
  }
  expect(pairId(person, contacts[0] ?? '')).toBe(pairId(person, contacts[0] ?? ''))
})
