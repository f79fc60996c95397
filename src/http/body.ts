import { AppError } from '../kernel/errors.ts'

const maxDepth = 32
const maxArray = 1_000
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
const hostile = new Set(['__proto__', 'constructor', 'prototype'])

const malformed = (message: string) => new AppError('invalid', 'malformed_json', message)
const dangerous = (message: string) => new AppError('invalid', 'bad_json', message)

/**
 * Reads a JSON body strictly (RFC 8259, I-JSON of RFC 7493): UTF-8, no duplicate key, no number beyond a double, at most 32 deep, arrays of at most 1,000, no NUL, no half of a surrogate pair, no key that reaches a prototype.
 * Errors: `malformed_json`, `bad_json`, both 400. `arrayLimit` is larger on bulk routes.
 */
export function parseBody(bytes: Buffer, arrayLimit: number = maxArray): unknown {
  const text = decode(bytes)
  const members = scan(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('The body is not well-formed JSON.')
  }
  const found = checked(value, arrayLimit)
  if (found !== members) throw malformed('The body names the same key twice in one object.')
  return value
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw malformed('The body is not valid UTF-8.')
  }
}

/** Counts the members of all objects by their colons, and refuses what is nested too deeply before anything is built. Strings are skipped. */
function scan(text: string): number {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 34) {
      for (at++; at < text.length && text.charCodeAt(at) !== 34; at++) if (text.charCodeAt(at) === 92) at++
    } else if (code === 58) members++
    else if (code === 123 || code === 91) {
      if (++depth > maxDepth) throw dangerous(`The body is nested more than ${maxDepth} deep.`)
    } else if (code === 125 || code === 93) depth--
  }
  return members
}

/** Half a surrogate pair has no UTF-8: it would be stored as another text than was logged. */
function textProblem(text: string): string | null {
  if (text.includes('\0')) return 'A text holds a NUL character.'
  return text.isWellFormed() ? null : 'A text holds half a character.'
}

function assertText(text: string): void {
  const problem = textProblem(text)
  if (problem !== null) throw new BadText(problem)
}

/** A text that is refused wherever it stands; where it stands is looked up only then. */
class BadText extends Error {}

/** Names the place of the first text that is refused. */
function placeOf(value: unknown, path: string): string | null {
  if (typeof value === 'string') return textProblem(value) === null ? null : path
  if (typeof value !== 'object' || value === null) return null
  for (const [key, member] of Object.entries(value)) {
    const below = path === '' ? key : `${path}.${key}`
    const place = textProblem(key) === null ? placeOf(member, below) : path
    if (place !== null) return place
  }
  return null
}

function checked(value: unknown, arrayLimit: number): number {
  try {
    return walk(value, arrayLimit)
  } catch (error) {
    if (!(error instanceof BadText)) throw error
    const field = placeOf(value, '') ?? ''
    throw new AppError('invalid', 'bad_json', error.message, { errors: [{ field, message: 'holds a character that is not allowed' }] })
  }
}

function walk(value: unknown, arrayLimit: number): number {
  if (typeof value === 'string') {
    assertText(value)
    return 0
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw dangerous('A number is too large.')
    return 0
  }
  if (typeof value !== 'object' || value === null) return 0
  if (Array.isArray(value)) {
    if (value.length > arrayLimit) throw dangerous(`An array has more than ${arrayLimit} items.`)
    let members = 0
    for (const item of value) members += walk(item, arrayLimit)
    return members
  }
  let members = 0
  for (const key of Object.keys(value)) {
    if (hostile.has(key)) throw dangerous('A key has a name that is not allowed.')
    assertText(key)
    members += 1 + walk((value as Record<string, unknown>)[key], arrayLimit)
  }
  return members
}
