import { z } from 'zod'
import { isWithin } from '../access/scope.ts'
import {
  employeePatchFields,
  namesEmployee,
  newEmployeeFields,
  planEmployeeChange,
  planNewEmployee,
  userView,
  withEmployee,
} from '../employee/native.ts'
import { employeeConflicts } from '../employee/plan.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { contextIn } from '../tenant/place.ts'
import { User } from './entity.ts'
import { newUserFields, patchFields, username } from './input.ts'
import { planUser, type UserRow, userConflicts } from './plan.ts'
import { planUpdate } from './plan-update.ts'

/** Makes a user. Platform staff names the tenant (contracts/fsm.md section 2). */
export const createUser = operation({
  name: 'user.create',
  summary: 'Create a user',
  needs: 'user:create',
  elsewhere: true,
  input: z.strictObject({
    ...newUserFields,
    ...newEmployeeFields,
    username: username.optional(),
    tenantId: z.string().max(200).optional(),
  }),
  output: userView,
  conflicts: { ...employeeConflicts, ...userConflicts },
  async run(caller, { tenantId, ...input }) {
    const context = await contextIn(caller, tenantId)
    if (namesEmployee(input)) {
      const made = await planNewEmployee(context, input)
      return { output: made.user, changes: made.changes, store: context.store, entity: { type: User.name, id: made.user.id } }
    }
    const { username: name } = input
    if (name === undefined) throw missing('username')
    await assertManagerWithin(context, input.managerId ?? null)
    const { user, changes } = await planUser(context, {
      ...input,
      username: name,
      role: input.role ?? 'member',
      managerId: input.managerId ?? defaultManager(context),
    })
    return { output: user, changes, store: context.store, entity: { type: User.name, id: user.id } }
  },
})

const missing = (field: string) =>
  new AppError('unprocessable', 'validation_failed', `${field}: is required`, { errors: [{ field, message: 'is required' }] })

/** Who makes users only below them becomes the manager of those they make. */
const defaultManager = ({ scope, actor }: Context): string | null => (scope === 'tenant' || scope === 'platform' ? null : actor.id)

async function assertManagerWithin(context: Context, managerId: string | null): Promise<void> {
  if (managerId === null || (await isWithin(context, managerId))) return
  const message = 'is not an active user of this tenant'
  throw new AppError('unprocessable', 'manager_invalid', `managerId: ${message}`, { errors: [{ field: 'managerId', message }] })
}

export const getUser = operation({
  name: 'user.get',
  summary: 'Read a user',
  needs: 'user:read',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: userView,
  async run(context, { id }) {
    return { output: await withEmployee(context.store, await reachable(context, id)) }
  },
})

/** The user, if the scope reaches it. Errors: `not_found`, alike for absent, foreign and out of reach. */
export async function reachable(context: Context, id: string): Promise<UserRow> {
  const user = await context.store.get(User, id)
  if (user === null || !(await isWithin(context, id))) throw notFound()
  return user
}

export const updateUser = operation({
  name: 'user.update',
  summary: 'Change a user',
  needs: 'user:update',
  input: z.strictObject({ id: z.string(), version: z.int().min(1), ...patchFields, ...employeePatchFields }),
  output: userView,
  conflicts: { ...employeeConflicts, ...userConflicts },
  async run(context, { id, version, ...patch }) {
    const before = await reachable(context, id)
    if (before.version !== version) throw stale()
    if (namesEmployee(patch)) {
      const changed = await planEmployeeChange(context, before, patch)
      return { output: changed.user, changes: changed.changes, entity: { type: User.name, id } }
    }
    const { user, changes } = await planUpdate(context, before, patch)
    return { output: await withEmployee(context.store, user), changes, entity: { type: User.name, id } }
  },
})

export const stale = () =>
  new AppError('conflict', 'version_conflict', 'The row was changed by someone else in the meantime. Read it again and repeat the change.')

/** Deactivates: the row and its history stay, every session ends. Again is no error. Errors: `last_owner`. */
export const deactivateUser = operation({
  name: 'user.deactivate',
  summary: 'Deactivate a user',
  needs: 'user:deactivate',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  conflicts: userConflicts,
  async run(context, { id }) {
    const before = await reachable(context, id)
    if (!before.isActive) return { output: null }
    const { changes } = await planUpdate(context, before, { isActive: false })
    return { output: null, changes, entity: { type: User.name, id } }
  },
})
