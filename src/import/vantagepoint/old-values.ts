import { isDamaged, readBoolean, readNumber, readTime } from '../values.ts'

/** What is wrong with a row, in words that name the field and never quote its value. */
export class Problem extends Error {}

export type Attributes = Readonly<Record<string, unknown>>

/** Longer than any surface takes, so that nothing that was ever typed in is refused. */
const longestText = 10_000

const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === ''

/** A text as it is, or null for none. Numbers count as their digits. */
export function textOf(from: Attributes, name: string): string | null {
  const value = from[name]
  if (isAbsent(value)) return null
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') throw new Problem(`${name} must be a text`)
  if (isDamaged(text)) throw new Problem(`${name} holds characters that are no text`)
  if (text.length > longestText) throw new Problem(`${name} has more than ${longestText} characters`)
  return text
}

/** A word without regard to case, or null for none. */
export const wordOf = (from: Attributes, name: string): string | null => textOf(from, name)?.trim().toLowerCase() || null

export function booleanOf(from: Attributes, name: string): boolean | null {
  return read(from, name, readBoolean, 'must be true or false')
}

export function timeOf(from: Attributes, name: string): string | null {
  return read(from, name, readTime, 'must be an ISO 8601 time')
}

function read<T>(from: Attributes, name: string, reader: (value: unknown) => T | undefined, problem: string): T | null {
  const value = from[name]
  if (isAbsent(value)) return null
  const found = reader(value)
  if (found === undefined) throw new Problem(`${name} ${problem}`)
  return found
}

/** The item's own id, or null for none. */
export function idOf(from: Attributes): number | null {
  return read(from, 'id', readNumber, 'must be a whole number from 1, of at most 14 digits')
}

/** An id that cannot be read names nobody. */
export type Reference = number | 'unreadable' | null

/** Whom an item names: nobody for absent values and 0. */
export function referenceOf(from: Attributes, name: string): Reference {
  const value = from[name]
  if (isAbsent(value) || value === 0 || value === '0') return null
  return readNumber(value) ?? 'unreadable'
}
