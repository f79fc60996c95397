import type { z } from 'zod'

type Projector = (value: unknown) => unknown

const identity: Projector = (value) => value
const compiled = new WeakMap<z.ZodType, Projector>()

/**
 * Keeps of an output what its schema names and drops the rest, so that no field leaves that was not declared. It filters and does not check: outputs are our own rows, and tests parse every one of them in full
 * (perform.ts), which a page of rows would pay for with more time than it takes to read them.
 */
export function project(schema: z.ZodType, value: unknown): unknown {
  return projectorOf(schema)(value)
}

function projectorOf(schema: z.ZodType): Projector {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  // a schema that contains itself finds this entry while it is being compiled
  let made: Projector | null = null
  compiled.set(schema, (value) => (made ?? identity)(value))
  made = compile(schema)
  compiled.set(schema, made)
  return made
}

function compile(schema: z.ZodType): Projector {
  const { def } = schema as unknown as {
    def: { type: string; shape?: Record<string, z.ZodType>; element?: z.ZodType; innerType?: z.ZodType; getter?: () => z.ZodType }
  }
  switch (def.type) {
    case 'object':
      return ofObject(def.shape ?? {})
    case 'array': {
      const item = def.element === undefined ? identity : projectorOf(def.element)
      return item === identity ? identity : (value) => (value as unknown[]).map(item)
    }
    case 'nullable':
    case 'optional': {
      const inner = def.innerType === undefined ? identity : projectorOf(def.innerType)
      return inner === identity ? identity : (value) => (value === null || value === undefined ? value : inner(value))
    }
    case 'lazy': {
      let inner: Projector | null = null
      return (value) => {
        inner ??= def.getter === undefined ? identity : projectorOf(def.getter())
        return inner(value)
      }
    }
    case 'union':
    case 'intersection':
    case 'pipe':
    case 'transform':
    case 'default':
      // which branch fits, and what a transformation makes of it, only zod knows
      return (value) => schema.parse(value)
    default:
      return identity
  }
}

function ofObject(shape: Record<string, z.ZodType>): Projector {
  const fields = Object.entries(shape).map(([key, field]) => [key, projectorOf(field)] as const)
  return (value) => {
    const from = value as Record<string, unknown>
    const kept: Record<string, unknown> = {}
    for (const [key, inner] of fields) {
      const member = from[key]
      if (member !== undefined) kept[key] = inner === identity ? member : inner(member)
    }
    return kept
  }
}
