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
