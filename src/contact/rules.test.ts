import { describe, expect, test } from 'vitest'
import { groups, handoutSort, isIn, type LeadStatus, leadStatuses, rate, readPriority, readStatus, withStatus } from './rules.ts'

const by = { id: 'u-1', name: 'ann', now: '2026-03-01T08:00:00.000Z' }
const sale = { closedAt: by.now, closedById: 'u-1', closedByName: 'ann' }
const cleared = { closedAt: null, closedById: null, closedByName: null, autoConverted: false, conversionReason: null }
const of = (leadStatus: LeadStatus, docsSent = false) => ({ leadStatus, docsSent })

describe('words', () => {
  test('are read in any case, and others not at all', () => {
    expect(readStatus('SIGNED_Up')).toBe('signed_up')
    expect(readPriority('High')).toBe('high')
    for (const word of ['', ' new', 'new ', 'won', 'assigned', 'toString']) expect(readStatus(word)).toBeNull()
    for (const word of ['', 'urgent', 'A']) expect(readPriority(word)).toBeNull()
  })

  test('fall into the groups of the contract', () => {
    const members = (group: keyof typeof groups) => leadStatuses.filter((status) => isIn(group, status))
    expect(members('active')).toEqual(['contacted', 'qualified', 'appointment_set'])
    expect(members('won')).toEqual(['sold', 'signed_up', 'closed_won'])
    expect(members('signedUp')).toEqual(['sold', 'signed_up', 'closed_won', 'disposed'])
    expect(members('closed')).toEqual(['sold', 'signed_up', 'closed_won', 'disposed', 'closed_lost'])
    expect(members('handedOut')).toEqual(['new', 'contacted', 'qualified', 'appointment_set'])
    expect(leadStatuses.filter((status) => !isIn('visible', status))).toEqual(['inactive_duplicate'])
    expect(isIn('visible', null)).toBe(false)
  })
})

describe('setting a status', () => {
  test('enters won from outside as a sale of who did it, also on a new lead', () => {
    for (const won of groups.won) {
      expect(withStatus(null, won, by)).toEqual({ leadStatus: won, ...sale, autoConverted: false, conversionReason: 'manual' })
      for (const before of leadStatuses.filter((status) => !isIn('won', status)))
        expect(withStatus(of(before), won, by)).toEqual({ leadStatus: won, ...sale, autoConverted: false, conversionReason: 'manual' })
    }
  })

  test('moves within won and outside it without touching the sale', () => {
    for (const before of groups.won)
      for (const won of groups.won) expect(withStatus(of(before, true), won, by)).toEqual({ leadStatus: won })
    expect(withStatus(of('new'), 'qualified', by)).toEqual({ leadStatus: 'qualified' })
    expect(withStatus(null, 'new', by)).toEqual({ leadStatus: 'new' })
  })

  test('leaves won by taking the sale back, with sent documents too', () => {
    for (const before of groups.won)
      for (const after of leadStatuses.filter((status) => !isIn('won', status)))
        expect(withStatus(of(before, true), after, by)).toEqual({ leadStatus: after, ...cleared })
  })

  test('makes a sale of a lead that is put away after its documents went out, and of no other', () => {
    for (const away of ['disposed', 'closed_lost'] as const) {
      expect(withStatus(of('contacted', true), away, by)).toEqual({
        leadStatus: 'closed_won',
        ...sale,
        autoConverted: true,
        conversionReason: 'docs_sent_and_disposed',
      })
      expect(withStatus(of('contacted'), away, by)).toEqual({ leadStatus: away })
      expect(withStatus(null, away, by)).toEqual({ leadStatus: away })
    }
    expect(withStatus(of('contacted', true), 'inactive_duplicate', by)).toEqual({ leadStatus: 'inactive_duplicate' })
  })
})

describe('the queue for hand-out', () => {
  const lead = { number: 7, leadStatus: 'new' as LeadStatus | null, ownerId: null as string | null, practiceName: 'Elm Dental', score: 80 }
  const place = (fields: Partial<typeof lead> = {}) => handoutSort({ ...lead, ...fields })

  test('puts the higher score first, and the lower number on a tie', () => {
    const places = [
      place({ score: 100, number: 9 }),
      place({ score: 99, number: 3 }),
      place({ score: 99, number: 12 }),
      place({ score: 9, number: 1 }),
      place({ score: 0, number: 2 }),
    ]
    expect([...places].sort()).toEqual(places)
  })

  test('holds unassigned leads that are new or active, and no others', () => {
    for (const status of leadStatuses) expect(place({ leadStatus: status }) !== null).toBe(isIn('handedOut', status))
    expect(place({ leadStatus: null })).toBeNull()
    expect(place({ ownerId: 'u-1' })).toBeNull()
  })

  test('passes over names that are empty or hold a placeholder as a whole word', () => {
    for (const practiceName of ['', '   ', 'Test', 'A TEST practice', 'unknown', 'Fake-Dental', 'Demo.', '(sample)', 'PLACEHOLDER 1'])
      expect(place({ practiceName })).toBeNull()
    for (const practiceName of ['Testa Dental', 'Contest', 'Demos', 'Unknowns', 'Samples & Co', 'Dr. Fakes', 'Tést'])
      expect(place({ practiceName })).not.toBeNull()
    expect(handoutSort({ ...lead, practiceName: null })).toBeNull()
  })
})

test('a rate has one decimal, rounds half up, and is 0 of nothing', () => {
  expect(rate(1, 3)).toBe(33.3)
  expect(rate(2, 3)).toBe(66.7)
  expect(rate(1, 16)).toBe(6.3) // 6.25
  expect(rate(1, 2000)).toBe(0.1) // 0.05
  expect(rate(1, 2001)).toBe(0)
  expect(rate(5, 5)).toBe(100)
  expect(rate(0, 0)).toBe(0)
})
