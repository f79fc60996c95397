import type { z } from 'zod'

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]
type Issue = z.core.$ZodIssue

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

const formats: Readonly<Record<string, string>> = {
  datetime: 'an RFC 3339 time, such as 2026-11-25T09:30:00Z',
  date: 'a date, such as 2026-11-25',
  time: 'a time of day, such as 09:30:00',
  uuid: 'a UUID',
  guid: 'a UUID',
  email: 'a mail address, such as name@example.org',
  url: 'an address, such as https://example.org',
}

/** What a size is counted in. */
const units: Readonly<Record<string, string>> = {
  string: ' characters',
  array: ' entries',
  set: ' entries',
  map: ' entries',
  file: ' bytes',
}

/** What is wrong with a value, as the end of a sentence that begins with its field's name. A schema's own words go before these. */
export function inOurWords(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? `a ${issue.expected}`}`
    case 'invalid_value':
      return issue.values.length === 1 ? `must be ${String(issue.values[0])}` : `must be one of ${issue.values.map(String).join(', ')}`
    case 'too_small':
      if (issue.minimum === 1 && issue.inclusive === true && units[issue.origin] !== undefined) return 'must not be empty'
      return bound(issue.inclusive === false ? 'more than' : 'at least', issue.minimum, issue.origin)
    case 'too_big':
      return bound(issue.inclusive === false ? 'less than' : 'at most', issue.maximum, issue.origin)
    case 'invalid_format':
      return formats[issue.format] === undefined ? 'does not have the form that is expected here' : `must be ${formats[issue.format]}`
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'unrecognized_keys':
      return `must not have ${issue.keys.join(', ')}`
    case 'invalid_union':
      return ofUnion(issue.errors)
    default:
      return 'is not allowed here'
  }
}

const bound = (how: string, size: number | bigint, origin: string): string =>
  units[origin] === undefined ? `must be ${how} ${size}` : `must have ${how} ${size}${units[origin]}`

/** What the alternatives say that are at least of the right kind; where none is, what each of them says. */
function ofUnion(errors: readonly (readonly Issue[])[]): string {
  const firsts = errors.flatMap(([first]) => (first === undefined ? [] : [first]))
  const near = firsts.filter(({ code, path }) => code !== 'invalid_type' || path.length > 0)
  const told = new Set((near.length > 0 ? near : firsts).map(({ path, message }) => [...path, message].join(': ')))
  return told.size === 0 ? 'is not allowed here' : [...told].join(', or ')
}
