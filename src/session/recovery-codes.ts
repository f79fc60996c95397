import { createHash, timingSafeEqual } from 'node:crypto'
import type { RandomBytes } from './totp.ts'

/** `codes` are shown once, in this order; `digests[i]` belongs to `codes[i]` and is what is stored. */
export type RecoveryCodes = { codes: string[]; digests: string[] }

const count = 10
const codeBytes = 8

/**
 * Ten codes of 64 random bits for the day the second factor is lost, written `0123-4567-89ab-cdef`. Each works once: remove its digest in
 * the commit that signs in.
 */
export function createRecoveryCodes(random: RandomBytes): RecoveryCodes {
  const codes = Array.from({ length: count }, () => inGroups(Buffer.from(random(codeBytes)).toString('hex')))
  return { codes, digests: codes.map((code) => digestOf(plain(code))) }
}

/**
 * Index in `digests` of the code that was typed, or -1. Capitals, blanks and dashes make no difference, and the letters o, i and l, which
 * no code has, are read as 0, 1 and 1. All digests are looked at, in constant time.
 */
export function findRecoveryCode(digests: readonly string[], typed: string): number {
  const code = plain(typed)
  if (!/^[0-9a-f]{16}$/.test(code)) return -1
  const wanted = Buffer.from(digestOf(code))
  let found = -1
  digests.forEach((digest, index) => {
    const stored = Buffer.from(digest)
    if (stored.length === wanted.length && timingSafeEqual(stored, wanted) && found < 0) found = index
  })
  return found
}

const inGroups = (hex: string): string => hex.replace(/(.{4})(?!$)/g, '$1-')

const plain = (typed: string): string => typed.toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1')

const digestOf = (code: string): string => createHash('sha256').update(code).digest('hex')
