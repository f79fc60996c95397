import type { Query, TenantStore } from '../storage/port.ts'
import type { AnyEntity, Entity } from './entity.ts'
import type { Page } from './page.ts'

/** Every row of a selection, all held at once: page after page, so that other requests get their turn in between. */
export async function everyRow<E extends AnyEntity>(
  store: Pick<TenantStore, 'list'>,
  type: E,
  query: Omit<Query, 'cursor' | 'limit'> = {},
): Promise<Entity<E>[]> {
  const rows: Entity<E>[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<Entity<E>> = await store.list(type, { ...query, cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
    await new Promise((resolve) => setImmediate(resolve))
  }
}
