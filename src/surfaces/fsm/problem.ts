import type { Surface } from '../../http/route.ts'
import { type AppError, type ErrorKind, statusOf } from '../../kernel/errors.ts'

type Asked = Parameters<Surface['problem']>[1]
type Answer = ReturnType<Surface['problem']>

/** The kinds that this dialect answers otherwise than the rest of us. */
const statuses: Partial<Record<ErrorKind, number>> = { unprocessable: 400 }
/** Codes that keep their status though their kind has another here. */
const kept = new Set(['idempotency_mismatch', 'idempotency_key_invalid'])

/** Short texts (`title`, `error`) of what the door and the frame refuse. A code that is not here has one text for both: its own message. */
const titles: Readonly<Record<string, string>> = {
  malformed_json: 'Invalid JSON',
  bad_json: 'Invalid JSON',
  method_not_allowed: 'Method not allowed',
  unknown_path: 'Not found',
  body_too_large: 'Payload too large',
  unsupported_media_type: 'Unsupported media type',
  bad_request: 'Bad request',
  unauthenticated: 'Unauthorized',
  invalid_token: 'Unauthorized',
  forbidden: 'Forbidden',
  password_change_required: 'Forbidden',
  rate_limited: 'Too many requests',
  validation_failed: 'Invalid request',
  bad_cursor: 'Invalid cursor',
  version_conflict: 'Too many changes at once',
  idempotency_mismatch: 'Idempotency-Key was used with another request',
  idempotency_key_invalid: 'Invalid Idempotency-Key',
  starting: 'Service unavailable',
  stopping: 'Service unavailable',
  busy: 'Service unavailable',
  storage_failed: 'Service unavailable',
  no_space: 'No space left',
  internal: 'Internal server error',
}

/** An error in this dialect: `title` and `error` are the short text, `detail` and `message` the longer one. */
export function problem(error: AppError, asked: Asked): Answer {
  const status = kept.has(error.code) ? statusOf[error.kind] : (statuses[error.kind] ?? statusOf[error.kind])
  const extra = /^\/fsm\/appointments(?:[/?]|$)/.test(asked.path) ? { extra: { success: false } } : {}
  return { status, title: titles[error.code] ?? error.message, detail: error.message, ...extra }
}
