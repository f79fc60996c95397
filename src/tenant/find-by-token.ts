import type { Context } from '../kernel/context.ts'
import type { AnyEntity, Entity } from '../kernel/entity.ts'
import { digestToken } from '../session/tokens.ts'
import type { TenantStore } from '../storage/port.ts'
import { Tenant } from './entity.ts'

export type FoundByToken<E extends AnyEntity> = { row: Entity<E>; store: TenantStore; tenant: Entity<typeof Tenant> }

/** The row, of whichever tenant, that a link's token names, or null. For whoever holds a link and belongs to no tenant. `directory` goes by the token's digest. */
export async function findByToken<E extends AnyEntity>(
  { runtime }: Pick<Context, 'runtime'>,
  type: E,
  directory: string,
  token: string,
): Promise<FoundByToken<E> | null> {
  const [found] = await runtime.storage.platform().lookup(type, directory, [digestToken(token)], 1)
  if (found === undefined) return null
  const store = runtime.storage.tenant(found.tenantId)
  const tenant = await store.get(Tenant, found.tenantId)
  return tenant === null ? null : { row: found.row, store, tenant }
}
