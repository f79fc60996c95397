import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createTotpSecret, totpUri, verifyTotp } from './totp.ts'

// RFC 6238, appendix B: the secret is the ASCII text 12345678901234567890; its eight digits end in the six of ours.
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const vectors: [seconds: number, code: string][] = [
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
  [20000000000, '353130'],
]
const step59 = 1

test.each([['28708'], ['2870820'], ['287083'], ['abcdef'], ['２８７０８２'], [''], ['-87082']])('refuses the code "%s"', (code) => {
  expect(verifyTotp(secret, code, 59_000, null)).toBeNull()
})

test('refuses a code two steps early or late, and takes it one step early or late', () => {
  const at = (ms: number) => verifyTotp(secret, '081804', ms, null) // of the step 1111111080 … 1111111110 s
  expect(at(1111111080_000 - 30_001)).toBeNull()
  expect(at(1111111080_000 - 30_000)).toBe(37037036)
  expect(at(1111111110_000 + 29_999)).toBe(37037036)
  expect(at(1111111110_000 + 30_000)).toBeNull()
})

test('refuses a code whose step was used, or an earlier one, so that it works once', () => {
  expect(verifyTotp(secret, '287082', 59_000, step59 + 1)).toBeNull()
  expect(verifyTotp(secret, '287082', 59_000, step59)).toBeNull()
  expect(verifyTotp(secret, '287082', 59_000, step59 - 1)).toBe(step59)
})

test('refuses a secret that is not base32', () => {
  expect(() => verifyTotp('not base32!', '287082', 59_000, null)).toThrow(TypeError)
})

test.each(vectors)('accepts the RFC 6238 code at %i s', (seconds, code) => {
  expect(verifyTotp(secret, code, seconds * 1000, null)).toBe(Math.floor(seconds / 30))
})

test('reads a code typed in two groups', () => {
  expect(verifyTotp(secret, '287 082', 59_000, null)).toBe(step59)
})

test('a secret is 20 random bytes in base32', () => {
  expect(createTotpSecret(() => Buffer.from('12345678901234567890'))).toBe(secret)
  expect(createTotpSecret(randomBytes)).toMatch(/^[A-Z2-7]{32}$/)
  expect(createTotpSecret(randomBytes)).not.toBe(createTotpSecret(randomBytes))
})

test('the address names issuer, account and secret, and no sign in a name breaks it', () => {
  const uri = new URL(totpUri({ secret, account: 'jo+e@example.com', issuer: 'Acme & Söhne' }))

  expect(uri.protocol + uri.host).toBe('otpauth:totp')
  expect(decodeURIComponent(uri.pathname)).toBe('/Acme & Söhne:jo+e@example.com')
  expect(Object.fromEntries(uri.searchParams)).toEqual({ secret, issuer: 'Acme & Söhne', algorithm: 'SHA1', digits: '6', period: '30' })
})
