import { AppError } from '../../kernel/errors.ts'
import type { S3Options } from '../../objects/s3-client.ts'
import { isAnswer, refusalOf, statusIs } from '../../objects/s3-failures.ts'

/** Other stores than AWS's end somewhere. */
const isFull = (error: unknown): boolean => statusIs(error, 507) || isAnswer(error, 'QuotaExceeded', 'XMinioStorageFull')

/** What an operator is told of a bucket that does not do what it shall. What is no failure of S3 passes as it is: a bug, or what the caller's own stream threw. */
export const failedAs =
  (url: string, options: S3Options) =>
  (error: unknown): unknown => {
    if (error instanceof AppError) return error
    const refusal = refusalOf(error, { ...options, setting: 'HOLDFAST_BACKUP' })
    if (refusal === null) return error
    if (isFull(error))
      return new AppError(
        'no_space',
        'target_full',
        `The backup target ${url} has no space left. Free some, or choose another one with HOLDFAST_BACKUP.`,
        { cause: error },
      )
    return new AppError('unavailable', 'target_unreachable', `The backup target ${url} cannot be used. ${refusal.message}`, {
      cause: error,
      retryAfterSeconds: 30,
    })
  }

/** A file that Object Lock keeps. `until` null: by a legal hold. */
export const lockedUntil = (file: string, until: Date | null, cause: unknown): AppError =>
  new AppError(
    'conflict',
    'target_locked',
    until === null
      ? `The file ${file} is under a legal hold and cannot be removed. Lift the hold first.`
      : `The file ${file} is locked until ${until.toISOString()} and cannot be removed before. Prune again then.`,
    { cause },
  )

export const unconditional = (url: string): AppError =>
  new AppError(
    'unavailable',
    'target_unreachable',
    `The backup target ${url} replaces a file that is there though it was asked not to (If-None-Match), so backups would not be safe in it. Name a bucket of a store that keeps this condition.`,
  )
