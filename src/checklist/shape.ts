import { z } from 'zod'
import type { Json } from '../kernel/canonical.ts'

/** What a checklist's document is (contracts/prework.md section 8): sections and items by id, so that no path ever shifts. */
export const itemTypes = [
  'text',
  'checkbox',
  'photo',
  'notes',
  'measurement',
  'signature',
  'timer',
  'location',
  'conditional',
  'custom',
] as const
const priorities = ['low', 'medium', 'high', 'critical'] as const
const conditions = ['item_completed', 'section_completed', 'time_elapsed', 'custom'] as const
export const attachmentKinds = ['before', 'after', 'during', 'reference'] as const

const bag = z.record(z.string(), z.unknown())
export const precondition = z.object({
  type: z.enum(conditions),
  targetId: z.string().nullable().optional(),
  value: z.number().nullable().optional(),
  errorMessage: z.string(),
})
export type Precondition = z.output<typeof precondition>

export const section = z.object({
  title: z.string(),
  description: z.string(),
  position: z.string(),
  isOptional: z.boolean(),
  estimatedTime: z.int().nullable(),
  preConditions: z.array(precondition),
  customFields: bag,
})
export const item = z.object({
  sectionId: z.string(),
  position: z.string(),
  type: z.enum(itemTypes),
  text: z.string(),
  description: z.string(),
  notes: z.string(),
  instructions: z.string(),
  warningMessage: z.string(),
  isRequired: z.boolean(),
  requiresPhoto: z.boolean(),
  requiresNotes: z.boolean(),
  priority: z.enum(priorities),
  estimatedTime: z.int().nullable(),
  dependencies: z.array(z.string()),
  tags: z.array(z.string()),
  checked: z.boolean(),
  skipped: z.string().nullable(),
  value: z.union([z.number(), z.string(), z.boolean()]).nullable(),
  attachments: z.record(z.string(), z.enum(attachmentKinds)),
  customFields: bag,
})
export const checklistDocument = z.object({
  title: z.string(),
  description: z.string(),
  customFields: bag,
  sections: z.record(z.string(), section),
  items: z.record(z.string(), item),
})
export type ChecklistDocument = z.output<typeof checklistDocument>
export type Section = z.output<typeof section>
export type Item = z.output<typeof item>

const text = (most: number) => z.string().refine((given) => [...given].length <= most, `must be at most ${most} characters`)
const id = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -')
  // the one name that no object can hold as its own
  .refine((given) => given !== '__proto__', 'must not be __proto__')

const givenItem = z.looseObject({
  id: id.optional(),
  text: text(500),
  type: z.enum(itemTypes).default('checkbox'),
  description: text(1_000).default(''),
  notes: text(10_000).default(''),
  instructions: text(2_000).default(''),
  warningMessage: text(500).default(''),
  isRequired: z.boolean().optional(),
  isOptional: z.boolean().optional(),
  requiresPhoto: z.boolean().default(false),
  requiresNotes: z.boolean().default(false),
  priority: z.enum(priorities).default('medium'),
  estimatedTime: z.int().min(0).max(100_000).nullable().default(null),
  dependencies: z.array(id).max(100).default([]),
  tags: z.array(text(50)).max(50).default([]),
  checked: z.boolean().optional(),
  isCompleted: z.boolean().optional(),
  skipped: text(500).nullable().optional(),
  isSkipped: z.boolean().optional(),
  skippedReason: text(500).nullable().optional(),
  value: z
    .union([z.number(), text(1_000), z.boolean()])
    .nullable()
    .default(null),
  attachments: z.record(id, z.enum(attachmentKinds)).default({}),
  customFields: bag.default({}),
})
const givenSection = z.looseObject({
  id: id.optional(),
  title: text(200),
  description: text(1_000).default(''),
  isOptional: z.boolean().default(false),
  estimatedTime: z.int().min(0).max(100_000).nullable().default(null),
  preConditions: z.array(precondition).max(20).default([]),
  customFields: bag.default({}),
  items: z.array(givenItem).max(500).default([]),
})
/** What clients send: sections with their items, in the order of the lists. Unknown keys are kept as custom fields of their level. */
export const checklistData = z.looseObject({
  title: text(200).optional(),
  description: text(1_000).default(''),
  customFields: bag.default({}),
  sections: z.array(givenSection).max(100),
})
export type ChecklistData = z.output<typeof checklistData>

const derivedKeys = new Set(['order', 'completedCount', 'totalCount', 'isCompleted', 'position', 'sectionId'])

/** The keys of a level that are none of its fields. */
const others = (given: Record<string, unknown>, schema: z.ZodObject): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([key]) => !Object.hasOwn(schema.shape, key) && !derivedKeys.has(key)))

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The position of the nth of some entries: fixed width, so that texts stand in order, and never ending in `0`. */
export function positionOf(at: number): string {
  const high = Math.floor(at / digits.length)
  return `${digits[high] ?? 'z'}${digits[at % digits.length] as string}V`
}

/** Ids that a document names twice. */
export class TwiceNamed extends Error {}

/** Makes a document of what a client sent. `newId` makes ids where none are given. Throws `TwiceNamed`. */
export function documentOf(data: ChecklistData, newId: () => string): ChecklistDocument {
  const sections: Record<string, Section> = {}
  const items: Record<string, Item> = {}
  for (const [at, given] of data.sections.entries()) {
    const sectionId = given.id ?? newId()
    if (Object.hasOwn(sections, sectionId)) throw new TwiceNamed(sectionId)
    sections[sectionId] = sectionOf(given, positionOf(at))
    for (const [place, one] of given.items.entries()) {
      const itemId = one.id ?? newId()
      if (Object.hasOwn(items, itemId)) throw new TwiceNamed(itemId)
      items[itemId] = itemOf(one, sectionId, positionOf(place))
    }
  }
  return {
    title: data.title ?? 'Untitled Checklist',
    description: data.description,
    customFields: { ...data.customFields, ...others(data, checklistData) },
    sections,
    items,
  }
}

const sectionOf = (given: z.output<typeof givenSection>, position: string): Section => ({
  title: given.title,
  description: given.description,
  position,
  isOptional: given.isOptional,
  estimatedTime: given.estimatedTime,
  preConditions: given.preConditions,
  customFields: { ...given.customFields, ...others(given, givenSection) },
})

/** A section of what a client sent, with every field. Throws what is wrong with it. */
export const sectionFrom = (value: object, position: string): Section => {
  const { items, ...given } = value as { items?: unknown }
  if (items !== undefined) throw new Error('items are put in on their own')
  return sectionOf(parsed(givenSection, given), position)
}

export const itemFrom = (value: object, sectionId: string, position: string): Item => itemOf(parsed(givenItem, value), sectionId, position)

function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  throw new Error(`value.${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`)
}

function itemOf(given: z.output<typeof givenItem>, sectionId: string, position: string): Item {
  const isSkipped = given.isSkipped === true || (given.skipped !== undefined && given.skipped !== null)
  return {
    sectionId,
    position,
    type: given.type,
    text: given.text,
    description: given.description,
    notes: given.notes,
    instructions: given.instructions,
    warningMessage: given.warningMessage,
    isRequired: given.isRequired ?? given.isOptional !== true,
    requiresPhoto: given.requiresPhoto,
    requiresNotes: given.requiresNotes,
    priority: given.priority,
    estimatedTime: given.estimatedTime,
    dependencies: given.dependencies,
    tags: given.tags,
    checked: given.checked ?? given.isCompleted ?? false,
    skipped: isSkipped ? (given.skipped ?? given.skippedReason ?? '') : null,
    value: given.value,
    attachments: given.attachments,
    customFields: { ...given.customFields, ...others(given, givenItem) },
  }
}

const inOrder = <T extends { position: string }>(entries: Record<string, T>): [string, T][] =>
  Object.entries(entries).sort(([a, x], [b, y]) => (x.position === y.position ? (a < b ? -1 : 1) : x.position < y.position ? -1 : 1))

/** Sections in their order, each with its items in theirs. */
export const laidOut = ({ sections, items }: ChecklistDocument): { id: string; section: Section; items: [string, Item][] }[] =>
  inOrder(sections).map(([sectionId, one]) => ({
    id: sectionId,
    section: one,
    items: inOrder(Object.fromEntries(Object.entries(items).filter(([, each]) => each.sectionId === sectionId))),
  }))

/** The document as clients read it: lists in order, items in both forms. */
export function dataOf(document: ChecklistDocument): Json {
  const sections = laidOut(document).map(({ id: sectionId, section: one, items }, order) => {
    const completed = items.filter(([, each]) => isComplete(each)).length
    return {
      id: sectionId,
      ...one,
      order,
      completedCount: completed,
      totalCount: items.length,
      isCompleted: completed === items.length,
      items: items.map(([itemId, each]) => ({
        id: itemId,
        ...each,
        isCompleted: each.checked,
        isSkipped: each.skipped !== null,
        skippedReason: each.skipped,
        isOptional: !each.isRequired,
      })),
    }
  })
  const { title, description, customFields } = document
  return { title, description, customFields, sections } as unknown as Json
}

/** Checked, or skipped where that is allowed. */
export const isComplete = ({ checked, skipped, isRequired }: Item): boolean => checked || (skipped !== null && !isRequired)
