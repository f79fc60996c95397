import type { z } from 'zod'
import { project } from './project.ts'

type Writer = (value: unknown) => string

const compiled = new WeakMap<z.ZodType, Writer>()

/**
 * The JSON text of what a schema names of a value: `JSON.stringify(project(schema, value))`, but a row or a page of rows that an engine keeps frozen is written only once, because
 * it cannot change. Lists are mostly made of such rows, and writing them again would cost more than reading them.
 */
export function serialise(schema: z.ZodType, value: unknown): string {
  return writerOf(schema)(value)
}

function writerOf(schema: z.ZodType): Writer {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const made = compile(schema)
  compiled.set(schema, made)
  return made
}

type Definition = { type: string; shape?: Record<string, z.ZodType>; element?: z.ZodType }

function compile(schema: z.ZodType): Writer {
  const { def } = schema as unknown as { def: Definition }
  if (def.type === 'array' && def.element !== undefined) {
    const item = writerOf(def.element)
    return (value) => `[${(value as unknown[]).map(item).join(',')}]`
  }
  if (def.type !== 'object') return (value) => JSON.stringify(project(schema, value))
  // only a list inside is worth a writer of its own; other members are written as they are projected
  const shape = def.shape ?? {}
  const lists = Object.entries(shape).filter(([, field]) => (field as unknown as { def: Definition }).def.type === 'array')
  return remembered(lists.length === 0 ? (value) => JSON.stringify(project(schema, value)) : withLists(shape))
}

/** The text of a frozen row, or of a frozen page of them, kept as long as that itself. */
function remembered(write: Writer): Writer {
  const texts = new WeakMap<object, string>()
  return (value) => {
    const row = value as object
    const before = texts.get(row)
    if (before !== undefined) return before
    const text = write(row)
    if (isFixed(row)) texts.set(row, text)
    return text
  }
}

/** Frozen, its lists too, and the rows in those. A row's own nested values are frozen with it by the engine. */
function isFixed(value: object): boolean {
  if (!Object.isFrozen(value)) return false
  return Object.values(value).every((member) => !Array.isArray(member) || (Object.isFrozen(member) && member.every(Object.isFrozen)))
}

function withLists(shape: Record<string, z.ZodType>): Writer {
  const fields = Object.entries(shape).map(([key, field]) => [key, JSON.stringify(key), writerOf(field)] as const)
  return (value) => {
    const from = value as Record<string, unknown>
    let text = ''
    for (const [key, name, write] of fields) {
      const member = from[key]
      const written = member === undefined ? undefined : write(member)
      if (written !== undefined) text += `${text === '' ? '' : ','}${name}:${written}`
    }
    return `{${text}}`
  }
}
