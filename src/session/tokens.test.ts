import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { digestToken, linkToken, randomToken } from './tokens.ts'

test('a token is its prefix and 43 base64url characters, and never the same twice', () => {
  const tokens = Array.from({ length: 200 }, () => randomToken('hfr_'))

  for (const token of tokens) expect(token).toMatch(/^hfr_[A-Za-z0-9_-]{43}$/)
  expect(new Set(tokens).size).toBe(200)
})

test('the digest is SHA-256 in hex over the whole token, prefix included', () => {
  expect(digestToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad') // FIPS 180-2, appendix B.1
  expect(digestToken('hfr_x')).toBe(createHash('sha256').update('hfr_x').digest('hex'))
  expect(digestToken('hfr_x')).not.toBe(digestToken('hfk_x'))
})

test('a token for a link is 32 letters and digits, each as likely as the next', () => {
  const counts = new Map<string, number>()
  for (let time = 0; time < 5_000; time++) {
    const token = linkToken(randomBytes)
    expect(token).toMatch(/^[A-Za-z0-9]{32}$/)
    for (const letter of token) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  }
  expect(counts.size).toBe(62)
  // 160,000 draws over 62: mean 2,581, deviation 50; a modulo over 256 would make eight letters a quarter likelier
  for (const count of counts.values()) expect(Math.abs(count - 160_000 / 62)).toBeLessThan(6 * 51)
})

test('bytes that would favour the first letters are passed over', () => {
  const bytes = [Buffer.alloc(32, 248), Buffer.alloc(32, 255), Buffer.alloc(32, 247)]
  expect(linkToken(() => bytes.shift() ?? Buffer.alloc(32))).toBe('9'.repeat(32))
})
