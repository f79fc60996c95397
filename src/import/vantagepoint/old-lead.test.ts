import { expect, test } from 'vitest'
import { isCounter, type OldLead, readOldLead } from './old-lead.ts'

const now = '2026-01-01T00:00:00.000Z'
const read = (value: Record<string, unknown>) => readOldLead({ row: 3, value: { id: 7, practice_name: 'Lakeside', ...value } }, now)

test.each<[problem: string, value: Record<string, unknown>]>([
  ['practice_name is required', { practice_name: undefined }],
  ['practice_name is required', { practice_name: '' }],
  ['practice_name is required', { practice_name: ' \t' }],
  ['practice_name has more than 10000 characters', { practice_name: 'x'.repeat(10_001) }],
  ['city holds characters that are no text', { city: 'a\0b' }],
  ['city must be a text', { city: true }],
  ['id must be a whole number from 1, of at most 14 digits', { id: -1 }],
  ['status is none that is known', { status: 'lost' }],
  ['status is none that is known', { status: 'toString' }],
  ['priority is none that is known', { priority: 'D' }],
  ['score must be a number', { score: 'high' }],
  ['score must be a number', { score: [] }],
  ['docs_sent must be true or false', { docs_sent: 'perhaps' }],
  ['closed_at must be an ISO 8601 time', { closed_at: 'soon' }],
  ['created_at must be an ISO 8601 time', { created_at: '31.5.2024' }],
])('refuses: %s', (problem, value) => {
  expect(read(value)).toEqual({ row: 3, problem })
})

test('needs a practice name, and nothing else', () => {
  expect(readOldLead({ row: 1, value: { practice_name: 'Lakeside' } }, now)).toMatchObject({
    id: null,
    leadStatus: 'new',
    priority: 'medium',
    score: 75,
    owner: null,
    closedBy: null,
    docs: { docsSent: false, docsSentAt: null, docsSentBy: null },
    closing: { closedAt: null, closedByName: null, autoConverted: false, conversionReason: null },
    createdAt: now,
    updatedAt: now,
    warning: null,
  })
})

test('keeps texts as they are, odd ones too', () => {
  const long = '<b>'.repeat(300)
  expect(read({ owner_name: long, zip_code: 12345, npi: '0012', email: 'none', ein_tin: ' x ', created_by: 'ada' })).toMatchObject({
    texts: { practiceName: 'Lakeside', ownerName: long, zipCode: '12345', npi: '0012', email: 'none', einTin: ' x ', fax: null },
    createdByName: 'ada',
  })
})

test.each([
  ['new', 'new'],
  ['NEW', 'new'],
  ['Contacted', 'contacted'],
  ['qualified', 'qualified'],
  ['appointment_set', 'appointment_set'],
  ['SOLD', 'sold'],
  ['signed_up', 'signed_up'],
  ['closed_won', 'closed_won'],
  ['disposed', 'disposed'],
  ['closed_lost', 'closed_lost'],
  ['inactive_duplicate', 'inactive_duplicate'],
  ['assigned', 'new'],
  ['Recycled', 'new'],
  ['demo_scheduled', 'appointment_set'],
  ['', 'new'],
  [null, 'new'],
])('takes the status %j for %s', (status, expected) => {
  expect(read({ status })).toMatchObject({ leadStatus: expected })
})

test.each([
  ['A+', 'high'],
  ['A', 'high'],
  ['a', 'high'],
  ['B+', 'medium'],
  ['B', 'medium'],
  ['C', 'low'],
  ['HIGH', 'high'],
  ['medium', 'medium'],
  ['Low', 'low'],
  ['', 'medium'],
  [undefined, 'medium'],
])('takes the priority %j for %s', (priority, expected) => {
  expect(read({ priority })).toMatchObject({ priority: expected })
})

test.each(['sold', 'signed_up', 'CLOSED_WON'])('closes a %s lead without closed_at when it was updated last, else created', (status) => {
  const [created_at, updated_at] = ['2024-01-01T00:00:00Z', '2024-02-02T00:00:00']
  const closedAt = (value: Record<string, unknown>) => (read({ status, ...value }) as OldLead).closing.closedAt
  expect(closedAt({ created_at, updated_at, closed_at: '2024-01-15' })).toBe('2024-01-15T00:00:00.000Z')
  expect(closedAt({ created_at, updated_at })).toBe('2024-02-02T00:00:00.000Z')
  expect(closedAt({ created_at })).toBe('2024-01-01T00:00:00.000Z')
  expect(closedAt({})).toBe(now)
})

test('leaves a lead open that was not won, and keeps a closing time that it has', () => {
  expect(read({ status: 'disposed', updated_at: '2024-02-02' })).toMatchObject({ closing: { closedAt: null } })
  expect(read({ status: 'closed_lost', closed_at: '2024-02-02' })).toMatchObject({ closing: { closedAt: '2024-02-02T00:00:00.000Z' } })
})

test('rounds a score, with a warning, and keeps one out of range', () => {
  expect(read({ score: '87.5' })).toMatchObject({ score: 88, warning: 'score was rounded to a whole number' })
  expect(read({ score: 150 })).toMatchObject({ score: 150, warning: null })
  expect(read({ score: 0 })).toMatchObject({ score: 0 })
})

test('knows a lead without an id again by what it says, and by nothing else', () => {
  const legacyId = (value: object) => (readOldLead({ row: 1, value: { practice_name: 'A', ...value } }, now) as OldLead).legacyId
  expect(legacyId({ city: 'X', state: 'Y' })).toBe(legacyId({ state: 'Y', city: 'X' }))
  expect(legacyId({ city: 'X' })).not.toBe(legacyId({ city: 'Y' }))
  expect((read({}) as OldLead).legacyId).toBe('vantagepoint:7')
})

test('passes over item 0 only', () => {
  expect([0, '0', 1, undefined].map((id) => isCounter({ row: 1, value: { id } }))).toEqual([true, true, false, false])
  expect(isCounter({ row: 1, problem: 'is not JSON' })).toBe(false)
})
