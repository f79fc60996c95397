import { z } from 'zod'
import { AppError } from './errors.ts'
import { isUuid } from './id.ts'

export type Page<T> = { items: T[]; nextCursor: string | null }

export const pageLimit = { default: 50, max: 200 } as const

const limitWords = `must be a whole number from 1 to ${pageLimit.max}`

/** Query fields of every list (native-api.md section 1). Numbers arrive as text in a URL and as numbers from the CLI. */
export const pageInput = {
  limit: z
    .union(
      [
        z.int(),
        z
          .string()
          .regex(/^\d{1,4}$/)
          .transform(Number),
      ],
      limitWords,
    )
    .pipe(z.int().min(1, limitWords).max(pageLimit.max, limitWords))
    .optional(),
  cursor: z.string().min(1).max(2000).optional(),
}

/** A boolean that may come as the text of a query. */
export const queryBoolean = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')], 'must be true or false')

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), nextCursor: z.string().nullable() })

export type CursorValue = string | number

/** A cursor names the last row that was seen: its sort values and its id. `list` names the list, so that a cursor of another list is refused. */
export const encodeCursor = (list: string, values: readonly CursorValue[]): string =>
  Buffer.from(JSON.stringify([list, ...values])).toString('base64url')

export function decodeCursor(list: string, cursor: string, length: number): CursorValue[] {
  try {
    const [name, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[]
    const fits = name === list && values.length === length && values.every((v) => typeof v === 'string' || typeof v === 'number')
    if (fits) return values as CursorValue[]
  } catch {
    // not ours: refused below
  }
  throw badCursor()
}

const badCursor = () =>
  new AppError('unprocessable', 'bad_cursor', 'The cursor is not one that this list gave out.', {
    errors: [{ field: 'cursor', message: 'is not a cursor of this list' }],
  })

/** Of lists whose cursor is the id of the last row that was seen. Errors: `bad_cursor`. */
export function assertIdCursor(cursor: string | null): void {
  if (cursor !== null && !isUuid(cursor)) throw badCursor()
}
