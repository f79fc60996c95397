import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from './errors.ts'
import { createSealer } from './seal.ts'

const master = Buffer.alloc(32, 7)
const sealer = createSealer(master)
const place = { tenant: 't1', entity: 'user', id: 'u1', field: 'totpSecret' }

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return `${error.kind} ${error.code}`
    throw error
  }
  return 'no error'
}

test.each([[31], [33], [0]])('refuses a master key of %i bytes', (length) => {
  expect(codeOf(() => createSealer(Buffer.alloc(length)))).toBe('internal wrong_key')
})

test.each([
  ['tenant', { ...place, tenant: 't2' }],
  ['entity', { ...place, entity: 'tenant' }],
  ['id', { ...place, id: 'u2' }],
  ['field', { ...place, field: 'other' }],
  ['shifted', { ...place, tenant: 't1user', entity: '' }],
])('a value moved to another %s does not open', (_what, elsewhere) => {
  const sealed = sealer.seal('secret', place)
  expect(codeOf(() => sealer.open(sealed, elsewhere))).toBe('internal seal_broken')
})

test('a value with any one character changed, dropped or added does not open', () => {
  const sealed = sealer.seal('secret', place)
  for (let i = 0; i < sealed.length; i++) {
    const other = sealed[i] === 'A' ? 'B' : 'A'
    for (const altered of [
      sealed.slice(0, i) + other + sealed.slice(i + 1),
      sealed.slice(0, i) + sealed.slice(i + 1),
      `${sealed.slice(0, i)}A${sealed.slice(i)}`,
    ]) {
      if (altered !== sealed) expect(codeOf(() => sealer.open(altered, place))).toMatch(/^internal (seal_broken|wrong_key)$/)
    }
  }
})

test('the second spelling that the last character of base64url allows does not open', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const sealed = sealer.seal('secret', place)
  const other = letters[letters.indexOf(sealed.at(-1) ?? '') ^ 1]
  expect(codeOf(() => sealer.open(sealed.slice(0, -1) + other, place))).toBe('internal seal_broken')
})

test.each([
  [''],
  ['secret'],
  ['hfs1'],
  [`hfs1.${sealer.kid}`],
  [`hfs1.${sealer.kid}.`],
  [`hfs1.${sealer.kid}.AAAA.AAAA`],
  [`hfs2.${sealer.kid}.AAAA`],
])('the text "%s" does not open', (text) => {
  expect(codeOf(() => sealer.open(text, place))).toBe('internal seal_broken')
})

test('another master key is told from a broken value', () => {
  const sealed = createSealer(Buffer.alloc(32, 8)).seal('secret', place)
  expect(codeOf(() => sealer.open(sealed, place))).toBe('internal wrong_key')
})

test('the wrapped data key of one value does not open another', () => {
  const [one, two] = ['one', 'two'].map((text) => Buffer.from(sealer.seal(text, place).split('.')[2] ?? '', 'base64url'))
  const mixed = Buffer.concat([one?.subarray(0, 60) ?? master, two?.subarray(60) ?? master]).toString('base64url')
  expect(codeOf(() => sealer.open(`hfs1.${sealer.kid}.${mixed}`, place))).toBe('internal seal_broken')
})

test('every text opens at its place, and only there', () => {
  const text = fc.string({ unit: 'grapheme' })
  const places = fc.record({ tenant: text, entity: text, id: text, field: text })
  fc.assert(
    fc.property(text, places, places, (plain, at, elsewhere) => {
      const sealed = sealer.seal(plain, at)
      expect(sealer.open(sealed, at)).toBe(plain)
      if (JSON.stringify(at) !== JSON.stringify(elsewhere))
        expect(codeOf(() => sealer.open(sealed, elsewhere))).toBe('internal seal_broken')
    }),
  )
})

test('the same text is never sealed the same way twice', () => {
  expect(sealer.seal('secret', place)).not.toBe(sealer.seal('secret', place))
})

test('the form is hfs1, the key id and base64url, and shows neither text nor key', () => {
  expect(sealer.seal('secret', place)).toMatch(/^hfs1\.[0-9a-f]{8}\.[A-Za-z0-9_-]+$/)
  expect(sealer.kid).toBe(createSealer(Buffer.alloc(32, 7)).kid)
  expect(sealer.kid).not.toBe(createSealer(randomBytes(32)).kid)
  expect(master.toString('hex')).not.toContain(sealer.kid)
})

test('a value sealed in an earlier version still opens', () => {
  const kept =
    'hfs1.07ba13c8.5AqG2-yeJTnv1THdHCWm2Eij8DH_ArE7GDhaxQS4pW49BcjgvCmJKed5y1J3O9gwTgubTVG88V_uvhHRA3tkddlhWZeRxN-B4wbxPXwvD-FdPF108N7lUxb5UaGG9g'
  expect(sealer.open(kept, place)).toBe('secret')
})

test('values of a former master key open and are renewed once; under the new key alone the old form opens no longer', () => {
  const old = sealer.seal('secret', place)
  const next = randomBytes(32)
  const both = createSealer(next, [master])
  const moved = both.renewed(old, place)

  expect(both.open(old, place)).toBe('secret')
  expect(both.kid).toBe(createSealer(next).kid)
  expect(createSealer(next).open(moved ?? '', place)).toBe('secret')
  expect(both.renewed(moved ?? '', place)).toBe(null)
  expect(codeOf(() => sealer.open(moved ?? '', place))).toBe('internal wrong_key')
  expect(codeOf(() => createSealer(next).open(old, place))).toBe('internal wrong_key')
  expect(codeOf(() => createSealer(next).renewed(old, place))).toBe('internal wrong_key')
  expect(codeOf(() => both.renewed(old, { ...place, field: 'other' }))).toBe('internal seal_broken')
  expect(codeOf(() => createSealer(next, [Buffer.alloc(31)]))).toBe('internal wrong_key')
})
