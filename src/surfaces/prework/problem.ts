import type { Surface } from '../../http/route.ts'
import { type AppError, type ErrorKind, statusOf } from '../../kernel/errors.ts'

type Answer = ReturnType<Surface['problem']>

/** The kinds that this dialect answers otherwise than the rest of us. */
const statuses: Partial<Record<ErrorKind, number>> = { unprocessable: 400 }

/** Codes whose status, code or words are this dialect's own. */
const own: Readonly<Record<string, { status?: number; code?: string; detail?: string }>> = {
  unauthenticated: { detail: 'Unauthorized' },
  invalid_token: { detail: 'Unauthorized' },
  idempotency_mismatch: { status: 409, code: 'idempotency_key_reused', detail: 'This Idempotency-Key was used with another request.' },
  idempotency_key_invalid: { status: 400, code: 'invalid' },
  version_conflict: { code: 'revision_conflict' },
  weak_password: { status: 400, code: 'invalid' },
  manager_invalid: { status: 404, code: 'user_not_found', detail: 'User not found' },
  bad_cursor: { status: 400, code: 'invalid' },
  not_found: { detail: 'Not found' },
}

const signInFields: Readonly<Record<string, string>> = { login: 'email', tenant: 'organizationCode' }
const signIns = new Set(['pre-work.sign-in', 'session.create'])

const codeOf = (message: string): string =>
  message === 'is required' ? 'required' : message === 'is not a known field' ? 'unknown' : 'invalid'

/** Refusals of what is well-formed and cannot be done. */
const kept = new Set(['submission_incomplete', 'media_limit', 'media_quota', 'upload_mismatch'])

/** An error in this dialect (contracts/prework.md section 1). */
export function problem(error: AppError, asked: Parameters<Surface['problem']>[1]): Answer {
  const { code, kind } = error
  const isSignIn = asked.operation !== null && signIns.has(asked.operation)
  if (isSignIn && (code === 'throttled' || code === 'invalid_credentials' || code === 'second_factor_required'))
    return { status: 401, code: 'invalid_credentials', detail: 'Invalid credentials', extra: { errors: undefined } }
  // of a document it is the document's version that has moved on
  const said = code === 'version_conflict' && error.extra !== undefined ? undefined : own[code]
  const status = kept.has(code) ? 422 : (said?.status ?? statuses[kind] ?? statusOf[kind])
  const isInvalid = code === 'validation_failed' || code === 'bad_cursor' || code === 'weak_password'
  const errors = error.errors?.map(({ field, message }) => ({
    field: isSignIn ? (signInFields[field] ?? field) : field,
    message,
    code: codeOf(message),
  }))
  const missing = errors?.filter((one) => one.code === 'required').map(({ field }) => field) ?? []
  const incomplete = code === 'submission_incomplete'
  return {
    status,
    ...(code === 'validation_failed' ? { code: 'invalid' } : said?.code === undefined ? {} : { code: said.code }),
    detail: isInvalid && missing.length > 0 ? `Missing required fields: ${missing.join(', ')}` : (said?.detail ?? error.message),
    ...(errors === undefined || errors.length === 0 ? {} : { extra: { errors: incomplete ? error.errors : errors } }),
  }
}
