const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const base = BigInt(digits.length)
/** Keys are worked with in steps of so many digits, so that appending again and again does not make them longer. */
const stride = 3
const maxLength = 64

/** A position: 1–64 of `[0-9A-Za-z]`, not ending in `0`, so that there is always room before it (contracts/prework.md, section 8). */
export const positionPattern = /^(?=.{1,64}$)[0-9A-Za-z]*[1-9A-Za-z]$/

/** Order of sections and of a section's items: by position, then id, by code unit. */
export const inOrder = (a: Placed, b: Placed): number => compare(a.position, b.position) || compare(a.id, b.id)
type Placed = { id: string; position: string }

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Positions for so many entries in a row, spread evenly. */
export function positionsFor(count: number): string[] {
  const step = base ** BigInt(stride) / BigInt(count + 1)
  return Array.from({ length: count }, (_, index) => text(step * BigInt(index + 1), stride))
}

/** A key strictly between two, null = the end of that side. Null when there is none of 64 characters: then the neighbours need new ones. */
export function positionBetween(before: string | null, after: string | null): string | null {
  if (before !== null && after !== null && before >= after) return null
  const length = Math.max(before?.length ?? 0, after?.length ?? 0)
  for (let width = Math.ceil(Math.max(length, 1) / stride) * stride; width < maxLength + stride; width += stride) {
    const size = Math.min(width, maxLength)
    const low = before === null ? 0n : number(before, size)
    const high = after === null ? base ** BigInt(size) : number(after, size)
    if (high - low < 2n) continue
    const value = before !== null && after === null ? low + 1n : before === null && after !== null ? high - 1n : (low + high) / 2n
    return text(value, size)
  }
  return null
}

const number = (key: string, width: number): bigint =>
  [...key.padEnd(width, '0')].reduce((total, digit) => total * base + BigInt(digits.indexOf(digit)), 0n)

function text(value: bigint, width: number): string {
  let key = ''
  for (let rest = value; key.length < width; rest /= base) key = digits.charAt(Number(rest % base)) + key
  return key.replace(/0+$/, '')
}
