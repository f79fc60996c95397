import { changeEmployeePassword, signInEmployee } from '../../employee/account.ts'
import { activateEmployee, deactivateEmployee, removeEmployee, restoreEmployee } from '../../employee/activity.ts'
import { createEmployees } from '../../employee/bulk.ts'
import { checkContact, checkEmail, checkEmployeeId } from '../../employee/check.ts'
import { createEmployee } from '../../employee/create.ts'
import { getEmployee, listEmployees, pageSize } from '../../employee/list.ts'
import { updateEmployee } from '../../employee/update.ts'
import type { EmployeeView } from '../../employee/view.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { revokeCurrentSession } from '../../session/operations.ts'
import * as described from './described.ts'
import { employeeShape } from './shapes.ts'
import { bodyOf, fieldsOf, knownFieldsOf } from './words.ts'

const saying = (message: string) => () => ({ body: { success: true, message } })

const ofEmployee = ({ params }: WireRequest) => ({ employeeId: params.employee_id })
const became = (word: string) => (employee: { employeeId: string }) => ({
  body: { success: true, message: `Employee ${employee.employeeId} has been ${word}` },
})
const one = (message: string) => (view: EmployeeView) => ({ body: { success: true, message, employee: employeeShape(view) } })

const creation = {
  ...described.register,
  status: 201,
  input: (request: WireRequest) => ({ employeeId: null, ...fieldsOf(bodyOf(request)) }),
  reply: one('Employee created successfully'),
} as const

const verdict = ({ error }: { error: string | null }) => ({ body: error === null ? { valid: true } : { valid: false, error } })

/** 5 MB, and room for the form around the file. */
const uploadBytes = 5 * 1024 * 1024 + 64 * 1024

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

  route('POST', '/auth/register/', createEmployee, creation),
  route('POST', '/auth/create-user/', createEmployee, creation),
  route('GET', '/auth/admin/employees/', listEmployees, {
    ...described.list,
    input: ({ query }) => query,
    reply: ({ count, page, pages, items }) => ({
      body: { success: true, count, page, pages, page_size: pageSize, employees: items.map(employeeShape) },
    }),
  }),
  route('GET', '/auth/admin/employees/:employee_id/', getEmployee, {
    ...described.get,
    input: ofEmployee,
    reply: (view) => ({ body: { success: true, employee: employeeShape(view) } }),
  }),
  route('PUT', '/auth/admin/employees/:employee_id/update/', updateEmployee, {
    ...described.update,
    input: (request) => ({ ...ofEmployee(request), fields: knownFieldsOf(bodyOf(request)) }),
    reply: one('Employee updated successfully'),
  }),
  route('PATCH', '/auth/admin/employees/:employee_id/deactivate/', deactivateEmployee, {
    ...described.deactivate,
    input: ofEmployee,
    reply: became('deactivated'),
  }),
  route('PATCH', '/auth/admin/employees/:employee_id/activate/', activateEmployee, {
    ...described.activate,
    input: ofEmployee,
    reply: became('activated'),
  }),
  route('DELETE', '/auth/admin/employees/:employee_id/', removeEmployee, {
    ...described.remove,
    input: ofEmployee,
    reply: became('deleted'),
  }),
  route('POST', '/auth/admin/employees/:employee_id/restore/', restoreEmployee, {
    ...described.restore,
    input: ofEmployee,
    reply(view) {
      const message = `Employee ${view.employeeId} has been restored`
      return { body: { success: true, message, employee: employeeShape(view) } }
    },
  }),
  route('POST', '/auth/bulk-upload/', createEmployees, {
    ...described.bulk,
    status: 201,
    dryStatus: 200,
    bodyLimit: uploadBytes,
    upload: { field: 'excel_file', description: 'An .xlsx or .csv file (UTF-8), at most 5 MB and 2,000 rows; `file` works too.' },
    input: ({ body, headers, query }) => ({
      form: body,
      mediaType: headers['content-type'] ?? '',
      dryRun: query.dry_run === 'true' || query.dry_run === '1',
    }),
    reply({ created, wouldCreate }) {
      if (wouldCreate !== null)
        return {
          status: 200,
          body: {
            success: true,
            message: `${wouldCreate} employee accounts would be created`,
            created: 0,
            would_create: wouldCreate,
            employees: [],
          },
        }
      const message = `Successfully created ${created.length} employee accounts`
      return { body: { success: true, message, created: created.length, employees: created } }
    },
  }),
  route('GET', '/auth/validate-employee-id/', checkEmployeeId, {
    ...described.checkId,
    input: ({ query }) => ({ value: query.employee_id ?? '' }),
    reply: ({ error, role, designations }) => ({
      body: error === null ? { valid: true, role, designations: designations.map((name) => [name, name]) } : { valid: false, error },
    }),
  }),
  route('GET', '/auth/validate-contact/', checkContact, {
    ...described.checkContact,
    input: ({ query }) => ({ value: query.contact ?? '' }),
    reply: verdict,
  }),
  route('GET', '/auth/validate-email/', checkEmail, {
    ...described.checkEmail,
    input: ({ query }) => ({ value: query.email ?? '' }),
    reply: verdict,
  }),
]
