import { expect, test } from 'vitest'
import { firstOutOfOrder } from './input.ts'
import { defaultPolicy } from './policy.ts'
import { datesFrom, daysAfter, daysBetween, isTimeZone, localTime, midnightAfter, twelveHours, weekdayOf, zonedTime } from './time.ts'

const at = (text: string) => Date.parse(text)

test.each([
  ['2026-11-26T04:30:00.999Z', 'Asia/Kolkata', '2026-11-26', '10:00:00'],
  ['2026-11-26T04:30:01.000Z', 'Asia/Kolkata', '2026-11-26', '10:00:01'],
  ['2026-11-26T18:29:59.999Z', 'Asia/Kolkata', '2026-11-26', '23:59:59'],
  ['2026-11-26T18:30:00.000Z', 'Asia/Kolkata', '2026-11-27', '00:00:00'],
  ['2026-11-26T04:59:59.999Z', 'America/New_York', '2026-11-25', '23:59:59'],
  // the clocks of summer and winter
  ['2026-03-29T00:59:59.000Z', 'Europe/Berlin', '2026-03-29', '01:59:59'],
  ['2026-03-29T01:00:00.000Z', 'Europe/Berlin', '2026-03-29', '03:00:00'],
  ['2026-10-25T00:59:59.000Z', 'Europe/Berlin', '2026-10-25', '02:59:59'],
  ['2026-10-25T01:00:00.000Z', 'Europe/Berlin', '2026-10-25', '02:00:00'],
  ['2026-11-26T12:00:00.000Z', 'Asia/Kathmandu', '2026-11-26', '17:45:00'],
  ['2026-11-26T12:00:00.000Z', 'UTC', '2026-11-26', '12:00:00'],
])('%s is, in %s, %s %s', (moment, zone, date, time) => {
  expect(localTime(at(moment), zone)).toEqual({ date, time })
})

test('a time with its offset names the same moment', () => {
  for (const zone of ['Asia/Kolkata', 'America/New_York', 'Europe/Berlin', 'UTC']) {
    const ms = at('2026-11-26T04:30:00.250Z')
    expect(Date.parse(zonedTime(ms, zone))).toBe(ms)
  }
  expect(zonedTime(at('2026-11-26T04:30:00.250Z'), 'Asia/Kolkata')).toBe('2026-11-26T10:00:00.250+05:30')
})

test('a zone must be one that there is', () => {
  for (const zone of ['Asia/Kolkata', 'Europe/Berlin', 'UTC']) expect(isTimeZone(zone), zone).toBe(true)
  for (const zone of ['', 'Mars/Olympus', 'Asia/Kolkata ', '+05:30', '5', 'constructor']) expect(isTimeZone(zone), zone).toBe(false)
})

test('days of the week and of the calendar', () => {
  expect(['2026-11-29', '2026-11-30', '2028-02-29'].map(weekdayOf)).toEqual([0, 1, 2])
  expect(daysAfter('2028-02-28', 1)).toBe('2028-02-29')
  expect(daysAfter('2026-02-28', 1)).toBe('2026-03-01')
  expect(daysBetween('2026-01-01', '2026-12-31')).toBe(364)
  expect(daysBetween('2028-01-01', '2028-12-31')).toBe(365)
  expect([...datesFrom('2026-12-30', '2027-01-02')]).toEqual(['2026-12-30', '2026-12-31', '2027-01-01', '2027-01-02'])
  expect([...datesFrom('2026-12-30', '2026-12-29')]).toEqual([])
})

test.each([
  ['00:00', '12:00 AM'],
  ['00:59:59', '12:59 AM'],
  ['09:45:10', '09:45 AM'],
  ['11:59', '11:59 AM'],
  ['12:00', '12:00 PM'],
  ['13:00', '01:00 PM'],
  ['23:59', '11:59 PM'],
])('%s is %s', (time, said) => {
  expect(twelveHours(time)).toBe(said)
})

test('times of a policy rise, each above the one before', () => {
  expect(firstOutOfOrder(defaultPolicy)).toBeNull()
  expect(firstOutOfOrder({ ...defaultPolicy, lateUntil: '10:01' })).toBeNull()
  expect(firstOutOfOrder({ ...defaultPolicy, lateUntil: '10:00' })).toBe('lateUntil')
  expect(firstOutOfOrder({ ...defaultPolicy, checkOutUntil: '18:00' })).toBe('checkOutUntil')
  expect(firstOutOfOrder({ ...defaultPolicy, halfDayUntil: '18:00' })).toBe('checkOutFrom')
})

test.each([
  ['2026-11-26T04:30:00.999Z', 'Asia/Kolkata', '2026-11-26T18:30:00.000Z'],
  ['2026-11-26T18:29:59.999Z', 'Asia/Kolkata', '2026-11-26T18:30:00.000Z'],
  ['2026-11-26T18:30:00.000Z', 'Asia/Kolkata', '2026-11-27T18:30:00.000Z'],
  // days of 25 and of 23 hours
  ['2026-10-24T22:00:00.000Z', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
  ['2026-03-28T23:00:00.000Z', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
  ['2026-11-26T12:00:00.000Z', 'UTC', '2026-11-27T00:00:00.000Z'],
])('after %s the next day begins, in %s, at %s', (moment, zone, next) => {
  expect(new Date(midnightAfter(at(moment), zone)).toISOString()).toBe(next)
})
