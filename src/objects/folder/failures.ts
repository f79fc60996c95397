import { AppError } from '../../kernel/errors.ts'

export const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null

/** What a failed call of the file system means to a caller. */
export function failureOf(error: unknown): unknown {
  const code = codeOf(error)
  if (error instanceof AppError || code === null || code.startsWith('ERR_')) return error
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('no_space', 'no_space', 'There is no space left to store this. Free some space; nothing was changed.', {
      cause: error,
    })
  return new AppError('unavailable', 'objects_unavailable', 'Files cannot be read or written right now. Try again in a moment.', {
    cause: error,
    retryAfterSeconds: 5,
  })
}

/** Runs it; what the file system refuses leaves as `no_space` or `objects_unavailable`. */
export async function reported<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw failureOf(error)
  }
}
