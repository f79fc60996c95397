import { expect, test } from 'vitest'
import { type ImportedUser, readUser } from './read-user.ts'
import type { Values } from './rows.ts'

const hex = '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8'
const id = '01890a5d-ac96-774b-bcce-b302099a8057'

const read = (values: Partial<Values>) => readUser({ row: 3, line: 4, values: { username: 'ada', ...values } as Values })

test.each<[field: string, message: RegExp, values: Partial<Values>]>([
  ['username', /required/, { username: '' }],
  ['username', /required/, { username: undefined }],
  ['username', /required/, { username: '   ' }],
  ['username', /1 to 100/, { username: 'a b' }],
  ['username', /1 to 100/, { username: 'x'.repeat(101) }],
  ['username', /text/, { username: 7 }],
  ['username', /UTF-8/, { username: 'M\ufffdller' }],
  ['email', /look like/, { email: 'nowhere' }],
  ['email', /254/, { email: `${'x'.repeat(250)}@x.org` }],
  ['fullName', /200/, { fullName: 'x'.repeat(201) }],
  ['fullName', /no text/, { fullName: 'a\0b' }],
  ['role', /one of owner/, { role: 'platform_admin' }],
  ['role', /one of owner/, { role: 'agent' }],
  ['managerId', /id of a user/, { managerId: '17' }],
  ['passwordHash', /form/, { passwordHash: hex.slice(1) }],
  ['passwordHash', /template/, { passwordHash: hex, passwordSalt: 'x' }],
  ['passwordHash', /template/i, { passwordHash: `pbkdf2_sha256$1000$x$${Buffer.alloc(32).toString('base64')}`, passwordSalt: 'x' }],
  ['password', /4096/, { password: 'x'.repeat(4097) }],
  ['password', /text/, { password: 123456 }],
  ['isActive', /true or false/, { isActive: 'maybe' }],
  ['createdAt', /ISO 8601/, { createdAt: 'yesterday' }],
  ['number', /14 digits/, { number: '0' }],
])('refuses %s: %s', (field, message, values) => {
  expect(read(values)).toEqual({ problem: { field, message: expect.stringMatching(message) } })
})

test('never repeats a value: in a shifted row a password may stand anywhere', () => {
  const secret = 'correct horse battery'
  for (const field of ['username', 'email', 'role', 'managerId', 'passwordHash', 'isActive', 'createdAt', 'number'])
    expect(JSON.stringify(read({ [field]: secret }))).not.toContain(secret)
})

test('takes what is absent as not said', () => {
  const { row, line, ...user } = read({}) as ImportedUser
  expect([row, line]).toEqual([3, 4])
  expect(user).toEqual({
    username: 'ada',
    fold: 'ada',
    email: null,
    fullName: null,
    role: 'member',
    manager: null,
    secret: null,
    isActive: true,
    createdAt: null,
    number: null,
  })
})

test('takes blanks off everything but passwords and salts', () => {
  const values = {
    username: ' Ada ',
    email: ' a@x.org ',
    fullName: ' Ada L ',
    role: ' Manager ',
    isActive: ' ',
    createdAt: '  ',
    number: ' 7 ',
  }
  expect(read({ ...values, password: ' secret ' })).toMatchObject({
    username: 'Ada',
    fold: 'ada',
    email: 'a@x.org',
    fullName: 'Ada L',
    role: 'manager',
    isActive: true,
    createdAt: null,
    number: 7,
    secret: { kind: 'password', password: ' secret ' },
  })
})

test('takes a username of 1 and of 100 characters, of any script', () => {
  expect(read({ username: 'x' })).toMatchObject({ username: 'x' })
  expect(read({ username: 'x'.repeat(100) })).toMatchObject({ fold: 'x'.repeat(100) })
  expect(read({ username: 'ÄÖ.ü+1@Ж' })).toMatchObject({ fold: 'äö.ü+1@ж' })
})

test('prefers a hash to a password and an id to a name', () => {
  expect(read({ passwordHash: hex, password: 'x', managerId: id.toUpperCase(), manager: 'Bob' })).toMatchObject({
    secret: { kind: 'hash', stored: hex },
    manager: { id },
  })
  expect(read({ manager: ' Bob ' })).toMatchObject({ manager: { fold: 'bob' } })
})

test('takes salt and template into the stored form', () => {
  expect(read({ passwordHash: hex, passwordSalt: ' s ', passwordTemplate: '{password}{salt}' })).toMatchObject({
    secret: { kind: 'hash', stored: `sha256$suffix$ s $${hex}` },
  })
})
