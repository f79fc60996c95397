import type { Runtime } from '../kernel/context.ts'
import type { AnyEntity, Entity } from '../kernel/entity.ts'
import type { Page } from '../kernel/page.ts'
import { Tenant } from './entity.ts'

/** The ids of all tenants, the first one made first. */
export async function* everyTenantId({ storage }: Pick<Runtime, 'storage'>): AsyncGenerator<string> {
  for (let cursor: string | null = null; ; ) {
    const page: { items: { tenantId: string }[]; nextCursor: string | null } = await storage
      .platform()
      .listAll(Tenant, 'byId', { cursor, limit: 200 })
    for (const { tenantId } of page.items) yield tenantId
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

/** The rows of all tenants under a directory key of one field, for work that begins where it was cut off. */
export async function* everyRowWhere<E extends AnyEntity>(
  { storage }: Pick<Runtime, 'storage'>,
  type: E,
  { directory, value }: { directory: string; value: string },
): AsyncGenerator<{ tenantId: string; row: Entity<E> }> {
  for (let cursor: string | null = null; ; ) {
    const page: Page<{ tenantId: string; row: Entity<E> }> = await storage
      .platform()
      .listAll(type, directory, { where: [value], cursor, limit: 100 })
    yield* page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

/** The tenant that was made first, or null while there is none. */
export async function firstTenantId({ storage }: Pick<Runtime, 'storage'>): Promise<string | null> {
  const { items } = await storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  return items[0]?.tenantId ?? null
}
