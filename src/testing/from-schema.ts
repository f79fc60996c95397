import fc from 'fast-check'
import type { JsonSchema, OpenApi } from '../http/openapi-types.ts'

/** What breaks programs: empty, blank, long, markup, quotes, controls, look-alikes of numbers and of nothing, other scripts, names of prototypes. */
const nasty = [
  '',
  ' ',
  'null',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  'true',
  '__proto__',
  'constructor',
  "' OR 1=1 --",
  '<script>alert(1)</script>',
  '%00',
  '%',
  '../../etc/passwd',
  '\u0000',
  '\u202e\u0301',
  '𝔘ñï©ødé 🧑‍🚒',
  '\ud800',
  'x'.repeat(300),
  'x'.repeat(5000),
] as const

/** Values for a schema of the description, mostly ones that fit, else anything that JSON can say. `known` are texts that exist in the store, so that requests get further than 404. */
export function valuesOf(description: OpenApi, known: readonly string[]) {
  const anything = fc.oneof(fc.constantFrom(...nasty), fc.jsonValue({ maxDepth: 3 }), fc.integer(), fc.double(), fc.constant(null))

  function fitting(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
    if (typeof schema.$ref === 'string') return fitting(resolve(schema.$ref), depth)
    if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum)
    if ('const' in schema) return fc.constant(schema.const)
    const choices = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined
    if (choices !== undefined) return fc.oneof(...choices.map((choice) => fitting(choice, depth)))
    if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => fitting({ ...schema, type }, depth)))
    switch (schema.type) {
      case 'string':
        return text(schema)
      case 'integer':
        return fc.oneof(
          fc.integer({ min: 0, max: 3 }),
          fc.integer({ min: Number(schema.minimum ?? -5), max: Number(schema.maximum ?? 2 ** 31) }),
        )
      case 'number':
        return fc.double({ noNaN: true, noDefaultInfinity: true })
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      case 'array':
        return fc.array(depth > 3 ? fc.constant(null) : value((schema.items ?? {}) as JsonSchema, depth + 1), { maxLength: 4 })
      case 'object':
        return object(schema, depth)
      default:
        return fc.jsonValue({ maxDepth: 2 })
    }
  }

  function text({ format, pattern, minLength = 0, maxLength = 60 }: JsonSchema): fc.Arbitrary<string> {
    const free = fc.string({
      minLength: Number(minLength),
      maxLength: Math.max(Number(minLength), Math.min(60, Number(maxLength))),
      unit: 'grapheme',
    })
    const made =
      format === 'date-time'
        ? fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
        : format === 'uuid'
          ? fc.uuid()
          : typeof pattern === 'string'
            ? matching(pattern)
            : free
    return fc.oneof({ weight: 3, arbitrary: made }, { weight: 2, arbitrary: fc.constantFrom(...known) })
  }

  // what fast-check cannot make texts from: classes of Unicode, looking ahead
  const matching = (pattern: string): fc.Arbitrary<string> =>
    /\\p\{|\(\?[=!<]/.test(pattern) ? fc.stringMatching(/^[a-z][a-z0-9._-]{0,30}$/) : fc.stringMatching(new RegExp(pattern))

  function object(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
    const required = (schema.required ?? []) as string[]
    return fc.record(Object.fromEntries(properties.map(([name, member]) => [name, value(member, depth + 1)])), {
      requiredKeys: required.filter((name) => properties.some(([known]) => known === name)),
    })
  }

  const resolve = (reference: string): JsonSchema => {
    const [, , kind = '', name = ''] = reference.split('/')
    return description.components[kind]?.[name] ?? {}
  }

  const value = (schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 9, arbitrary: fitting(schema, depth) }, { weight: 1, arbitrary: anything })

  return { value, anything }
}
