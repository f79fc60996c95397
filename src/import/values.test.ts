import { expect, test } from 'vitest'
import { highestNumber, isDamaged, readBoolean, readNumber, readTime } from './values.ts'

test.each(['maybe', '2', 'ja', 'truee', 2, {}, []])('refuses %j as a boolean', (value) => {
  expect(readBoolean(value)).toBeUndefined()
})

test.each([
  [true, true],
  [false, false],
  ['TRUE', true],
  [' False ', false],
  ['1', true],
  [0, false],
  ['y', true],
  ['No', false],
])('reads %j as a boolean', (value, expected) => {
  expect(readBoolean(value)).toBe(expected)
})

test.each([0, -1, 1.5, highestNumber + 1, '0', '-1', '1e3', '1.0', '100000000000000', '', 'x', true, null, Number.NaN])(
  'refuses %j as a number',
  (value) => {
    expect(readNumber(value)).toBeUndefined()
  },
)

test.each([
  [1, 1],
  ['1', 1],
  [' 42 ', 42],
  ['007', 7],
  [highestNumber, highestNumber],
  [String(highestNumber), highestNumber],
])('reads %j as a number', (value, expected) => {
  expect(readNumber(value)).toBe(expected)
})

test.each([
  '',
  'yesterday',
  '2024',
  '2024-05',
  '31.05.2024',
  '05/31/2024',
  '2024-02-30',
  '2023-02-29T10:00:00Z',
  '2024-13-01',
  '2024-05-31T25:00:00Z',
  '2024-05-31T10:60:00Z',
  '2024-05-31T10:00:00+25:99',
  Number.NaN,
  1e30,
  null,
  true,
])('refuses %j as a time', (value) => {
  expect(readTime(value)).toBeUndefined()
})

test.each([
  ['2024-05-31T12:30:15.250Z', '2024-05-31T12:30:15.250Z'],
  ['2024-05-31T12:30:15', '2024-05-31T12:30:15.000Z'], // no zone means UTC
  ['2024-05-31 12:30:15.123456', '2024-05-31T12:30:15.123Z'], // as Python writes it
  ['2024-05-31T12:30', '2024-05-31T12:30:00.000Z'],
  ['2024-05-31', '2024-05-31T00:00:00.000Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['2024-05-31T12:30:15+02:00', '2024-05-31T10:30:15.000Z'],
  ['2024-05-31T12:30:15-0530', '2024-05-31T18:00:15.000Z'],
  ['2024-05-31t12:30:15z', '2024-05-31T12:30:15.000Z'],
  [1_717_158_615, '2024-05-31T12:30:15.000Z'],
  [1_717_158_615_250, '2024-05-31T12:30:15.250Z'],
])('reads %j as a time', (value, expected) => {
  expect(readTime(value)).toBe(expected)
})

test.each(['a\0b', 'M\ufffdller', '\ud800'])('finds that %j is damaged', (text) => {
  expect(isDamaged(text)).toBe(true)
})

test.each(['', 'Müller 🌱', 'a\tb\nc', '<b>'])('finds nothing wrong with %j', (text) => {
  expect(isDamaged(text)).toBe(false)
})
