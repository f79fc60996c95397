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
  let level = scope === 'own' ? [] : [actor.id]
  while (level.length > 0) {
    const below = (await reportsOf(context, level)).map((user) => user.id).filter((id) => !ids.has(id))
    for (const id of below) ids.add(id)
    level = scope === 'subtree' ? below : []
  }
  return { everyone: false, ids }
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
