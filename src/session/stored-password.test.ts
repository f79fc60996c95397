import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseImportedHash, readStored, schemeOf, truncates } from './stored-password.ts'

const hex = '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8'
const salt22 = 'CCCCCCCCCCCCCCCCCCCCC.'
const digest31 = 'E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const b32 = Buffer.alloc(32, 1).toString('base64')
const b64 = Buffer.alloc(64, 1).toString('base64')
const raw32 = b32.replace('=', '')
const phc = (parameters: string, salt = 'c29tZXNhbHQ', tag = raw32) => `$argon2id$v=19$${parameters}$${salt}$${tag}`
const scrypt = (parameters: string, digest = raw32) => `$scrypt$${parameters}$c2FsdA$${digest}`

test.each<[problem: RegExp, text: string]>([
  [/form/, ''],
  [/form/, 'password'],
  [/form/, hex.slice(1)],
  [/form/, `${hex}0`],
  [/form/, `${hex.slice(1)}g`],
  [/form/, ` ${hex}`],
  [/form/, `${hex}\n`],
  [/form/, '5f4dcc3b5aa765d61d8327deb882cf99'], // MD5
  [/form/, 'sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8'],
  [/form/, `sha256$prefix$$${hex}`],
  [/form/, `sha256$middle$salt$${hex}`],
  [/form/, `sha256$prefix$salt$${hex.slice(1)}`],
  [/form/, 'sha256$prefix$salt$'],
  [/form/, `pbkdf2_sha1$1000$salt$${b32}`],
  [/form/, `pbkdf2_sha256$0$salt$${b32}`],
  [/form/, `pbkdf2_sha256$-1$salt$${b32}`],
  [/form/, `pbkdf2_sha256$1e3$salt$${b32}`],
  [/form/, `pbkdf2_sha256$1000$$${b32}`],
  [/form/, 'pbkdf2_sha256$1000$salt$'],
  [/iterations/, `pbkdf2_sha256$10000001$salt$${b32}`],
  [/iterations/, `pbkdf2_sha256$${'9'.repeat(400)}$salt$${b32}`],
  [/32 bytes/, `pbkdf2_sha256$1000$salt$${raw32}`],
  [/32 bytes/, `pbkdf2_sha256$1000$salt$${b64}`],
  [/32 bytes/, `pbkdf2_sha256$1000$salt$${b32}$more`],
  [/32 bytes/, `pbkdf2_sha256$1000$salt$${b32.replace('E=', 'F=')}`],
  [/form/, `$2x$05$${salt22}${digest31}`],
  [/form/, `$2$05$${salt22}${digest31}`],
  [/form/, `$2b$5$${salt22}${digest31}`],
  [/form/, `$2b$05$${salt22}${digest31.slice(1)}`],
  [/form/, `$2b$05$${salt22}`],
  [/form/, `$2b$05$${salt22}${digest31}x`],
  [/cost/, `$2b$03$${salt22}${digest31}`],
  [/cost/, `$2b$17$${salt22}${digest31}`],
  [/cost/, `$2b$31$${salt22}${digest31}`],
  [/form/, scrypt('r=8,ln=14,p=1')],
  [/form/, scrypt('ln=0,r=8,p=1')],
  [/form/, scrypt('ln=14,r=8,p=1', '')],
  [/256 MiB/, scrypt('ln=19,r=8,p=1')],
  [/256 MiB/, scrypt('ln=99,r=8,p=1')],
  [/256 MiB/, scrypt('ln=18,r=8,p=5')],
  [/base64/, scrypt('ln=14,r=8,p=1', 'AAAA')],
  [/base64/, scrypt('ln=14,r=8,p=1', raw32.replace(/E$/, 'F'))],
  [/base64/, `$scrypt$ln=14,r=8,p=1$A$${raw32}`],
  [/power of two/, `scrypt$16383$salt$8$1$${b64}`],
  [/power of two/, `scrypt$1$salt$8$1$${b64}`],
  [/base64/, `scrypt$16384$salt$8$1$${b64}=`],
  [/form/, `scrypt$16384$salt$8$0$${b64}`],
  [/form/, '$argon2id$v=19$m=19456,t=2$c29tZXNhbHQ$AAAA'],
  [/form/, '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ'],
  [/form/, phc('m=19456,t=2,p=1,keyid=AAAA')],
  [/form/, phc('m=19456,t=0,p=1')],
  [/version/, phc('m=19456,t=2,p=1').replace('19', '20')],
  [/1 GiB/, phc('m=1048577,t=1,p=1')],
  [/1 GiB/, phc('m=1048576,t=5,p=1')],
  [/lane/, phc('m=15,t=1,p=2')],
  [/lane/, phc('m=19456,t=1,p=65')],
  [/salt/, phc('m=19456,t=2,p=1', 'c29tZXM')],
  [/salt/, phc('m=19456,t=2,p=1', 'A'.repeat(87))],
  [/salt/, phc('m=19456,t=2,p=1', 'c29tZXNhbHR')], // bits left over
  [/tag/, phc('m=19456,t=2,p=1', 'c29tZXNhbHQ', 'AAAAAAAAAAAAAAAAAAAA')],
  [/tag/, phc('m=19456,t=2,p=1', 'c29tZXNhbHQ', 'A'.repeat(87))],
  [/form/, `argon2$argon2$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$${raw32}`],
  [/form/, `argon2id(sha1)$${phc('m=19456,t=2,p=1')}`],
  [/form/, `argon2id(sha256)$${hex}`],
  [/form/, `argon2id(sha256)$${hex}${phc('m=19456,t=2,p=1')}`],
  [/form/, `argon2id(bcrypt)$pbkdf2_sha256$1000$salt$${phc('m=19456,t=2,p=1')}`],
  [/iterations/, `argon2id(pbkdf2_sha256)$pbkdf2_sha256$10000001$salt$${phc('m=19456,t=2,p=1')}`],
  [/1 GiB/, `argon2id(sha256)$${phc('m=1048577,t=1,p=1')}`],
  [/1024 characters/, `!${'x'.repeat(1024)}`],
])('refuses with a sentence about %s: %s', (problem, text) => {
  expect(parseImportedHash(text)).toEqual({ problem: expect.stringMatching(problem) })
})

test.each<[scheme: string, text: string]>([
  ['sha256', hex],
  ['sha256', hex.toUpperCase()],
  ['sha256-salted', `sha256$prefix$salt$${hex}`],
  ['sha256-salted', `sha256$suffix$a$b $${hex}`],
  ['pbkdf2_sha256', `pbkdf2_sha256$1$s$${b32}`],
  ['pbkdf2_sha256', `pbkdf2_sha256$10000000$salt$${b32}`],
  ['bcrypt', `$2a$04$${salt22}${digest31}`],
  ['bcrypt', `$2b$16$${salt22}${digest31}`],
  ['bcrypt', `$2y$05$${salt22}${digest31}`],
  ['bcrypt', `bcrypt$$2b$12$${salt22}${digest31}`],
  ['scrypt', scrypt('ln=1,r=8,p=1')],
  ['scrypt', scrypt('ln=18,r=8,p=4')],
  ['scrypt', `scrypt$16384$salt$8$5$${b64}`],
  ['argon2id', 'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
  ['argon2i', 'argon2$argon2i$v=19$m=512,t=2,p=2$MktOZjRsaTBNWnVp$/s1VqdEUfHOPKJyIokwa2A'],
  ['argon2d', `argon2$argon2d$m=16,t=262144,p=2$c29tZXNhbHQ$${raw32}`],
  ['argon2id', `argon2$argon2id$v=19$m=1048576,t=4,p=64$c29tZXNhbHQ$${raw32}`],
  ['argon2id(sha256)', `argon2id(sha256)$${phc('m=19456,t=2,p=1')}`],
  ['argon2id(sha256-salted)', `argon2id(sha256-salted)$sha256$prefix$a$argon2id$v=19$b$${phc('m=19456,t=2,p=1')}`],
  ['none', '!'],
  ['none', '!Zm9vYmFy'],
])('takes %s byte for byte: %s', (scheme, text) => {
  expect(parseImportedHash(text)).toEqual({ stored: text })
  expect(schemeOf(text)).toBe(scheme)
})

test('marks a bare argon2 hash as made elsewhere', () => {
  const text = phc('m=19456,t=2,p=1')
  expect(parseImportedHash(text)).toEqual({ stored: `argon2${text}` })
  expect(readStored(text)).toMatchObject({ kind: 'argon2', madeHere: true })
  expect(readStored(`argon2${text}`)).toMatchObject({ kind: 'argon2', madeHere: false })
})

test.each([
  ['a salt without a template', hex, { salt: 'abc' }],
  ['a template without the password', hex, { salt: 'abc', template: '{salt}' }],
  ['a template with the password twice', hex, { salt: 'abc', template: '{password}{salt}{password}' }],
  ['a template without the salt', hex, { salt: 'abc', template: '{password}' }],
  ['a template with the salt twice', hex, { salt: 'abc', template: '{salt}{salt}{password}' }],
  ['text on both sides of the password', hex, { salt: 'abc', template: '{salt}{password}!' }],
  ['a salt beside a hash that has its own', `pbkdf2_sha256$1000$salt$${b32}`, { salt: 'abc', template: '{salt}{password}' }],
  ['a salted digest that is not hex', `${hex.slice(1)}g`, { salt: 'abc', template: '{salt}{password}' }],
])('refuses %s', (_what, text, hint) => {
  expect(parseImportedHash(text, hint)).toEqual({ problem: expect.any(String) })
})

test.each([
  [{ salt: 'abc', template: '{salt}{password}' }, `sha256$prefix$abc$${hex}`],
  [{ salt: 'abc', template: '{password}{salt}' }, `sha256$suffix$abc$${hex}`],
  [{ salt: 'a$&$1', template: 'x:{salt}:{password}' }, `sha256$prefix$x:a$&$1:$${hex}`],
  [{ template: '{password}pepper' }, `sha256$suffix$pepper$${hex}`],
  [{ template: '{password}' }, hex],
  [{ salt: '' }, hex],
  [{}, hex],
])('reads a digest with the hint %j', (hint, stored) => {
  expect(parseImportedHash(hex, hint)).toEqual({ stored })
})

test('any text is either refused with a sentence or stored as something that can be read again', () => {
  const parts = fc.constantFrom(
    ...[
      '$',
      '$2b$',
      'sha256',
      'prefix',
      '05',
      hex,
      b32,
      'argon2id',
      'argon2',
      'v=19',
      'm=8,t=1,p=1',
      '(',
      ')',
      '!',
      salt22 + digest31,
      'é',
    ],
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(parts, fc.string({ maxLength: 3 })), { maxLength: 8 }), (pieces) => {
      const answer = parseImportedHash(pieces.join(''))
      if ('problem' in answer) expect(answer.problem).toMatch(/^[A-Z].*\.$/)
      else expect(schemeOf(answer.stored)).toMatch(/^[a-z]/)
    }),
  )
})

test('a stored text in no known form is an error, never a scheme', () => {
  for (const text of ['', 'x', hex.slice(1), '$argon2id$']) {
    expect(() => schemeOf(text)).toThrow(expect.objectContaining({ kind: 'internal', code: 'stored_password_broken' }))
  }
})

test('bcrypt looks at 72 bytes of a password, and no other scheme cuts', () => {
  const bcrypt = `$2b$05$${salt22}${digest31}`
  expect(truncates(bcrypt, 'x'.repeat(72))).toBe(false)
  expect(truncates(bcrypt, 'x'.repeat(73))).toBe(true)
  expect(truncates(bcrypt, 'é'.repeat(36))).toBe(false)
  expect(truncates(bcrypt, 'é'.repeat(37))).toBe(true)
  expect(truncates(`argon2id(bcrypt)$$2b$05$${salt22}${phc('m=19456,t=2,p=1')}`, 'x'.repeat(73))).toBe(true)
  for (const whole of [hex, phc('m=19456,t=2,p=1'), '!']) expect(truncates(whole, 'x'.repeat(73))).toBe(false)
})
