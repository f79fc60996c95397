import type { WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'

/** The body as an object. Errors: `malformed_json` for any other. */
export function bodyOf({ body }: WireRequest): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw new AppError('invalid', 'malformed_json', 'The body must be a JSON object.')
}
