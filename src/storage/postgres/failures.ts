import { AppError } from '../../kernel/errors.ts'

/** What PostgreSQL or the way to it said: an SQLSTATE (documentation, appendix A) or an error of Node's net module. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

const retrySoon = { retryAfterSeconds: 5 }

export const storageFailed = (cause?: unknown): AppError =>
  new AppError('unavailable', 'storage_failed', 'The data cannot be written right now. Try again in a moment.', { cause, ...retrySoon })

const noSpace = (cause?: unknown): AppError =>
  new AppError('no_space', 'no_space', 'There is no space left to store this. Free some space; nothing was changed.', { cause })

/** What a read that the database could not serve is rejected with. */
export const readFailed = (cause: unknown): AppError =>
  new AppError('unavailable', 'storage_failed', 'The data cannot be read right now. Try again in a moment.', { cause, ...retrySoon })

/** What a commit that the database could not serve is rejected with. Whether it was done is unknown when the connection was cut; repeating it with the same Idempotency-Key is safe. */
export const writeFailed = (cause: unknown): AppError => (codeOf(cause) === '53100' ? noSpace(cause) : storageFailed(cause))

/** Lost a race against another transaction, and nothing of it is stored: worth trying again. */
export const isRace = (error: unknown): boolean => ['23503', '23505', '40001', '40P01'].includes(codeOf(error))

/** The connection is gone, or the server refuses work as a whole: no statement of ours is to blame. */
export const isOutage = (error: unknown): boolean =>
  error instanceof Lost || /^(08|53|57P|58)|^(55P03|57014|25006|25P03)$|^E[A-Z]{3}/.test(codeOf(error))

/** The connection ended, or could not be made. */
export class Lost extends Error {
  override name: string = 'Lost'
}

/** The connection ended under a statement: another one may well be good. */
export class Severed extends Lost {
  override name = 'Severed'
}

/** What keeps a database from being opened, as an operator's error. `shown` is the URL without its password. */
export function openingFailed(shown: string, error: unknown): unknown {
  if (error instanceof AppError) return error
  const state = codeOf(error) || codeOf(error instanceof Error ? error.cause : null)
  const cannotOpen = (code: string, text: string) => new AppError('unavailable', code, text, { cause: error })
  if (state === '28P01' || state === '28000')
    return cannotOpen('database_credentials', `PostgreSQL refuses the user or password of ${shown}. Correct HOLDFAST_STORAGE.`)
  if (state === '3D000')
    return cannotOpen(
      'database_missing',
      `The database of ${shown} does not exist. Create it: bin/holdfast postgres setup --admin-url postgres://…`,
    )
  if (state === '42501')
    return cannotOpen(
      'database_rights',
      `The user of ${shown} may not do what is needed (${textOf(error)}). Run: bin/holdfast postgres setup --admin-url postgres://…`,
    )
  if (error instanceof Lost || isOutage(error))
    return cannotOpen(
      'database_unreachable',
      `PostgreSQL at ${shown} cannot be reached (${textOf(error)}). Start it, or correct HOLDFAST_STORAGE.`,
    )
  return error
}

export const textOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(textOf).join('; ')
  return error instanceof Error ? error.message || error.name : String(error)
}
