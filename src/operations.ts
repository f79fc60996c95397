import { createApiKey, listApiKeys, removeApiKey } from './apikey/operations.ts'
import type { AnyOperation } from './kernel/operation.ts'
import { getMe, listSessions, revokeAllSessions, revokeCurrentSession, revokeSession } from './session/operations.ts'
import { createPasswordReset, redeemPasswordReset } from './session/password-reset.ts'
import { refreshSession } from './session/refresh.ts'
import { confirmSecondFactor, removeSecondFactor, startSecondFactor } from './session/second-factor.ts'
import { createSession } from './session/sign-in.ts'
import { createStaff } from './session/staff-operations.ts'
import { createTenant, getTenant, listTenants, updateTenant } from './tenant/operations.ts'
import { createUser, deactivateUser, getUser, listUsers, updateUser } from './user/operations.ts'
import { explainAccess, getOrganization } from './user/organization.ts'
import { changePassword } from './user/password.ts'
import { showUser } from './user/show.ts'

/** Every operation there is, in one list: the command line finds them here by name, tests and descriptions walk it. Each route of each surface names one of these. */
export const operations: readonly AnyOperation[] = [
  createSession,
  refreshSession,
  listSessions,
  revokeCurrentSession,
  revokeSession,
  revokeAllSessions,
  getMe,
  startSecondFactor,
  confirmSecondFactor,
  removeSecondFactor,

  createUser,
  listUsers,
  getUser,
  showUser,
  updateUser,
  deactivateUser,
  changePassword,
  createPasswordReset,
  redeemPasswordReset,
  getOrganization,
  explainAccess,

  createApiKey,
  listApiKeys,
  removeApiKey,

  createTenant,
  listTenants,
  getTenant,
  updateTenant,

  createStaff,
]
