import { z } from 'zod'
import type { RouteOptions } from '../../http/route.ts'
import { employee } from './shapes.ts'

/** What the API description says of a route: its bodies in this dialect, the refusals that only the operation knows, and examples. */
type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'query' | 'requestSchema' | 'responseSchema'>

const success = z.literal(true)
const done = z.object({ success, message: z.string() })

export const login: Described = {
  requestSchema: z.object({ employee_id: z.string(), password: z.string(), tenant: z.string().optional() }),
  responseSchema: done.extend({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    refresh_token: z.string(),
    expires_at: z.string(),
    must_change_password: z.boolean(),
    user: employee,
  }),
  problems: { 401: ['invalid_credentials', 'throttled', 'network_throttled'], 403: ['tenant_inactive', 'tenant_expired'] },
  example: { request: { employee_id: 'MGJ00001', password: 'correct horse battery staple' } },
}
export const logout: Described = { responseSchema: done }
export const changePassword: Described = {
  requestSchema: z.object({ current_password: z.string(), new_password: z.string() }),
  responseSchema: done,
  problems: { 400: ['wrong_password', 'throttled', 'weak_password'], 404: ['not_found'] },
  example: { request: { current_password: 'correct horse battery staple', new_password: 'a longer and better sentence' } },
}

const word = z.string()
const fields = {
  first_name: word,
  last_name: word,
  designation: word,
  dccb: word.nullable(),
  multiple_dccb: z.array(word).nullable(),
  department: word.nullable(),
  contact_number: word,
  email: word.nullable(),
  reporting_manager: word.nullable(),
  office_location: word.nullable(),
  office_address: word.nullable(),
  attendance_radius: z.int(),
}
const anOfficer = {
  first_name: 'Asha',
  last_name: 'Mehta',
  designation: 'MT',
  dccb: 'SURAT',
  contact_number: '9876501234',
  email: 'asha.mehta@example.org',
  reporting_manager: 'MP0001',
}
const written = done.extend({ employee })
const taken = ['contact_taken', 'email_taken']
const invalid = ['validation_failed']

export const register: Described = {
  requestSchema: z.object({
    employee_id: word,
    ...z.object(fields).partial().shape,
    first_name: word,
    last_name: word,
    contact_number: word,
    designation: word,
    date_of_joining: word.nullish(),
    password: word,
    password_confirmation: word.optional(),
    must_change_password: z.boolean().optional(),
  }),
  responseSchema: written,
  problems: { 400: ['employee_id_invalid', 'weak_password', ...invalid], 409: ['employee_deleted', ...taken] },
  example: { request: { employee_id: 'MGJ00042', ...anOfficer, password: 'correct horse battery staple' } },
}
export const list: Described = {
  query: {
    search: 'Part of the employee ID, a name or the mail address.',
    dccb: 'Only of this union.',
    designation: 'Only of this designation.',
    status: '`active` or `inactive`.',
    role: '`admin`, or `all`; absent: field officers.',
    page: 'From 1.',
  },
  responseSchema: z.object({ success, count: z.int(), page: z.int(), pages: z.int(), page_size: z.int(), employees: z.array(employee) }),
  problems: { 400: invalid },
}
export const get: Described = { responseSchema: z.object({ success, employee }) }
export const update: Described = {
  requestSchema: z.object(fields).partial(),
  responseSchema: written,
  problems: { 400: invalid, 409: taken },
  example: { request: { designation: 'DC', dccb: 'BARODA' } },
}
const guarded = { 403: ['employee_protected'], 409: ['removes_self', 'last_admin'] }
export const deactivate: Described = { responseSchema: done, problems: { 400: ['employee_inactive'], ...guarded } }
export const activate: Described = { responseSchema: done, problems: { 400: ['employee_active'] } }
export const remove: Described = { responseSchema: done, problems: guarded }
export const restore: Described = { responseSchema: written }
export const bulk: Described = {
  query: { dry_run: '`true` checks everything and stores nothing.' },
  responseSchema: done.extend({ created: z.int(), would_create: z.int().optional(), employees: z.array(word) }),
  problems: { 400: ['upload_format', 'columns_missing', 'bulk_refused'], 413: ['body_too_large'] },
}
const verdict = z.object({ valid: z.boolean(), error: word.optional() })
export const checkId: Described = {
  query: { employee_id: 'The employee ID that somebody is to get.' },
  responseSchema: verdict.extend({ role: word.optional(), designations: z.array(z.array(word)).optional() }),
  problems: { 400: invalid },
}
export const checkContact: Described = {
  query: { contact: 'The contact number.' },
  responseSchema: verdict,
  problems: { 400: invalid },
}
export const checkEmail: Described = {
  query: { email: 'The e-mail address.' },
  responseSchema: verdict,
  problems: { 400: invalid },
}
