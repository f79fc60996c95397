import type { Surface } from '../../http/route.ts'
import { type AppError, type ErrorKind, type FieldError, statusOf } from '../../kernel/errors.ts'
import { wireName } from './words.ts'

type Asked = Parameters<Surface['problem']>[1]
type Said = { status: number; detail: string }

/** The kinds that this dialect answers otherwise than the rest of us. */
const statuses: Partial<Record<ErrorKind, number>> = { unprocessable: 400, media_type: 400 }

/** Codes that are 400 here, and 409 or 403 on our own interface. */
const asInvalid: ReadonlySet<string> = new Set([
  'employee_inactive',
  'employee_active',
  'wrong_password',
  'attendance_marked',
  'checked_out',
  'leave_overlap',
  'leave_balance',
  'leave_processed',
])
/** Codes that keep their status though their kind has another here. */
const kept: ReadonlySet<string> = new Set(['idempotency_mismatch', 'idempotency_key_invalid'])

const invalidJson = 'Invalid JSON data'

/** Sentences of this dialect for what the door, the frame and shared operations refuse. A code that is not here has its own message. */
const sentences: Readonly<Record<string, string>> = {
  malformed_json: invalidJson,
  bad_json: invalidJson,
  unsupported_media_type: invalidJson,
  not_found: 'Not found',
  unknown_path: 'Not found',
  wrong_password: 'Current password is incorrect',
  username_taken: 'Employee ID already exists',
  email_taken: 'Email already exists',
}

/** What a 403 says where it is no matter of the role. */
const ownWords: ReadonlySet<string> = new Set([
  'password_change_required',
  'tenant_inactive',
  'tenant_expired',
  'employee_protected',
  'no_tenant',
])

const refusedSignIn: Said = { status: 401, detail: 'Invalid employee ID or password' }
const incomplete: Said = { status: 400, detail: 'Please enter both Employee ID and password.' }

/** An error in this dialect: `title`, `detail`, `error` and `message` are one sentence. */
export function problem(error: AppError, asked: Asked): ReturnType<Surface['problem']> {
  const refused = signInProblem(error, asked)
  const { status, detail } = refused ?? plain(error, asked)
  // whoever cannot come in is told neither a code of the reason nor a field
  if (refused?.status === 401)
    return { status, title: detail, detail, code: 'invalid_credentials', extra: { success: false, errors: undefined } }
  const errors = error.errors?.map(wireError)
  return { status, title: detail, detail, extra: { success: false, ...(errors === undefined || errors.length === 0 ? {} : { errors }) } }
}

/** A refusal of a row of a sheet begins with its line. */
function wireError({ field, message }: FieldError) {
  const row = /^Row (\d+): /.exec(message)?.[1]
  return { ...(row === undefined ? {} : { row: Number(row) }), field: wireName(field), message }
}

function plain(error: AppError, asked: Asked): Said {
  const { code, kind } = error
  const status = asInvalid.has(code) ? 400 : kept.has(code) ? statusOf[kind] : (statuses[kind] ?? statusOf[kind])
  if (code === 'throttled' && asked.operation === 'employee.password') return { status: 400, detail: 'Current password is incorrect' }
  if (status === 403 && asked.operation === 'attendance.confirm' && (code === 'forbidden' || code === 'dc_required'))
    return { status, detail: 'Access denied. DC privileges required.' }
  if (status === 403 && !ownWords.has(code)) return { status, detail: 'Access denied' }
  return { status, detail: sentences[code] ?? sentenceOf(error) }
}

/** Whoever cannot come in, for whatever reason, hears the same; only a field that was left out is told. */
function signInProblem({ code }: AppError, { operation }: Asked): Said | null {
  if (operation !== 'employee.sign-in') return null
  if (['invalid_credentials', 'throttled', 'network_throttled', 'second_factor_required', 'no_tenant'].includes(code)) return refusedSignIn
  return code === 'validation_failed' ? incomplete : null
}

/** The message, with fields called as they are called here. */
function sentenceOf({ code, message, errors = [] }: AppError): string {
  const [first] = errors
  return code === 'validation_failed' && first !== undefined && first.field !== ''
    ? `${wireName(first.field)}: ${first.message}`
    : message || code
}
