import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createRecoveryCodes, findRecoveryCode } from './recovery-codes.ts'

const { codes, digests } = createRecoveryCodes(randomBytes)
const [first = ''] = codes

test.each([[''], ['0123-4567-89ab-cde'], ['0123-4567-89ab-cdef0'], ['0123-4567-89ab-cdeg'], ['0123-4567-89ab-cdef']])(
  'finds no code for "%s"',
  (typed) => {
    expect(findRecoveryCode(digests, typed)).toBe(-1)
  },
)

test('finds no code that was removed', () => {
  expect(findRecoveryCode(digests.slice(1), first)).toBe(-1)
  expect(findRecoveryCode([], first)).toBe(-1)
})

test('finds each code at its own place', () => {
  expect(codes.map((code) => findRecoveryCode(digests, code))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('reads capitals, blanks, missing dashes, and the letters o, i and l for digits', () => {
  const bytes = Buffer.from('0011deadbeef1100', 'hex')
  const { digests } = createRecoveryCodes(() => bytes)
  for (const typed of ['0011-dead-beef-1100', ' 0011DEADBEEF1100 ', 'ooil dead beef lI0O']) expect(findRecoveryCode(digests, typed)).toBe(0)
})

test('there are ten different codes of 64 bits in four groups, and only digests of them are kept', () => {
  expect(codes).toHaveLength(10)
  expect(new Set(codes).size).toBe(10)
  for (const code of codes) expect(code).toMatch(/^[0-9a-f]{4}(-[0-9a-f]{4}){3}$/)
  expect(digests[0]).toBe(createHash('sha256').update(first.replaceAll('-', '')).digest('hex'))
})
