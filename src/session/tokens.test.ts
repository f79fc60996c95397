import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { digestToken, randomToken } from './tokens.ts'

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
