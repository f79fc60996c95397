import type { Selection, TenantStore } from '../storage/port.ts'
import type { AnyEntity, Entity } from './entity.ts'
import type { Page } from './page.ts'

/** Every row of a selection, page after page, all held at once: for what belongs to one thing, and for what looks at a whole tenant once. */
export async function everyRow<E extends AnyEntity>(
  store: Pick<TenantStore, 'list'>,
  type: E,
  selection: Selection = {},
): Promise<Entity<E>[]> {
  const rows: Entity<E>[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<Entity<E>> = await store.list(type, { ...selection, cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}
