import { z } from 'zod'
import { attachmentKinds, type ChecklistDocument, item, precondition, section } from '../checklist/shape.ts'
import { canonical, type Json } from '../kernel/canonical.ts'
import { AppError } from '../kernel/errors.ts'
import type { Op } from './json1.ts'
import { positionPattern } from './position.ts'
import { touchedBy, valueAt } from './touched.ts'

export const maxBytes = 256 * 1024
const maxSections = 100
const maxItems = 1_000
const maxDepth = 32

export const invalidOperation = (detail: string) => new AppError('invalid', 'invalid_operation', detail)
const tooLarge = () => new AppError('too_large', 'document_too_large', 'The document would be larger than 256 KiB.')

const text = (most: number) => z.string().refine((given) => [...given].length <= most, `must be at most ${most} characters`)
const position = z.string().regex(positionPattern, 'must be 1 to 64 of 0-9 A-Z a-z, not ending in 0')
const minutes = z.int().min(0).max(100_000).nullable()
const id = /^[A-Za-z0-9_-]{1,64}$/

const strictSection = z.strictObject({
  ...section.shape,
  title: text(200),
  description: text(1_000),
  position,
  estimatedTime: minutes,
  preConditions: z.array(precondition.strict()).max(20),
})
const strictItem = z.strictObject({
  ...item.shape,
  position,
  text: text(500),
  description: text(1_000),
  notes: text(10_000),
  instructions: text(2_000),
  warningMessage: text(500),
  estimatedTime: minutes,
  dependencies: z.array(z.string().regex(id)).max(100),
  tags: z.array(text(50)).max(50),
  skipped: text(500).nullable(),
  value: z.union([z.number(), text(1_000), z.boolean()]).nullable(),
  attachments: z.record(z.string().regex(id), z.enum(attachmentKinds)),
})
const rootFields: Readonly<Record<string, z.ZodType>> = {
  title: text(200),
  description: text(1_000),
  customFields: z.record(z.string(), z.unknown()),
  sections: z.record(z.string().regex(id), strictSection),
  items: z.record(z.string().regex(id), strictItem),
}

/** Refuses what no JSON text of ours may hold: halves of characters, numbers without end, keys that reach into objects, and nesting without end. Errors: `invalid_operation`. */
export function checkJson(value: unknown, depth = 0): void {
  if (depth > maxDepth) throw invalidOperation('Values may be nested 32 deep at most.')
  if (typeof value === 'string' && !value.isWellFormed()) throw invalidOperation('A text is not well-formed Unicode.')
  if (typeof value === 'string' && value.includes('\0')) throw invalidOperation('A text holds a NUL.')
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalidOperation('A number is not finite.')
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') throw invalidOperation('__proto__ is no key.')
    if (!Array.isArray(value)) checkJson(key, depth)
    checkJson(inner, depth + 1)
  }
}

/** Checks what an operation touched, and the bounds of the whole. Errors: `invalid_operation`, `document_too_large`. */
export function checkDocument(before: ChecklistDocument, after: ChecklistDocument, op: Op): void {
  if (typeof after !== 'object' || after === null || Object.keys(after).sort().join() !== Object.keys(rootFields).sort().join())
    throw invalidOperation('A document has title, description, customFields, sections and items.')
  const entries = new Set<string>()
  for (const { path } of touchedBy(op)) {
    const [top = '', key] = path
    if (key === undefined || (top !== 'sections' && top !== 'items')) parse([top], rootFields[top], valueAt(after, [top]))
    else if (!entries.has(`${top} ${key}`)) {
      entries.add(`${top} ${key}`)
      const entry = valueAt(after, [top, key])
      if (entry === undefined) continue
      if (!id.test(key)) throw invalidOperation(`${top}.${key} is no id: it must be 1 to 64 of A-Z a-z 0-9 _ -`)
      parse([top, key], top === 'sections' ? strictSection : strictItem, entry)
    }
  }
  const problem = boundsProblem(after, before)
  if (problem !== null) throw invalidOperation(problem)
  checkGrowth(before, after, op)
}

const none: Pick<ChecklistDocument, 'sections' | 'items'> = { sections: {}, items: {} }
const countOf = (entries: object): number => Object.keys(entries).length

/** What there is too much of, in words, or null. One that was over the bound before (imported) may be edited, but not grow. */
export function boundsProblem({ sections, items }: ChecklistDocument, before = none): string | null {
  if (countOf(sections) > Math.max(maxSections, countOf(before.sections))) return 'A document has at most 100 sections.'
  return countOf(items) > Math.max(maxItems, countOf(before.items)) ? 'A document has at most 1,000 items.' : null
}

const canonicalBytes = (document: ChecklistDocument): number => Buffer.byteLength(canonical(document as unknown as Json))

/** Measures a whole document. Errors: `document_too_large`. */
export function checkSize(document: ChecklistDocument): void {
  if (canonicalBytes(document) > maxBytes) throw tooLarge()
}

function parse(path: readonly string[], schema: z.ZodType | undefined, value: unknown): void {
  const parsed = schema?.safeParse(value)
  if (parsed?.success === true) return
  const issue = parsed?.error.issues[0]
  throw invalidOperation(`${[...path, ...(issue?.path ?? [])].map(String).join('.')}: ${issue?.message ?? 'is no field'}`)
}

const sizes = new WeakMap<ChecklistDocument, number>()
const bytesOf = (value: unknown): number => (value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)))

/** About how large a document is: the size before and the difference of what was touched, so that nobody measures 256 KiB for one letter. Near the bound it is measured; one that was over it before (imported) may be edited, but not grow. */
function checkGrowth(before: ChecklistDocument, after: ChecklistDocument, op: Op): void {
  const known = sizes.get(before) ?? bytesOf(before)
  sizes.set(before, known)
  let size = known
  const entries = new Map(
    touchedBy(op).map(({ path }) => {
      const top = path[0] === 'sections' || path[0] === 'items' ? path.slice(0, 2) : path.slice(0, 1)
      return [top.join(' '), top]
    }),
  )
  for (const path of entries.values()) size += bytesOf(valueAt(after, path)) - bytesOf(valueAt(before, path))
  if (size > maxBytes - 4_096) {
    size = canonicalBytes(after)
    if (size > maxBytes && size > canonicalBytes(before)) throw tooLarge()
  }
  sizes.set(after, size)
}
