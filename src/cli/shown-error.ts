import { AppError } from '../kernel/errors.ts'

const full = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL']
const denied = ['EACCES', 'EPERM', 'EROFS', 'SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_PERM', 'EEXIST', 'ENOTDIR']

/** Whatever was thrown, as an error that may be shown. Of what the operating system refuses, an operator can mend two: a full disk, and files of another user. */
export function shownError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const { code = '', path } = error as NodeJS.ErrnoException
  const where = path ?? 'the data folder'
  if (full.includes(code))
    return new AppError('no_space', 'no_space', `There is no space left for ${where}. Free some and try again.`, { cause: error })
  if (denied.some((each) => code.startsWith(each)))
    return new AppError(
      'unavailable',
      'no_access',
      `${where} cannot be used (${code}). Run this as the user that owns it, or choose another folder with HOLDFAST_DATA.`,
      { cause: error },
    )
  return new AppError('internal', 'internal', `Something went wrong: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  })
}
