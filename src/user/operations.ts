import { z } from 'zod'
import { isWithin, reachOf } from '../access/scope.ts'
import { add, type Change, check, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf, queryBoolean } from '../kernel/page.ts'
import type { Filter, Query } from '../storage/port.ts'
import { ownersCounter, User } from './entity.ts'
import { email, fullName, password, role, username } from './input.ts'
import { assertMayGrant, findManager, planUser, type UserRow, userConflicts } from './plan.ts'

const nullable = <T extends z.ZodType>(schema: T) => schema.nullish()

export const createUser = operation({
  name: 'user.create',
  summary: 'Create a user',
  needs: 'user:create',
  input: z.strictObject({
    username,
    fullName: nullable(fullName),
    email: nullable(email),
    role: role.optional(),
    managerId: nullable(z.string()),
    password: nullable(password),
  }),
  output: User.public,
  conflicts: userConflicts,
  async run(context, input) {
    await assertManagerWithin(context, input.managerId ?? null)
    const { user, changes } = await planUser(context, {
      ...input,
      role: input.role ?? 'member',
      managerId: input.managerId ?? defaultManager(context),
    })
    return { output: user, changes, entity: { type: User.name, id: user.id } }
  },
})

/** Who makes users only below them becomes the manager of those they make. */
const defaultManager = ({ scope, actor }: Context): string | null => (scope === 'tenant' || scope === 'platform' ? null : actor.id)

async function assertManagerWithin(context: Context, managerId: string | null): Promise<void> {
  if (managerId === null || (await isWithin(context, managerId))) return
  const message = 'is not an active user of this tenant'
  throw new AppError('unprocessable', 'manager_invalid', `managerId: ${message}`, { errors: [{ field: 'managerId', message }] })
}

/** Users within one's reach, active or not, in the order of creation. */
export const listUsers = operation({
  name: 'user.list',
  summary: 'List users',
  needs: 'user:read',
  readOnly: true,
  input: z.strictObject({
    ...pageInput,
    q: z.string().max(200).optional(),
    role: role.optional(),
    managerId: z.string().max(64).optional(),
    isActive: queryBoolean.optional(),
  }),
  output: pageOf(User.public),
  async run(context, input) {
    const page = await context.store.list(User, {
      ...selectionOf(input),
      filter: [...filtersOf(input), ...(await reachFilter(context))],
      cursor: input.cursor ?? null,
      limit: input.limit ?? 50,
    })
    return { output: page }
  },
})

type ListInput = {
  q?: string | undefined
  role?: UserRow['role'] | undefined
  managerId?: string | undefined
  isActive?: boolean | undefined
}

const selectionOf = ({ role, managerId }: ListInput): Query => {
  if (managerId !== undefined) return { index: 'byManager', where: { managerId } }
  return role === undefined ? {} : { index: 'byRole', where: { role } }
}

function filtersOf({ q, role, managerId, isActive }: ListInput): Filter[] {
  const filters: Filter[] = []
  if (q !== undefined && q.trim() !== '') filters.push({ field: 'searchText', op: 'contains', value: fold(q.trim()) })
  if (role !== undefined && managerId !== undefined) filters.push({ field: 'role', op: 'eq', value: role })
  if (isActive !== undefined) filters.push({ field: 'isActive', op: 'eq', value: isActive })
  return filters
}

async function reachFilter(context: Context): Promise<Filter[]> {
  const reach = await reachOf(context)
  return reach.everyone ? [] : [{ field: 'id', op: 'in', value: [...reach.ids] }]
}

export const getUser = operation({
  name: 'user.get',
  summary: 'Read a user',
  needs: 'user:read',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: User.public,
  async run(context, { id }) {
    return { output: await reachable(context, id) }
  },
})

/** The user, if the scope reaches it. Errors: `not_found`, alike for absent, foreign and out of reach. */
export async function reachable(context: Context, id: string): Promise<UserRow> {
  const user = await context.store.get(User, id)
  if (user === null || !(await isWithin(context, id))) throw notFound()
  return user
}

const patchFields = {
  username: username.optional(),
  fullName: nullable(fullName),
  email: nullable(email),
  role: role.optional(),
  managerId: nullable(z.string()),
  isActive: z.boolean().optional(),
}
export type UserPatch = z.output<z.ZodObject<typeof patchFields>>

export const updateUser = operation({
  name: 'user.update',
  summary: 'Change a user',
  needs: 'user:update',
  input: z.strictObject({ id: z.string(), version: z.int().min(1), ...patchFields }),
  output: User.public,
  conflicts: userConflicts,
  async run(context, { id, version, ...patch }) {
    const before = await reachable(context, id)
    if (before.version !== version) throw stale()
    const { user, changes } = await planUpdate(context, before, patch)
    return { output: user, changes, entity: { type: User.name, id } }
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

/**
 * A change of a user as changes for one commit, with all its guards: roles one may give and take, an active manager without a cycle, the last owner, the end of sessions.
 * Errors: `role_not_grantable`, `manager_invalid`, `manager_cycle`; `last_owner` and taken names come from the commit (`userConflicts`).
 */
export async function planUpdate(context: Context, before: UserRow, patch: UserPatch): Promise<{ user: UserRow; changes: Change[] }> {
  const { now } = context
  const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<UserRow>
  if (set.email === '') set.email = null
  assertMayGrant(context.actor.role, before.role)
  if (set.role !== undefined && set.role !== before.role) assertMayGrant(context.actor.role, set.role)
  const guards = set.managerId == null || set.managerId === before.managerId ? [] : await guardManager(context, before, set.managerId)
  const isActive = set.isActive ?? before.isActive
  if (before.isActive && !isActive) set.sessionEpoch = before.sessionEpoch + 1
  const user = patched(User, before, set, now)
  const change = update(User, before, user)
  const isSame = change.op === 'update' && change.fields.every((field) => field === 'version' || field === 'updatedAt')
  if (isSame) return { user: before, changes: [] }
  const owned = Number(before.isActive && before.role === 'owner')
  const owns = Number(user.isActive && user.role === 'owner')
  const count = owns === owned ? [] : [add(ownersCounter, owns - owned, now, { min: 1 })]
  return { user, changes: [change, ...guards, ...count] }
}

/** Every row on the way up is pinned, so that two changes at once cannot close a circle. */
async function guardManager(context: Context, user: UserRow, managerId: string): Promise<Change[]> {
  const guards: Change[] = []
  const seen = new Set<string>()
  let above = await findManager(context, managerId)
  while (above !== null && !seen.has(above.id)) {
    if (above.id === user.id)
      throw new AppError('conflict', 'manager_cycle', 'This would make someone their own manager.', {
        errors: [{ field: 'managerId', message: 'would close a circle' }],
      })
    seen.add(above.id)
    guards.push(check(User, above))
    above = above.managerId === null ? null : await context.store.get(User, above.managerId)
  }
  return guards
}
