import type { WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'

type Body = Readonly<Record<string, unknown>>

/** The body as an object. Errors: `malformed_json` for any other. */
export function bodyOf({ body }: WireRequest): Body {
  if (typeof body === 'object' && body !== null && !Array.isArray(body) && !Buffer.isBuffer(body)) return body as Body
  throw new AppError('invalid', 'malformed_json', 'The body must be a JSON object.')
}

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** A field's name in this dialect: `firstName` → `first_name`. Paths keep their dots. */
export const wireName = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A body or query in our names: `first_name` → `firstName`. A name that is not in lower case and underscores is nobody's and stays as it is. */
export const fieldsOf = (body: Body): Record<string, unknown> =>
  Object.fromEntries(Object.entries(body).map(([name, value]) => [/[A-Z]/.test(name) ? name : camel(name), value]))
