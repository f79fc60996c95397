import { expect, test } from 'vitest'
import { z } from 'zod'
import { pageInput, queryBoolean } from './page.ts'
import { parse } from './perform.ts'

const said = (schema: z.ZodType, input: unknown): string => {
  try {
    parse(z.strictObject({ field: schema }), { field: input })
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}

test.each<[schema: z.ZodType, input: unknown, sentence: string]>([
  [z.string(), undefined, 'is required'],
  [z.string(), 7, 'must be a text'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().min(2), 'x', 'must have at least 2 characters'],
  [z.string().max(2), 'xxx', 'must have at most 2 characters'],
  [z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 entries'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.int(), 'x', 'must be a number'],
  [z.int().min(1), 0, 'must be at least 1'],
  [z.number().lt(5), 5, 'must be less than 5'],
  [z.number().multipleOf(0.5), 0.3, 'must be a multiple of 0.5'],
  [z.boolean(), 'yes', 'must be true or false'],
  [z.enum(['asc', 'desc']), 'zz', 'must be one of asc, desc'],
  [z.iso.datetime(), 'soon', 'must be an RFC 3339 time, such as 2026-11-25T09:30:00Z'],
  [z.uuid(), 'x', 'must be a UUID'],
  [z.string().regex(/^a$/), 'b', 'does not have the form that is expected here'],
  [z.string().regex(/^a$/, 'must be a'), 'b', 'must be a'],
  [z.strictObject({ a: z.int() }), { a: 1, b: 2, c: 3 }, 'must not have b, c'],
  [z.union([z.int(), z.boolean()]), 'x', 'must be a number, or must be true or false'],
  [z.union([z.strictObject({ at: z.int() }), z.string().max(2)]), { at: 'x' }, 'at: must be a number'],
  [pageInput.limit, 'x', 'must be a whole number from 1 to 200'],
  [pageInput.limit, '999', 'must be a whole number from 1 to 200'],
  [pageInput.limit, 0, 'must be a whole number from 1 to 200'],
  [queryBoolean, 'maybe', 'must be true or false'],
])('%# says what a person can act on', (schema, input, sentence) => {
  const place = sentence === 'must not have b, c' ? 'field.b: is not a known field' : `field: ${sentence}`
  expect(said(schema, input)).toBe(place)
})
