import type { Runtime } from '../kernel/context.ts'
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

/** The tenant that was made first, or null while there is none. */
export async function firstTenantId({ storage }: Pick<Runtime, 'storage'>): Promise<string | null> {
  const { items } = await storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  return items[0]?.tenantId ?? null
}
