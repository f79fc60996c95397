import { describe, expect, test } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import { defaultPolicy } from '../policy/policy.ts'
import type { Period } from './entity.ts'
import { assertBalance, assertFree, daysByYear, daysTaken, type Given, readRequest } from './rules.ts'

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'ok'
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

const asked: Given = { type: 'planned', startDate: '2026-12-21', endDate: '2026-12-23', reason: 'A wedding' }

describe('a request', () => {
  test.each([
    ['no kind', { type: undefined }, 'leave_type_invalid'],
    ['another kind', { type: 'Planned' }, 'leave_type_invalid'],
    ['a list of kinds', { type: ['planned'] }, 'leave_type_invalid'],
    ['another duration', { duration: 'hour' }, 'duration_invalid'],
    ['no date', { endDate: undefined }, 'date_invalid'],
    ['a date that there is not', { startDate: '2027-02-29' }, 'date_invalid'],
    ['another form of date', { startDate: '21-12-2026' }, 'date_invalid'],
    ['a time', { startDate: '2026-12-21T00:00:00Z' }, 'date_invalid'],
    ['its end before its start', { endDate: '2026-12-20' }, 'range_reversed'],
    ['half a day over two days', { duration: 'half_day', endDate: '2026-12-22' }, 'half_day_range'],
    ['367 days', { startDate: '2026-01-01', endDate: '2027-01-02' }, 'leave_too_long'],
    ['no reason', { reason: undefined }, 'validation_failed'],
    ['a reason that is no text', { reason: 7 }, 'validation_failed'],
    ['a reason that is too long', { reason: 'a'.repeat(1001) }, 'validation_failed'],
    // the first of several
    ['everything wrong', { type: 'x', duration: 'x', startDate: 'x' }, 'leave_type_invalid'],
    ['almost everything wrong', { duration: 'x', startDate: 'x' }, 'duration_invalid'],
  ])('is refused with %s', (_what, patch, code) => {
    expect(codeOf(() => readRequest({ ...asked, ...patch }))).toBe(code)
  })

  test.each(['planned', 'unplanned', 'sick', 'casual', 'emergency', 'personal'])('may be of the kind %s', (type) => {
    expect(readRequest({ ...asked, type }).leaveType).toBe(type)
  })

  test('counts calendar days, both ends in', () => {
    expect(readRequest(asked)).toEqual({
      leaveType: 'planned',
      duration: 'full_day',
      startDate: '2026-12-21',
      endDate: '2026-12-23',
      days: 3,
      reason: 'A wedding',
    })
    expect(readRequest({ ...asked, endDate: '2026-12-21' }).days).toBe(1)
    expect(readRequest({ ...asked, endDate: '2026-12-21', duration: 'half_day' }).days).toBe(0.5)
    expect(readRequest({ ...asked, startDate: '2026-01-01', endDate: '2027-01-01' }).days).toBe(366)
    expect(readRequest({ ...asked, reason: 'a'.repeat(1000), duration: null }).duration).toBe('full_day')
  })
})

const period = (startDate: string, endDate: string, days: number, leaveType: Period['leaveType'] = 'planned'): Period => ({
  leaveId: 'x',
  leaveType,
  startDate,
  endDate,
  days,
})

test('days overlap from the first they share to the last', () => {
  const taken = [period('2026-12-10', '2026-12-12', 3)]
  const free = (startDate: string, endDate: string) => codeOf(() => assertFree(taken, { startDate, endDate }))
  expect(free('2026-12-09', '2026-12-09')).toBe('ok')
  expect(free('2026-12-13', '2026-12-13')).toBe('ok')
  expect(free('2026-12-09', '2026-12-10')).toBe('leave_overlap')
  expect(free('2026-12-12', '2026-12-13')).toBe('leave_overlap')
  expect(free('2026-12-11', '2026-12-11')).toBe('leave_overlap')
  expect(free('2026-12-01', '2026-12-31')).toBe('leave_overlap')
})

test('days count in the year in which they are', () => {
  expect([...daysByYear({ startDate: '2026-12-30', endDate: '2027-01-03', days: 5 })]).toEqual([
    [2026, 2],
    [2027, 3],
  ])
  expect([...daysByYear({ startDate: '2026-12-31', endDate: '2026-12-31', days: 0.5 })]).toEqual([[2026, 0.5]])
  const taken = [
    period('2026-12-30', '2027-01-03', 5),
    period('2026-03-02', '2026-03-02', 0.5),
    period('2026-04-01', '2026-04-02', 2, 'sick'),
  ]
  expect(daysTaken(taken, 'planned', 2026)).toBe(2.5)
  expect(daysTaken(taken, 'planned', 2027)).toBe(3)
  expect(daysTaken(taken, 'sick', 2026)).toBe(2)
})

test('a balance is spent to the last half day and not further, in each year by itself', () => {
  const policy = { ...defaultPolicy, leaveDaysPerYear: { planned: 3 } }
  const taken = [period('2026-03-02', '2026-03-02', 0.5)]
  const ask = (startDate: string, endDate: string, more: Given = {}) =>
    codeOf(() => assertBalance(taken, readRequest({ ...asked, startDate, endDate, ...more }), policy))
  expect(ask('2026-12-01', '2026-12-02')).toBe('ok')
  expect(ask('2026-12-01', '2026-12-03')).toBe('leave_balance')
  expect(ask('2026-12-01', '2026-12-01', { duration: 'half_day' })).toBe('ok')
  expect(ask('2026-12-30', '2027-01-03')).toBe('ok')
  expect(ask('2026-12-29', '2027-01-01')).toBe('leave_balance')
  expect(ask('2026-12-30', '2027-01-04')).toBe('leave_balance')
  expect(ask('2026-01-01', '2026-12-31', { type: 'sick' })).toBe('ok')
})
