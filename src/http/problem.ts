import { STATUS_CODES } from 'node:http'
import { AppError, type FieldError } from '../kernel/errors.ts'

export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: string
  errors?: FieldError[]
  requestId: string
  /** The title and the detail again, for older clients. */
  error: string
  message: string
}

export const problemType = 'application/problem+json; charset=utf-8'

type Shown = {
  status: number
  title?: string
  detail: string
  code?: string
  errors?: FieldError[] | undefined
  extra?: Record<string, unknown>
}

/** The one shape of every error (RFC 9457). `type` is a relative reference into docs/errors.md as served at `/docs/errors`. */
export function problemBody(shown: Shown, code: string, requestId: string): Problem {
  const title = shown.title ?? STATUS_CODES[shown.status] ?? 'Error'
  const stable = shown.code ?? code
  return {
    type: `/docs/errors#${stable}`,
    title,
    status: shown.status,
    detail: shown.detail,
    code: stable,
    ...(shown.errors === undefined || shown.errors.length === 0 ? {} : { errors: shown.errors }),
    requestId,
    error: title,
    message: shown.detail,
    ...shown.extra,
  }
}

/** Whatever was thrown, as an AppError: anything unknown is `internal`, and its words stay here. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  return new AppError('internal', 'internal', 'Something went wrong on our side. It has been logged under the request id.', {
    cause: error,
  })
}
