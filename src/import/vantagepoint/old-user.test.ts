import { expect, test } from 'vitest'
import { readOldUser } from './old-user.ts'

const hex = '5E884898DA28047151D0E56F8DC6292773603D0D6AABBDD62A11EF721D1542D8'
const user = { id: 7, username: 'Ada', role: 'agent' }
const read = (value: Record<string, unknown>) => readOldUser({ row: 3, value: { ...user, ...value } })

test.each<[problem: string, value: Record<string, unknown>]>([
  ['username is required', { username: undefined }],
  ['username is required', { username: '' }],
  ['username is required', { username: '  ' }],
  ['username must be a text', { username: ['x'] }],
  ['username holds control characters', { username: 'a\tb' }],
  ['username holds characters that are no text', { username: 'a\0b' }],
  ['username has more than 200 characters', { username: 'x'.repeat(201) }],
  ['role is required', { role: undefined }],
  ['role is required', { role: ' ' }],
  ['role must be admin, manager or agent', { role: 'owner' }],
  ['role must be admin, manager or agent', { role: 'member' }],
  ['role must be admin, manager or agent', { role: 'constructor' }],
  ['id must be a whole number from 1, of at most 14 digits', { id: 0 }],
  ['id must be a whole number from 1, of at most 14 digits', { id: 1.5 }],
  ['id must be a whole number from 1, of at most 14 digits', { id: 'abc' }],
  ['password_hash must be 64 hexadecimal digits', { password_hash: hex.slice(1) }],
  ['password_hash must be 64 hexadecimal digits', { password_hash: `${hex}0` }],
  ['password_hash must be 64 hexadecimal digits', { password_hash: `${hex.slice(1)}g` }],
  ['password_hash must be 64 hexadecimal digits', { password_hash: ` ${hex}` }],
  ['password_hash must be 64 hexadecimal digits', { password_hash: '$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' }],
  ['is_active must be true or false', { is_active: 'perhaps' }],
  ['created_at must be an ISO 8601 time', { created_at: 'long ago' }],
  ['email must be a text', { email: { a: 1, b: 2 } }],
])('refuses: %s', (problem, value) => {
  expect(read(value)).toEqual({ row: 3, problem })
})

test('passes on what is wrong with the item itself', () => {
  expect(readOldUser({ row: 3, problem: 'is not JSON' })).toEqual({ row: 3, problem: 'is not JSON' })
})

test('keeps what it is told, and takes the rest as not said', () => {
  expect(read({})).toEqual({
    row: 3,
    id: 7,
    legacyId: 'vantagepoint:7',
    username: 'Ada',
    fold: 'ada',
    role: 'member',
    email: null,
    fullName: null,
    isActive: true,
    createdAt: null,
    manager: null,
    secret: null,
  })
  expect(
    read({
      id: '17',
      username: 'Zoë Smith <z>',
      role: 'MANAGER',
      email: 'not an address',
      full_name: 'Zoë',
      is_active: false,
      created_at: '2024-05-31T10:00:00.123456',
      manager_id: '4',
      password_hash: hex,
      password: 'ignored',
    }),
  ).toMatchObject({
    id: 17,
    legacyId: 'vantagepoint:17',
    username: 'Zoë Smith <z>',
    role: 'manager',
    email: 'not an address',
    isActive: false,
    createdAt: '2024-05-31T10:00:00.123Z',
    manager: 4,
    secret: { kind: 'hash', stored: hex },
  })
})

test('takes a plain password where there is no digest', () => {
  expect(read({ password: ' pa<ss ', password_hash: '' })).toMatchObject({ secret: { kind: 'password', password: ' pa<ss ' } })
  expect(read({ password: 1234, password_hash: null })).toMatchObject({ secret: { kind: 'password', password: '1234' } })
  expect(read({ password: '' })).toMatchObject({ secret: null })
})

test('takes a plain password up to the length of any text, which every sign-in takes too', () => {
  const long = 'x'.repeat(10_000)
  expect(read({ password: long })).toMatchObject({ secret: { kind: 'password', password: long } })
  expect(read({ password: `${long}x` })).toMatchObject({ problem: 'password has more than 10000 characters' })
})

test('knows an item without an id again by its name', () => {
  expect(read({ id: undefined })).toMatchObject({ id: null, legacyId: 'vantagepoint:name:ada' })
})

test.each([
  [null, null],
  ['', null],
  [0, null],
  ['0', null],
  [4, 4],
  ['x', 'unreadable'],
  [-1, 'unreadable'],
])('reads the reference %j as %j', (given, expected) => {
  expect(read({ manager_id: given })).toMatchObject({ manager: expected })
})
