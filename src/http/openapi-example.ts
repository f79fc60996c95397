import type { JsonSchema } from './openapi-types.ts'

/** What a text may look like, told by its field's name, so that an example reads like an answer. */
const byName: Readonly<Record<string, unknown>> = {
  username: 'ada',
  login: 'ada',
  fullName: 'Ada Example',
  full_name: 'Ada Example',
  firstName: 'Ada',
  first_name: 'Ada',
  lastName: 'Example',
  last_name: 'Example',
  name: 'Example',
  password: 'a longer and better sentence',
  newPassword: 'a longer and better sentence',
  message: 'Done.',
  city: 'Surat',
  phone: '+91 98765 43210',
}

/** For patterns and lengths: the first that fits is taken. */
const candidates = [
  'text',
  'example',
  '42',
  '7',
  '1',
  '09:30',
  '2026-11-25',
  '2026-11',
  '2026-11-25T09:30:00.000Z',
  '2026-11-25T09:30:00',
  '019b1f3a-7c40-7000-8000-000000000001',
  '123456',
  '9876543210',
  '+919876543210',
  'ada@example.org',
  'https://example.org/',
  '#1f6feb',
  'AB12CD34',
  'a'.repeat(32),
  'a'.repeat(64),
  '0'.repeat(64),
  '',
]

const byFormat: Readonly<Record<string, string>> = {
  'date-time': '2026-11-25T09:30:00.000Z',
  date: '2026-11-25',
  time: '09:30:00',
  uuid: '019b1f3a-7c40-7000-8000-000000000001',
  email: 'ada@example.org',
  uri: 'https://example.org/',
}

/** Parts that contain themselves end here. */
const deepest = 6

/**
 * An example of a schema of the description: the same one each time, valid by it. `isWhole`: every field that an object may have, as in an answer; else those that it needs, and all where it
 * needs none, as in a request. `resolve` finds what a reference names.
 */
export function exampleOf(schema: JsonSchema, { isWhole, resolve }: { isWhole: boolean; resolve(reference: string): JsonSchema }): unknown {
  function value(of: JsonSchema, name: string, depth: number): unknown {
    if (typeof of.$ref === 'string') return value(resolve(of.$ref), name, depth + 1)
    if ('const' in of) return of.const
    if ('default' in of) return of.default
    if (Array.isArray(of.enum)) return of.enum[0]
    const choices = (of.anyOf ?? of.oneOf) as JsonSchema[] | undefined
    if (choices !== undefined) return value(chosen(choices, depth), name, depth)
    if (Array.isArray(of.type)) return value({ ...of, type: of.type.find((type) => type !== 'null') as string }, name, depth)
    switch (of.type) {
      case 'string':
        return text(of, name)
      case 'integer':
      case 'number':
        return number(of)
      case 'boolean':
        return true
      case 'null':
        return null
      case 'array':
        return list(of, name, depth)
      case 'object':
        return object(of, depth)
      default:
        return byName[name] ?? 'text'
    }
  }

  /** The first that is something; where a thing contains itself again and again, nothing if that is allowed. */
  function chosen(choices: readonly JsonSchema[], depth: number): JsonSchema {
    const isNull = ({ type }: JsonSchema) => type === 'null'
    return (depth >= deepest ? choices.find(isNull) : undefined) ?? choices.find((one) => !isNull(one)) ?? choices[0] ?? {}
  }

  function list({ items, minItems = 0 }: JsonSchema, name: string, depth: number): unknown[] {
    const length = depth >= deepest ? Number(minItems) : Math.max(1, Number(minItems))
    return Array.from({ length }, () => value((items ?? {}) as JsonSchema, name.replace(/s$/, ''), depth + 1))
  }

  function object({ properties = {}, required = [], additionalProperties, propertyNames }: JsonSchema, depth: number): object {
    const needed = required as string[]
    const members = Object.entries(properties as Record<string, JsonSchema>)
    const shown = isWhole || needed.length === 0 ? members : members.filter(([name]) => needed.includes(name))
    const made = shown
      .filter(([name]) => depth < deepest || needed.includes(name))
      .map(([name, member]) => [name, value(member, name, depth + 1)])
    if (made.length > 0 || typeof additionalProperties !== 'object' || additionalProperties === null || depth >= deepest)
      return Object.fromEntries(made)
    const key = propertyNames === undefined ? 'example' : String(value(propertyNames as JsonSchema, 'name', depth + 1))
    return { [key]: value(additionalProperties as JsonSchema, key, depth + 1) }
  }

  return value(schema, '', 0)
}

function text({ format, pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: JsonSchema, name: string): string {
  const expression = typeof pattern === 'string' ? new RegExp(pattern, 'u') : null
  const fits = (one: string) => one.length >= Number(minLength) && one.length <= Number(maxLength) && (expression?.test(one) ?? true)
  const named = /email$/i.test(name) ? byFormat.email : byName[name]
  const known = [byFormat[String(format)], named].filter((one) => typeof one === 'string')
  return [...known, ...candidates].find(fits) ?? 'x'.repeat(Number(minLength))
}

/** 1, or the number nearest to it that is allowed. */
function number({ minimum, maximum, exclusiveMinimum, multipleOf }: JsonSchema): number {
  const least = Math.max(Number(minimum ?? Number.NEGATIVE_INFINITY), Number(exclusiveMinimum ?? Number.NEGATIVE_INFINITY) + 1)
  const near = Math.min(Math.max(1, least), Number(maximum ?? Number.POSITIVE_INFINITY))
  return multipleOf === undefined ? near : Math.ceil(near / Number(multipleOf)) * Number(multipleOf)
}
