import { AppError } from '../../kernel/errors.ts'
import { Conflict } from '../port.ts'
import type { Outcome } from './wire.ts'

export const storageFailed = (cause?: unknown): AppError =>
  new AppError('unavailable', 'storage_failed', 'The data cannot be written right now. Try again in a moment.', {
    cause,
    retryAfterSeconds: 5,
  })

export const noSpace = (cause?: unknown): AppError =>
  new AppError('no_space', 'no_space', 'There is no space left to store this. Free some space; nothing was changed.', { cause })

/** What a read that the storage could not serve is rejected with. */
export const readFailed = (cause: unknown): AppError =>
  new AppError('unavailable', 'storage_failed', 'The data cannot be read right now. Try again in a moment.', {
    cause,
    retryAfterSeconds: 5,
  })

/** What a commit that was not done is rejected with. A bug is a plain error: nobody but its author can act on it. */
export function errorOf(outcome: Exclude<Outcome, readonly ['done', ...unknown[]]>): Error {
  switch (outcome[0]) {
    case 'full':
      return noSpace(new Error(outcome[1]))
    case 'failed':
      return storageFailed(new Error(outcome[1]))
    case 'bug':
      return new Error(outcome[1])
    default:
      return new Conflict(outcome[0], outcome[1], outcome[2], outcome[3])
  }
}
