/** Pure readers of single values as old systems write them. They answer undefined for what they cannot read. */

const yes = new Set(['true', '1', 'yes', 'y', 't'])
const no = new Set(['false', '0', 'no', 'n', 'f'])

export function readBoolean(value: unknown): boolean | undefined {
  const word = String(value).trim().toLowerCase()
  return yes.has(word) ? true : no.has(word) ? false : undefined
}

/** The highest number that an imported row may keep. Fifteen digits are the most that clients take: plenty is left above. */
export const highestNumber = 99_999_999_999_999

/** A whole number from 1 to `highestNumber`, or its digits. */
export function readNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\s*\d{1,14}\s*$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= highestNumber ? number : undefined
}

const written = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d:?\d\d)?)?$/i

/** Milliseconds since the epoch have twelve digits or more, seconds fewer, for every time from 1973 to 5138. */
const shortestMs = 100_000_000_000

/** RFC 3339 with milliseconds in UTC, from ISO 8601 (no zone means UTC; a day means its first moment) or a Unix time in seconds or milliseconds. */
export function readTime(value: unknown): string | undefined {
  if (typeof value === 'number') return timeOf(value < shortestMs ? value * 1000 : value)
  const match = typeof value === 'string' ? written.exec(value.trim()) : null
  if (match === null) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day)
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : zone.replace(/:?(\d\d)$/, ':$1')
  const time = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}${offset}`
  return isDay ? timeOf(Date.parse(time)) : undefined
}

function timeOf(ms: number): string | undefined {
  // the first and last day with a year of four digits
  if (!Number.isFinite(ms) || ms < -62_167_219_200_000 || ms > 253_402_300_799_999) return undefined
  return new Date(Math.trunc(ms)).toISOString()
}

/** What no text of ours may hold: half a character, a NUL, and what stands for bytes that were not UTF-8. */
export const isDamaged = (text: string): boolean => !text.isWellFormed() || text.includes('\0') || text.includes('\ufffd')
