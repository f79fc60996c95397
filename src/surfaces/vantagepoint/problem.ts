import type { Surface } from '../../http/route.ts'
import { type AppError, type ErrorKind, type FieldError, statusOf } from '../../kernel/errors.ts'
import { weakness } from '../../user/plan.ts'
import { wireName } from './words.ts'

type Asked = Parameters<Surface['problem']>[1]
type Said = { status: number; detail: string; code?: string }
type Answer = string | Said | ((about: { error: AppError; asked: Asked; field: string }) => string | Said)

/** The kinds that this dialect answers otherwise than the rest of us: what is wrong with a request is 400, and a race that could not be won is for later. */
const statuses: Partial<Record<ErrorKind, number>> = {
  unprocessable: 400,
  conflict: 400,
  media_type: 400,
  stale: 400,
  gone: 404,
  method: 404,
  unsupported: 400,
}

const credentials: Said = { status: 401, detail: 'Invalid credentials' }
const token: Said = { status: 401, detail: 'Invalid or expired token' }

function weakPassword(error: AppError): string {
  const { rule, minLength } = weakness(error)
  if (rule === 'length') return `Password must be ${minLength}-1024 characters`
  return rule === 'common' ? 'Password is too common' : 'Password must not contain the username, name, e-mail or organisation'
}

const forbidden: Readonly<Record<string, string>> = {
  'agent.create': 'Only admins and managers can create users',
  'agent.list': 'Only admins and managers can view users',
  'agent.update': 'Only admins can edit users',
  'organization.managers': 'Only admins can view managers list',
  'organization.sales-teams': 'Only admins can view organizational structure',
  'report.manager-sales': 'Admin access required',
  'report.commission': 'Admin or Manager access required',
  'lead.remove': 'Only admins and managers can delete leads',
  'lead.create-many': 'Only admins can upload leads in bulk',
}

/** What an agent or a manager wanted to do with a lead out of reach. */
const deeds: Readonly<Record<string, string>> = { 'lead.remove': 'delete leads', 'lead.send-docs': 'send docs for leads' }
const ownDeeds: Readonly<Record<string, string>> = { 'lead.send-docs': 'send docs for your own leads' }

/** Every refusal in this dialect's words: code → text, with the status where the kind does not give it. */
const answers: Readonly<Record<string, Answer>> = {
  unauthenticated: 'Missing or invalid authorization header',
  invalid_token: token,
  invalid_credentials: credentials,
  second_factor_required: credentials,
  tenant_inactive: 'Tenant is inactive',
  tenant_expired: 'Tenant license has expired',
  throttled: ({ error, asked }) =>
    asked.operation === 'agent.sign-in'
      ? credentials
      : { status: 400, detail: asked.operation === 'agent.password' ? 'Current password is incorrect' : error.message },
  network_throttled: 'Too many attempts, try again later',
  password_change_required: 'Password change required',
  wrong_password: { status: 400, detail: 'Current password is incorrect' },
  malformed_json: 'Malformed JSON',
  // a place that the door found is counted from 0, a row of a batch from 1
  bad_json: ({ error, field }) =>
    error.errors === undefined
      ? 'Malformed JSON'
      : `${field.replace(/^leads\.(\d+)\./, (_, index: string) => `Lead ${Number(index) + 1}: `)} contains characters that are not allowed`,
  unknown_path: 'Endpoint not found',
  idempotency_mismatch: { status: 409, detail: 'Idempotency-Key was used with another request' },
  idempotency_in_progress: { status: 409, detail: 'A request with this Idempotency-Key is still running' },
  version_conflict: { status: 503, detail: 'Too many changes at once, try again' },
  body_too_large: 'Request body is too large',
  validation_failed: ({ error, asked }) => (asked.operation === 'agent.sign-in' ? 'Username and password required' : error.message),
  not_found: ({ asked }) =>
    asked.operation?.startsWith('lead.') ? 'Lead not found' : asked.operation === 'agent.update' ? 'User not found' : 'Not found',
  forbidden: ({ asked }) => refusalOf(asked),
  no_tenant: 'No tenant',

  username_required: 'Username is required',
  username_invalid: 'Username must be 3-64 characters: letters, digits and _ . @ -',
  role_invalid: 'Invalid role',
  agents_only: 'Managers can only create agent accounts',
  password_required: 'Password is required',
  weak_password: ({ error }) => weakPassword(error),
  email_invalid: 'Invalid email',
  manager_invalid: 'Invalid manager_id: Manager not found',
  username_taken: 'Username already exists',
  email_taken: 'Email already exists',
  owners_only: 'Only owners can edit owners',
  role_not_grantable: 'Only owners can edit owners',
  deactivates_self: 'You cannot deactivate your own account',
  active_invalid: 'Invalid is_active',

  field_required: ({ field }) => `${field} is required`,
  text_expected: ({ field }) => `${field} must be a string`,
  text_not_allowed: ({ field }) => `${field} contains characters that are not allowed`,
  text_too_long: ({ field }) => `${field} is too long`,
  creator_mismatch: 'created_by must be the caller',
  score_invalid: 'Invalid score',
  status_invalid: 'Invalid status',
  priority_invalid: 'Invalid priority',
  owner_invalid: 'Invalid assigned_user_id: User not found',
  owner_not_self: 'You can only assign leads to yourself',
  owner_not_in_team: 'You can only assign leads within your team',
  unassign_not_allowed: 'Only admins can unassign leads',
  lead_closed: 'Closed leads cannot be reassigned',
  lead_not_own: ({ asked }) => `You can only ${ownDeeds[asked.operation ?? ''] ?? 'edit your own leads'}`,
  lead_not_in_team: ({ asked }) => `You can only ${deeds[asked.operation ?? ''] ?? 'edit leads'} of your own team`,
  search_text_required: "Search query 'q' parameter is required",
  limit_invalid: 'Invalid limit',
  bad_cursor: 'Invalid cursor',
  leads_expected: 'Invalid format. Expected {"leads": [...]}',
  too_many_leads: 'Maximum 1000 leads per batch',
  lead_expected: 'must be an object',
  lead_without_email: 'Lead must have email before sending docs',
  docs_sent_already: 'Documents already sent to this lead',
  lead_not_open: 'Lead must be in new, contacted or qualified status',
  docs_not_configured: 'Document delivery is not configured',
  docs_failed: 'Document delivery failed',
  date_invalid: ({ field }) => `Invalid ${field}`,
  closer_invalid: 'Invalid user_id',
  closer_not_in_team: 'You can only view your own team',
}

/** An error in this dialect. A bulk row's refusal begins with its place. */
export function problem(error: AppError, asked: Asked): ReturnType<Surface['problem']> {
  const place = error.errors?.[0]?.field ?? ''
  const [, row, name] = error.code === 'bad_json' ? [undefined, undefined, place] : (/^(?:leads\.(\d+)(?:\.|$))?(.*)$/s.exec(place) ?? [])
  const answer = answers[error.code] ?? error.message
  const said = typeof answer === 'function' ? answer({ error, asked, field: wireName(name ?? '') }) : answer
  const { detail, ...rest } = typeof said === 'string' ? { status: statuses[error.kind] ?? statusOf[error.kind], detail: said } : said
  const errors = error.errors?.map(error.code === 'bad_json' ? countedFromOne : wireError)
  return {
    ...rest,
    detail: row === undefined ? detail : `Lead ${row}: ${detail}`,
    ...(errors === undefined || errors.length === 0 ? {} : { extra: { errors } }),
  }
}

const wireError = ({ field, message }: FieldError): FieldError => ({ field: field.split('.').map(wireName).join('.'), message })

/** A place that the door found is counted from 0, a row of a batch from 1. */
const countedFromOne = ({ field, message }: FieldError): FieldError =>
  wireError({ field: field.replace(/^leads\.(\d+)/, (_, index: string) => `leads.${Number(index) + 1}`), message })

function refusalOf({ role, method, operation }: Asked): string | Said {
  if (role === 'platform_admin' || role === 'platform_operator') return { status: 403, detail: 'No tenant', code: 'no_tenant' }
  if (role === 'auditor' && method !== 'GET') return 'Read-only account'
  return forbidden[operation ?? ''] ?? 'Forbidden'
}
