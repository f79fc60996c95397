import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { User } from '../user/entity.ts'

/** The users a permission reaches: everyone, or these ids. */
export type Reach = { everyone: true } | { everyone: false; ids: ReadonlySet<string> }

/** Resolves the context's scope to user ids. `subtree` walks the `managerId` tree by index, level by level; a cycle cannot exist (the commit checks), but would end here too. */
export async function reachOf(context: Context): Promise<Reach> {
  const { actor, scope } = context
  if (scope === 'tenant' || scope === 'platform') return { everyone: true }
  if (actor.id === null || actor.kind !== 'user') return { everyone: false, ids: new Set() }
  const ids = new Set([actor.id])
  for await (const { id } of below(context, actor.id)) ids.add(id)
  return { everyone: false, ids }
}

/** The rows of everyone that the scope reaches, where it is less than the tenant: oneself and those below. A machine has nobody below. */
export async function usersWithin(context: Context): Promise<Entity<typeof User>[]> {
  const { actor, store } = context
  const self = actor.kind === 'user' && actor.id !== null ? await store.get(User, actor.id) : null
  const found = self === null ? [] : [self]
  if (self !== null) for await (const user of below(context, self.id)) found.push(user)
  return found
}

async function* below(context: Context, id: string): AsyncGenerator<Entity<typeof User>> {
  const seen = new Set([id])
  let level = context.scope === 'own' ? [] : [id]
  while (level.length > 0) {
    const next: string[] = []
    for (const user of await reportsOf(context, level)) {
      if (seen.has(user.id)) continue
      seen.add(user.id)
      next.push(user.id)
      yield user
    }
    level = context.scope === 'subtree' ? next : []
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Everyone whose manager is one of these, active or not. */
export async function reportsOf({ store }: Context, managerIds: readonly string[]): Promise<Entity<typeof User>[]> {
  const found: Entity<typeof User>[] = []
  for (let cursor: string | null = null; ; ) {
    const page: { items: Entity<typeof User>[]; nextCursor: string | null } = await store.list(User, {
      index: 'byManager',
      where: { managerId: managerIds },
      cursor,
      limit: 200,
    })
    found.push(...page.items)
    if (page.nextCursor === null) return found
    cursor = page.nextCursor
  }
}

/** Whether one user is within the scope, without listing everyone: walks up from the user, not down from the actor. */
export async function isWithin(context: Context, userId: string): Promise<boolean> {
  const { actor, scope, store } = context
  if (scope === 'tenant' || scope === 'platform') return true
  if (actor.id === null) return false
  if (actor.id === userId) return true
  if (scope === 'own') return false
  const seen = new Set<string>()
  for (
    let user = await store.get(User, userId);
    user?.managerId != null && !seen.has(user.id);
    user = await store.get(User, user.managerId)
  ) {
    if (user.managerId === actor.id) return true
    if (scope === 'team') return false
    seen.add(user.id)
  }
  return false
}
