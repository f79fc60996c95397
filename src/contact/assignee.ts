import { isWithin, reachOf } from '../access/scope.ts'
import { type Change, check } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import type { ContactRow } from './entity.ts'
import { fieldError, readNumber } from './text-rules.ts'
import { usersById } from './view.ts'

/**
 * The user a lead is to be given to: null for nobody, undefined for no change. `value` is what was sent.
 * Errors: `unassign_not_allowed`, `owner_not_self`, `owner_not_in_team`, `owner_invalid`.
 */
export async function readOwner(context: Context, value: unknown, before: ContactRow | null): Promise<UserRow | null | undefined> {
  if (value === undefined || (value === null && before?.ownerId === null)) return undefined
  if (value === null) {
    if (context.scope === 'tenant') return null
    throw new AppError('forbidden', 'unassign_not_allowed', 'Only administrators may leave a lead without an owner.')
  }
  const number = readNumber(value)
  if (number === null) throw ownerInvalid()
  const present = before?.ownerId == null ? null : await context.store.get(User, before.ownerId)
  if (present?.number === number) return undefined
  const owner = await context.store.find(User, 'number', [number])
  await assertMayGiveTo(context, owner)
  if (owner === null || !owner.isActive) throw ownerInvalid()
  return owner
}

const ownerInvalid = () => fieldError('owner_invalid', 'owner', 'is not an active user of this tenant')

/** Users out of reach are refused like users that do not exist. */
async function assertMayGiveTo(context: Context, owner: UserRow | null): Promise<void> {
  if (context.scope === 'tenant' || (owner !== null && (await isWithin(context, owner.id)))) return
  if (context.scope === 'own') throw new AppError('forbidden', 'owner_not_self', 'You can only give leads to yourself.')
  throw new AppError('forbidden', 'owner_not_in_team', 'You can only give leads to yourself and your team.')
}

/** Who gets a new lead when nobody was named: the first active agent of one's own (of the tenant, for an administrator), else oneself. */
export async function defaultOwner(context: Context): Promise<UserRow | null> {
  const { actor, scope, store } = context
  const self = actor.kind === 'user' && actor.id !== null ? await store.get(User, actor.id) : null
  if (scope === 'own') return self
  return (scope === 'tenant' ? await firstAgent(context) : await firstOfTeam(context)) ?? self
}

async function firstAgent({ store }: Context): Promise<UserRow | null> {
  const filter = [{ field: 'isActive', op: 'eq', value: true }] as const
  const page = await store.list(User, { index: 'byRole', where: { role: 'member' }, filter, limit: 1 })
  return page.items[0] ?? null
}

async function firstOfTeam(context: Context): Promise<UserRow | null> {
  const reach = await reachOf(context)
  const team = reach.everyone ? [] : [...(await usersById(context.store, reach.ids)).values()]
  const agents = team.filter((user) => user.role === 'member' && user.isActive && user.id !== context.actor.id)
  return agents.sort((a, b) => a.number - b.number)[0] ?? null
}

/** Pins the users that a commit gives leads to, each once, so that none of them is deactivated meanwhile. */
export function pinned(owners: Iterable<UserRow | null | undefined>): Change[] {
  const byId = new Map<string, UserRow>()
  for (const owner of owners) if (owner != null) byId.set(owner.id, owner)
  return [...byId.values()].map((owner) => check(User, owner))
}

/** The fields that a new owner sets. */
export const ownedBy = (owner: { id: string } | null, now: string): Pick<ContactRow, 'ownerId' | 'assignedAt'> => ({
  ownerId: owner?.id ?? null,
  assignedAt: owner === null ? null : now,
})
