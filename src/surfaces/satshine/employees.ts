import { changeEmployeePassword, signInEmployee } from '../../employee/account.ts'
import { type Route, route } from '../../http/route.ts'
import { revokeCurrentSession } from '../../session/operations.ts'
import * as described from './described.ts'
import { employeeShape } from './shapes.ts'
import { bodyOf, fieldsOf } from './words.ts'

const saying = (message: string) => () => ({ body: { success: true, message } })

/** Signing in, and employees (contracts/satshine.md, sections 3 and 4). */
export const employeeRoutes: readonly Route[] = [
  route('POST', '/auth/login/', signInEmployee, {
    ...described.login,
    notIdempotent: true,
    input(request) {
      const { employee_id: login, password, tenant } = bodyOf(request)
      return { login, password, tenant: tenant === '' ? null : tenant }
    },
    reply: ({ accessToken, refreshToken, expiresAt, mustChangePassword, user }) => ({
      body: {
        success: true,
        message: 'Login successful',
        access_token: accessToken,
        token_type: 'Bearer',
        refresh_token: refreshToken,
        expires_at: expiresAt,
        must_change_password: mustChangePassword,
        user: employeeShape(user),
      },
    }),
  }),
  route('POST', '/auth/logout/', revokeCurrentSession, {
    ...described.logout,
    input: () => ({}),
    reply: saying('You have been logged out successfully.'),
  }),
  route('POST', '/auth/change-password/', changeEmployeePassword, {
    ...described.changePassword,
    input: (request) => fieldsOf(bodyOf(request)),
    reply: saying('Password changed successfully'),
  }),
]
