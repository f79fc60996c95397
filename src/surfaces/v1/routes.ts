import { listRoles } from '../../access/list-roles.ts'
import { createApiKey, listApiKeys, removeApiKey } from '../../apikey/operations.ts'
import { eventStream, followEvents } from '../../audit/follow.ts'
import { checkIntegrity, listAudit } from '../../audit/operations.ts'
import { createBackup, listBackups, verifyBackup } from '../../backup/operations.ts'
import { createRestore, undoRestore } from '../../backup/restore.ts'
import { eraseUser, getErasure } from '../../erasure/operations.ts'
import { route, type Surface } from '../../http/route.ts'
import { deviceSeconds } from '../../session/device.ts'
import type { SessionTokens } from '../../session/open-session.ts'
import { getMe, listSessions, revokeAllSessions, revokeCurrentSession, revokeSession, revokeSessionsOf } from '../../session/operations.ts'
import { createPasswordReset, redeemPasswordReset } from '../../session/password-reset.ts'
import { refreshSession } from '../../session/refresh.ts'
import {
  confirmSecondFactor,
  getSecondFactor,
  removeSecondFactor,
  resetSecondFactor,
  startSecondFactor,
} from '../../session/second-factor.ts'
import { createSession } from '../../session/sign-in.ts'
import { createTenant, getTenant, listTenants, updateTenant } from '../../tenant/operations.ts'
import { countUsers } from '../../user/counts.ts'
import { listUsers } from '../../user/list.ts'
import { createUser, deactivateUser, getUser, updateUser } from '../../user/operations.ts'
import { explainAccess, getOrganization } from '../../user/organization.ts'
import { changePassword } from '../../user/password.ts'
import { countPasswordSchemes } from '../../user/password-schemes.ts'
import { attendanceRoutes } from './attendance.ts'
import { consoleRoutes } from './console.ts'
import { contactRoutes } from './contacts.ts'
import * as described from './described.ts'
import { documentRoutes } from './documents.ts'
import { jobRoutes } from './jobs.ts'
import { policyRoutes } from './policy.ts'
import { backgroundReportRoutes, reportRoutes } from './reports.ts'
import { userImportRoute } from './user-import.ts'
import { webhookRoutes } from './webhooks.ts'

const created = (base: string) => ({ status: 201, headers: ({ id }: { id: string }) => ({ Location: `${base}/${id}` }) })
const noContent = { status: 204 }

const tokens = ({ accessToken, refreshToken, expiresAt, user, deviceToken }: SessionTokens) => ({
  body: { accessToken, refreshToken, expiresAt, user },
  headers: { 'Set-Cookie': `__Host-holdfast-device=${deviceToken}; Path=/; Max-Age=${deviceSeconds}; Secure; HttpOnly; SameSite=Strict` },
})

/** A preview makes nothing. */
const restored = (body: { state: string }) => ({ status: body.state === 'preview' ? 200 : 201, body })

/** Our own dialect: the operations as they are (native-api.md). */
export const v1: Surface = {
  name: 'v1',
  prefix: '/v1',
  bodyLimit: 1024 * 1024,
  emptyBody: 'undefined',
  anyMediaType: false,
  wrongMethod: 405,
  problem: (error) => ({ status: error.status, detail: error.message }),
  routes: [
    route('POST', '/v1/sessions', createSession, { ...described.signIn, status: 201, notIdempotent: true, reply: tokens }),
    route('POST', '/v1/sessions/refresh', refreshSession, { ...described.refresh, notIdempotent: true, reply: tokens }),
    route('GET', '/v1/sessions', listSessions, described.list),
    route('DELETE', '/v1/sessions/current', revokeCurrentSession, noContent),
    route('DELETE', '/v1/sessions/:id', revokeSession, noContent),
    route('DELETE', '/v1/sessions', revokeAllSessions, noContent),
    ...consoleRoutes,
    route('GET', '/v1/me', getMe),
    route('GET', '/v1/second-factor', getSecondFactor),
    route('POST', '/v1/second-factor', startSecondFactor, { ...described.secondFactor.start, status: 201 }),
    route('POST', '/v1/second-factor/confirm', confirmSecondFactor, described.secondFactor.confirm),
    route('POST', '/v1/second-factor/remove', removeSecondFactor, { ...described.secondFactor.remove, ...noContent }),

    userImportRoute,
    route('POST', '/v1/users', createUser, { ...described.userCreate, ...created('/v1/users') }),
    route('GET', '/v1/users', listUsers, described.list),
    route('GET', '/v1/users/counts', countUsers),
    route('GET', '/v1/users/:id', getUser),
    route('PATCH', '/v1/users/:id', updateUser, described.userUpdate),
    route('DELETE', '/v1/users/:id', deactivateUser, noContent),
    route('POST', '/v1/users/:id/password', changePassword, { ...described.userPassword, ...noContent }),
    route('POST', '/v1/users/:id/erasure', eraseUser, { ...described.userErase, status: 201 }),
    route('GET', '/v1/users/:id/erasure', getErasure),
    route('DELETE', '/v1/users/:id/sessions', revokeSessionsOf, noContent),
    route('DELETE', '/v1/users/:id/second-factor', resetSecondFactor, noContent),
    route('POST', '/v1/users/:id/password-resets', createPasswordReset, { ...described.passwordReset.create, status: 201 }),
    route('POST', '/v1/password-resets', redeemPasswordReset, { ...described.passwordReset.redeem, ...noContent }),
    route('GET', '/v1/roles', listRoles),
    route('GET', '/v1/password-schemes', countPasswordSchemes),
    route('GET', '/v1/users/:subjectId/access', explainAccess),
    route('GET', '/v1/organization', getOrganization),

    route('POST', '/v1/api-keys', createApiKey, { ...described.apiKeyCreate, ...created('/v1/api-keys') }),
    route('GET', '/v1/api-keys', listApiKeys, described.list),
    route('DELETE', '/v1/api-keys/:id', removeApiKey, noContent),

    route('POST', '/v1/backups', createBackup, { ...described.backupCreate, ...created('/v1/backups') }),
    route('GET', '/v1/backups', listBackups, described.backupList),
    route('POST', '/v1/backups/:id/verify', verifyBackup, described.backupVerify),
    route('POST', '/v1/restores', createRestore, {
      ...described.restoreCreate,
      status: 201,
      dryStatus: 200,
      reply: restored,
      responseSchema: createRestore.output,
    }),
    route('POST', '/v1/restores/:id/undo', undoRestore, { ...described.restoreUndo, status: 201 }),

    route('GET', '/v1/audit', listAudit, described.list),
    route('GET', '/v1/integrity', checkIntegrity),
    route('GET', '/v1/events', followEvents, {
      ...described.events,
      input: ({ query, headers }) => ({
        ...query,
        ...(headers['last-event-id'] === undefined ? {} : { lastEventId: headers['last-event-id'] }),
      }),
      stream: ({ output, ...start }) => eventStream({ ...start, after: output.after }),
    }),

    ...webhookRoutes,
    ...jobRoutes,
    ...documentRoutes,
    ...contactRoutes,
    ...policyRoutes,
    ...attendanceRoutes,
    ...reportRoutes,
    ...backgroundReportRoutes,

    route('POST', '/v1/tenants', createTenant, { ...described.tenantCreate, ...created('/v1/tenants') }),
    route('GET', '/v1/tenants', listTenants, described.list),
    route('GET', '/v1/tenants/:id', getTenant),
    route('PATCH', '/v1/tenants/:id', updateTenant, described.tenantUpdate),
  ],
}
