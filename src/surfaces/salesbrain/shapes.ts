import type { WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'

const names: Readonly<Record<string, string>> = {
  organizationId: 'organization_id',
  actorId: 'assigned_by',
  mode: 'assignment_mode',
}

/** `contactIds.3` → `contact_ids.3`: as the field is sent. */
export const wireField = (field: string): string =>
  field
    .split('.')
    .map((part) => names[part] ?? part.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .join('.')

/** An instant as this dialect writes it: UTC, microseconds. */
export const instant = (time: string): string => `${time.slice(0, -1).padEnd(26, '0')}+00:00`
export const instantOrNull = (time: string | null): string | null => (time === null ? null : instant(time))

/** The body as an object. Errors: `validation_failed` for any other. */
export function bodyOf({ body }: WireRequest): Record<string, unknown> {
  if (body === undefined) return {}
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw new AppError('unprocessable', 'validation_failed', 'The body must be a JSON object.', {
    errors: [{ field: '', message: 'must be an object' }],
  })
}

/** The fields of a call that may lie flat or under `request`. */
export function fieldsOf(request: WireRequest): Record<string, unknown> {
  const body = bodyOf(request)
  const inner = body.request
  if (inner === undefined) return body
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner))
    throw new AppError('unprocessable', 'validation_failed', 'request: must be an object', {
      errors: [{ field: 'request', message: 'must be an object' }],
    })
  return inner as Record<string, unknown>
}

/** Who asks for whom: `organization_id`, and the name under which this call may say who its actor is, in the query or the body. */
export function askedOf(request: WireRequest, actorField: string | null = 'assigned_by'): Record<string, unknown> {
  const body = request.method === 'GET' ? {} : bodyOf(request)
  const given = (name: string): unknown => (body[name] !== undefined && body[name] !== null ? body[name] : request.query[name])
  return defined({ organizationId: given('organization_id'), ...(actorField === null ? {} : { actorId: given(actorField) }) })
}

/** Without what was not sent, so that defaults hold. */
export const defined = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** On every answer, so that no token stays anywhere. */
export const quiet = { 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' } as const

export const data = (value: unknown) => ({ body: { success: true, data: value }, headers: quiet })
export const message = (text: string, more: object = {}) => ({ body: { success: true, message: text, ...more }, headers: quiet })
