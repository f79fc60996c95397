import { z } from 'zod'
import type { JsonSchema, Reference } from './openapi-types.ts'
import { problemBody } from './problem.ts'

/** Patterns that say again, at length, what `format` says. */
const wellKnown = new Set(['date-time', 'date', 'time', 'uuid', 'email', 'uri'])

const exampleId = '019b1f3a-7c40-7000-8000-000000000001'

/** Collects schemas under `#/components/schemas`. */
export type Schemas = {
  components: Record<string, JsonSchema>
  /** A zod schema as it is sent (`input`) or answered (`output`), in the dialect of OpenAPI 3.1 (JSON Schema 2020-12). Parts that contain themselves are called after `owner`. */
  of(schema: z.ZodType, io: 'input' | 'output', owner: string): JsonSchema
  /** What a problem looks like, once for every pair of status and code, under `#/components/examples`. */
  problem(status: number, code: string): Reference
  examples: Record<string, JsonSchema>
  /** What a reference into the components names. */
  resolve(reference: string): JsonSchema
}

/** `named` stand once, under their names, wherever they occur in answers. */
export function createSchemas(named: Readonly<Record<string, z.ZodType>>): Schemas {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const components: Record<string, JsonSchema> = {}
  const examples: Record<string, JsonSchema> = {}
  return {
    components,
    examples,
    resolve: (reference) => components[reference.replace('#/components/schemas/', '')] ?? {},
    problem(status, code) {
      const name = `${status}-${code}`
      examples[name] ??= { value: problemBody({ status, detail: 'One sentence that a person can act on.' }, code, exampleId) }
      return { $ref: `#/components/examples/${name}` }
    },
    of(schema, io, owner) {
      const {
        $schema: _,
        $defs,
        ...made
      } = z.toJSONSchema(schema, {
        ...(io === 'output' ? { metadata: registry } : {}),
        io,
        unrepresentable: 'any',
      }) as JsonSchema
      const rename = (id: string): string => id.replace(/^__schema/, `${owner.replace(/\W/g, '-')}-${io}-`)
      for (const [id, definition] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>))
        components[rename(id)] = tidy(definition, io, rename) as JsonSchema
      return tidy(made, io, rename) as JsonSchema
    },
  }
}

/** References into the components; no pattern beside a known format; bounds that only say "a safe integer" left out; answers open for fields to come. */
function tidy(value: unknown, io: 'input' | 'output', rename: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => tidy(item, io, rename))
  if (typeof value !== 'object' || value === null) return value
  const made: JsonSchema = {}
  for (const [key, member] of Object.entries(value)) {
    if (key === 'pattern' && wellKnown.has(String((value as JsonSchema).format))) continue
    if ((key === 'minimum' || key === 'maximum') && Math.abs(Number(member)) === Number.MAX_SAFE_INTEGER) continue
    if (key === 'additionalProperties' && member === false && io === 'output') continue
    if (key === 'propertyNames' && JSON.stringify(member) === '{"type":"string"}') continue
    made[key] = key === '$ref' ? `#/components/schemas/${rename(String(member).replace('#/$defs/', ''))}` : tidy(member, io, rename)
  }
  return made
}

/** What may stand in a query: the text form of numbers and booleans is understood, so only the form itself is described. */
export function queryForm(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema
  const typed = (Array.isArray(anyOf) ? (anyOf as JsonSchema[]) : []).find(
    ({ type }) => type === 'integer' || type === 'boolean' || type === 'number',
  )
  return typed === undefined ? schema : { ...rest, ...typed }
}
