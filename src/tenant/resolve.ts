import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { isUuid } from '../kernel/id.ts'
import { Tenant } from './entity.ts'

/** The tenant that an id or a key names, or null. Everywhere a tenant may be named, either will do. */
export async function resolveTenant({ runtime }: Pick<Context, 'runtime'>, idOrKey: string): Promise<Entity<typeof Tenant> | null> {
  const byId = isUuid(idOrKey) ? await runtime.storage.tenant(idOrKey).get(Tenant, idOrKey) : null
  if (byId !== null) return byId
  const [found] = await runtime.storage.platform().lookup(Tenant, 'byKey', [idOrKey], 1)
  return found?.row ?? null
}
