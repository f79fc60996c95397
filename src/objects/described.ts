import { createHash } from 'node:crypto'
import { AppError } from '../kernel/errors.ts'
import type { ByteRange, Described, ObjectBody } from './port.ts'

/** What one request can carry to S3: 5 GiB. */
const largest = 5 * 1024 ** 3

/** The description itself. A bad one is a bug of the caller. */
export function checkedDescription(described: Described): Described {
  const { size, sha256, type } = described
  if (!Number.isInteger(size) || size < 0 || size > largest) throw new Error(`An object cannot have ${size} bytes`)
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error('A SHA-256 is 64 lower-case hexadecimal digits')
  if (!/^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/.test(type))
    throw new Error(`${JSON.stringify(type)} is no MIME type without parameters`)
  return described
}

export const isSame = (a: Described, b: Described): boolean => a.size === b.size && a.sha256 === b.sha256 && a.type === b.type

export const mismatch = (cause?: unknown): AppError =>
  new AppError(
    'unprocessable',
    'object_mismatch',
    'The bytes are not those that were announced: size, type or SHA-256 differ. Nothing was kept.',
    {
      cause,
    },
  )

export const exists = (): AppError =>
  new AppError('conflict', 'object_exists', 'There is something else under this key, and objects are never replaced. Choose another key.')

export const damaged = (key: string, cause?: unknown): AppError =>
  new AppError(
    'internal',
    'object_damaged',
    `The object ${key} is not what was put: its bytes or its description were altered. Restore it from a backup.`,
    { cause },
  )

/**
 * The chunks of a body, the last of them only after size and digest were found right: a reader that needs all of it never gets a wrong whole. Errors: `object_mismatch`, and what the body throws.
 */
export async function* verified(body: ObjectBody, { size, sha256 }: Described): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let met = 0
  let held: Uint8Array | null = null
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    met += chunk.byteLength
    if (met > size) throw mismatch()
    hash.update(chunk)
    if (held !== null) yield held
    held = chunk
  }
  if (met !== size || hash.digest('hex') !== sha256) throw mismatch()
  if (held !== null) yield held
}

/** The range as first and last byte, within the object. Errors: `range_invalid`. */
export function boundsOf({ start, length }: ByteRange, size: number): { first: number; last: number } {
  if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 1 || start >= size)
    throw new AppError('unprocessable', 'range_invalid', `The range begins behind the end of the object, which has ${size} bytes.`)
  return { first: start, last: Math.min(start + length, size) - 1 }
}

/** `Content-Disposition` of an attachment (RFC 6266; the name in UTF-8 by RFC 8187, and in ASCII for those who cannot read that). */
export function attachment(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
