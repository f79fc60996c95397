import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { passwordProblem } from './password-rules.ts'

const nobody = { own: [] }
const list = gunzipSync(readFileSync(new URL('./common-passwords.txt.gz', import.meta.url))).toString()

test.each<[what: string, password: string]>([
  ['nothing', ''],
  ['eleven characters', 'kT7!vbq-zLm'],
  ['eleven characters of which one is written with two code points', 'kT7!vbq-zLe\u0301'],
  ['eleven characters outside the basic plane, 22 code units', '🌵🦉🍋🧭🪁🛶🎻🧩🪐🦔🍄'],
  ['1,025 characters', `kT7!${'vbq-zLmw'.repeat(127)}vbqzL`],
])('refuses %s for its length', (_what, password) => {
  expect(passwordProblem(password, nobody)).toBe('length')
})

test('accepts 12 and 1,024 characters, and the length a tenant asks for instead of 12', () => {
  const long = Array.from({ length: 256 }, (_, i) => `${i.toString(36).padStart(2, 'q')}-w`).join('')
  expect(passwordProblem('kT7!vbq-zLmw', nobody)).toBeNull()
  expect(passwordProblem('🌵🦉🍋🧭🪁🛶🎻🧩🪐🦔🍄🌊', nobody)).toBeNull()
  expect(long).toHaveLength(1024)
  expect(passwordProblem(long, nobody)).toBeNull()
  expect(passwordProblem('kT7!vbq-zLmwRd', { minLength: 15, own: [] })).toBe('length')
  expect(passwordProblem('kT7!vbq-zLmwRdp', { minLength: 15, own: [] })).toBeNull()
})

test('refuses each of at least 10,000 common passwords of 12 characters and more, in any case', () => {
  const passwords = (list.split('\n\n')[1] ?? '').trim().split('\n')
  expect(new Set(passwords).size).toBeGreaterThanOrEqual(10_000)
  for (const password of passwords) {
    expect([...password].length).toBeGreaterThanOrEqual(12)
    expect(passwordProblem(password, nobody)).toBe('common')
    expect(passwordProblem(password.toUpperCase(), nobody)).toBe('common')
  }
})

test.each([
  'password1234',
  'PASSWORD1234',
  '123456789012',
  '1q2w3e4r5t6y',
  'qwertyuiop12',
  'passwordpassword',
  'Password2024!',
  'Welcome-2026!!',
  'P@ssw0rd1234',
  'p455w0rd123456',
  'letmein12345',
  'we1come12345',
  'changeme1234',
  'iloveyou12345',
  '!!sunshine1111',
  'qwertyuiop[]',
  "asdfghjkl;'a",
  '!@#$%^&*()_+',
  '(*&^%$#@!!@#$',
  'abcdefghijklm',
  'zyxwvutsrqpo',
  'aaaaaaaaaaaa',
  'abc1abc1abc1',
  'x7Kq9Zx7Kq9Z',
  '210987654321',
  'qwertyuioplkjhgfdsa',
  'administrator',
])('refuses the common password "%s"', (password) => {
  expect(passwordProblem(password, nobody)).toBe('common')
})

test.each([
  'correct horse battery staple',
  'kelp-violin-basket-thunder',
  'Kaffee um halb neun',
  'Tr0ub4dor&3-and-more',
  'summer breeze over jasmine',
  'dragonfly-lantern-42',
  'password-of-a-hedgehog',
  'xk2q9fh3vb7m',
  'Test-Vector-1-Test',
  '日本語のながいパスワード',
  '7f3a9c1e5b2d',
])('accepts "%s"', (password) => {
  expect(passwordProblem(password, { own: ['owner', 'Ada Lovelace', 'ada@example.com', 'Acme Ltd'] })).toBeNull()
})

test('never refuses random characters', () => {
  for (let i = 0; i < 20_000; i++) expect(passwordProblem(randomBytes(9).toString('base64url'), nobody)).toBeNull()
})

test('never refuses a passphrase of four random words', () => {
  const words =
    'acorn basil cedar dragon ember fable ginger hazel igloo jacket kettle lemon monkey nectar ' +
    'orchid password quartz river summer thistle umbra velvet winter yarrow zephyr'
  const word = fc.constantFrom(...words.split(' '))
  const words4 = fc.uniqueArray(word, { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(words4, fc.constantFrom('', ' ', '-', '.'), fc.integer({ min: 0, max: 9999 }), (phrase, between, number) => {
      expect(passwordProblem(phrase.join(between), nobody)).toBeNull()
      expect(passwordProblem(phrase.join(between) + number, nobody)).toBeNull()
    }),
  )
})

test.each<[what: string, password: string, own: string[]]>([
  ['the username', 'xx-jdoe-kelp-violin', ['jdoe']],
  ['the username in another case', 'xx-JDOE-kelp-violin', ['jdoe']],
  ['a capital username', 'xx-jdoe-kelp-violin', ['JDoe']],
  ['the whole name without its blank', 'kelp-GraceHopper', ['Grace Hopper']],
  ['two short names run together', 'kelp-anli-violin', ['An Li']],
  ['the e-mail', 'grace@navy.mil-kelp', ['Grace@navy.mil']],
  ['the local part of the e-mail', 'kelp-g.hopper-violin', ['g.hopper@navy.mil']],
  ['the organisation', 'kelp acme ltd violin', ['Acme Ltd']],
  ['an accent spelled another way', 'kelp-jose\u0301e-violin', ['jos\u00e9e']],
  ['its own username and nothing else', 'wanda.the.fisher', ['wanda.the.fisher']],
  ['its own e-mail and nothing else', 'wanda@fisher.example', ['wanda@fisher.example']],
])('refuses %s in a password', (_what, password, own) => {
  expect(passwordProblem(password, { own })).toBe('own')
})

test('a single word of a name or organisation is no value of one’s own: everyday words would be refused', () => {
  expect(passwordProblem('another kelp violin', { own: ['Other People Ltd', 'Grace Hopper'] })).toBeNull()
  expect(passwordProblem('kelp-grace-violin', { own: ['Grace Hopper'] })).toBeNull()
})

test('own values of three characters are refused as the whole password only, and empty ones never', () => {
  expect(passwordProblem('kelp-ada-violin', { own: ['ada', '', ' ', 'al@b'] })).toBeNull()
  expect(passwordProblem('kT7', { minLength: 3, own: ['kt7'] })).toBe('own')
})

test('names the first problem: length, then common, then own', () => {
  expect(passwordProblem('jdoe', { own: ['jdoe'] })).toBe('length')
  expect(passwordProblem('password1234', { own: ['password'] })).toBe('common')
})
