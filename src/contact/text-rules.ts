import { AppError } from '../kernel/errors.ts'

/** The most characters a text of a user or lead may have. */
export const limits = { name: 200, email: 254, phone: 50, other: 500 } as const

/** What clients that insert texts as HTML cannot bear, and control characters other than tab and line end. Lone surrogates are no text at all. */
const forbidden = /[<>]|[^\P{Cc}\t\n\r]/u

/** The text of a field, or null for none. Errors: `text_expected`, `text_not_allowed`, `text_too_long`. */
export function readText(field: string, value: unknown, limit: number): string | null {
  if (value === null || value === undefined || value === '') return null
  if (typeof value !== 'string') throw fieldError('text_expected', field, 'must be a text')
  if (forbidden.test(value) || !value.isWellFormed())
    throw fieldError('text_not_allowed', field, 'contains characters that are not allowed')
  if (value.length > limit && [...value].length > limit) throw fieldError('text_too_long', field, 'is too long')
  return value
}

/** A refusal of one field of a lead or user. */
export const fieldError = (code: string, field: string, message: string): AppError =>
  new AppError('unprocessable', code, `${field} ${message}`, { errors: [{ field, message }] })

/** How a stored text leaves for clients that insert it as HTML: rows that came in another way may hold angle brackets. */
export function shown(text: string | null): string {
  if (text === null) return ''
  return text.includes('<') || text.includes('>') ? text.replaceAll('<', '‹').replaceAll('>', '›') : text
}

/** Whether a sent value says what is stored, or what was shown of it: then it is no change, and nothing is asked of it. */
export const isUnchanged = (value: unknown, stored: string | null): boolean =>
  value === (stored ?? '') || value === shown(stored) || (value === null && stored === null)

/** A positive integer of at most 15 digits, as a number or as its digits; else null. */
export function readNumber(value: unknown): number | null {
  const number = typeof value === 'string' && /^[1-9]\d{0,14}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number > 0 && number < 1e15 ? number : null
}
