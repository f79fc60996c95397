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

/** A body or query in our names: `first_name` → `firstName`. Names with capitals are nobody's here, so they are left out. */
export const fieldsOf = (body: Body): Record<string, unknown> =>
  Object.fromEntries(Object.entries(body).flatMap(([name, value]) => (/[A-Z]/.test(name) ? [] : [[camel(name), value]])))

/** The same where every name has to be known. Errors: `validation_failed`. */
export function knownFieldsOf(body: Body): Record<string, unknown> {
  const field = Object.keys(body).find((name) => /[A-Z]/.test(name))
  if (field === undefined) return fieldsOf(body)
  const message = 'is not a known field'
  throw new AppError('unprocessable', 'validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })
}
