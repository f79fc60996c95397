import type { RouteOptions } from '../../http/route.ts'
import { sessionTokens } from '../../session/open-session.ts'

/** What the API description says of a route beside what its operation says itself: refusals that only the operation knows, and examples. */
type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'query' | 'responseSchema'>

const userId = '019b1f3a-7c40-7000-8000-00000000002a'
const managerId = '019b1f3a-7c40-7000-8000-000000000007'

const user = {
  id: userId,
  number: 42,
  username: 'ada',
  email: 'ada@example.org',
  fullName: 'Ada Example',
  role: 'member',
  managerId,
  isActive: true,
  status: 'active',
  assignable: true,
  createdAt: '2026-11-25T09:30:00.000Z',
  updatedAt: '2026-11-25T09:30:00.000Z',
  version: 1,
}
const tokens = {
  accessToken: 'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9…',
  refreshToken: 'hfr_…',
  expiresAt: '2026-11-25T09:40:00.000Z',
  user,
}
const tokensSchema = sessionTokens.pick({ accessToken: true, refreshToken: true, expiresAt: true, user: true })

export const signIn: Described = {
  problems: {
    401: ['invalid_credentials', 'second_factor_required'],
    403: ['tenant_inactive', 'tenant_expired'],
    429: ['throttled', 'network_throttled'],
  },
  example: { request: { login: 'ada', password: 'correct horse battery staple' }, response: tokens },
  responseSchema: tokensSchema,
}
export const refresh: Described = {
  problems: { 401: ['invalid_token', 'refresh_reused'], 403: ['tenant_inactive', 'tenant_expired'] },
  example: { request: { refreshToken: 'hfr_…' }, response: tokens },
  responseSchema: tokensSchema,
}
export const secondFactor: Record<'start' | 'confirm' | 'remove', Described> = {
  start: { problems: { 409: ['second_factor_exists'] } },
  confirm: { problems: { 409: ['second_factor_not_started'], 422: ['wrong_code'] }, example: { request: { code: '287082' } } },
  remove: { problems: { 403: ['wrong_password'], 429: ['throttled'] } },
}
export const userCreate: Described = {
  problems: { 403: ['role_not_grantable'], 404: ['not_found'], 422: ['manager_invalid', 'weak_password'] },
  example: {
    request: { username: 'ada', fullName: 'Ada Example', email: 'ada@example.org', role: 'member', managerId },
    response: user,
  },
}
export const userUpdate: Described = {
  problems: { 403: ['role_not_grantable'], 409: ['manager_cycle'], 422: ['manager_invalid'] },
  example: { request: { version: 1, fullName: 'Ada B. Example' }, response: { ...user, fullName: 'Ada B. Example', version: 2 } },
}
export const userErase: Described = {
  problems: { 409: ['user_active', 'already_erased'] },
  example: { request: { username: 'ada', reference: 'request 2026-17' } },
}
export const userPassword: Described = {
  problems: { 403: ['wrong_password', 'role_not_grantable'], 422: ['weak_password'], 429: ['throttled'] },
  example: { request: { currentPassword: 'correct horse battery staple', newPassword: 'a longer and better sentence' } },
}
export const passwordReset: Record<'create' | 'redeem', Described> = {
  create: { problems: { 403: ['role_not_grantable'] } },
  redeem: { problems: { 404: ['not_found'], 422: ['weak_password'], 429: ['token_misses'] } },
}
export const apiKeyCreate: Described = {
  problems: { 403: ['role_not_grantable'] },
  example: { request: { name: 'Reporting', role: 'auditor', expiresAt: '2099-01-01T00:00:00Z' } },
}
export const tenantCreate: Described = {
  problems: { 422: ['weak_password'] },
  example: { request: { name: 'Example Ltd', key: 'example', ownerUsername: 'olga' } },
}
export const tenantUpdate: Described = { example: { request: { version: 1, name: 'Example plc', validTo: '2027-12-31T23:59:59.999Z' } } }
export const list: Described = { problems: { 422: ['bad_cursor'] } }
export const backupCreate: Described = { problems: { 409: ['backup_running', 'backups_off'], 503: ['backup_failed'] } }
const restoreProblems = {
  404: ['not_found'],
  409: ['backups_off'],
  422: ['restore_point', 'backup_damaged', 'backup_incomplete', 'backup_wrong_key'],
  503: ['restore_running', 'target_unreachable'],
}
export const backupList: Described = { problems: { 409: ['backups_off'], 422: ['bad_cursor'], 503: ['target_unreachable'] } }
export const restoreCreate: Described = {
  problems: restoreProblems,
  example: { request: { scope: 'tenant', at: { time: '2026-11-26T08:00:00.000Z' }, preview: true } },
}
export const restoreUndo: Described = { problems: restoreProblems }
export const backupVerify: Described = { problems: { 409: ['backups_off'] } }
export const events: Described = {
  problems: { 429: ['too_many_streams'], 501: ['streams_unsupported'] },
  query: { after: 'The last sequence that was seen; also as the header `Last-Event-ID`. Absent: from now on.' },
}
