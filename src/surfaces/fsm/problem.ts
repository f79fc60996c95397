import type { Surface } from '../../http/route.ts'
import { type AppError, type ErrorKind, statusOf } from '../../kernel/errors.ts'
import { emailMessage } from '../../tenant/input.ts'
import { appointmentTexts } from './appointments-problem.ts'

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
  missing_fields: 'Missing required fields',
  tenant_exists: 'Tenant already exists',
  import_entries: 'Invalid import',
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

/** Codes that say themselves when to come again. The rest of what is our side's is one answer for who asks about a licence: never "not found". */
const passing = new Set(['starting', 'stopping', 'busy'])
const unknownLicence = { isValid: false, error: 'ERROR', message: 'Error validating tenant' }

/** An error in this dialect: `title` and `error` are the short text, `detail` and `message` the longer one. */
export function problem(error: AppError, asked: Asked): Answer {
  const { code, kind, message } = error
  if (asked.operation === 'licence.validate' && ['internal', 'unavailable', 'no_space'].includes(kind) && !passing.has(code))
    return { status: 500, title: unknownLicence.error, detail: unknownLicence.message, extra: unknownLicence }
  const status = kept.has(code) ? statusOf[kind] : (statuses[kind] ?? statusOf[kind])
  const texts = appointmentTexts(error, asked.operation) ?? tenantTexts(error) ?? { title: titles[code] ?? message, detail: message }
  const extra = {
    ...(/^\/fsm\/appointments(?:[/?]|$)/.test(asked.path) ? { success: false } : {}),
    ...(code === 'missing_fields' ? { missingFields: error.errors?.map(({ field }) => field) } : {}),
  }
  return { status, ...texts, extra }
}

/** Clients show this one as it is. */
function tenantTexts({ code, errors = [] }: AppError): { title: string; detail: string } | null {
  const isMail = code === 'validation_failed' && errors.length > 0 && errors.every(({ message }) => message === emailMessage)
  return isMail ? { title: emailMessage, detail: emailMessage } : null
}
