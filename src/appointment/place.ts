import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { noTenant } from '../tenant/find-company.ts'
import { resolveTenant } from '../tenant/resolve.ts'

export type Place = { tenant: Entity<typeof Tenant>; store: TenantStore }

/**
 * The tenant that a call means: for its own people theirs, which they may name by id or key; for staff the one they name. Another one is to its people not there on reads and forbidden on
 * writes, whether it exists or not. Errors: `tenant_not_found`, `forbidden`; `validation_failed` where staff name none.
 */
export async function placeOf(context: Context, tenantId: string | undefined, way: 'read' | 'write'): Promise<Place> {
  const { actor, store, runtime } = context
  if (actor.tenantId === platformTenant) {
    if (tenantId === undefined)
      throw new AppError('unprocessable', 'validation_failed', 'tenantId: is required', {
        errors: [{ field: 'tenantId', message: 'is required' }],
      })
    const tenant = await resolveTenant(context, tenantId)
    if (tenant === null) throw noTenant()
    return { tenant, store: runtime.storage.tenant(tenant.id) }
  }
  const tenant = await store.get(Tenant, store.tenantId)
  if (tenant === null) throw noTenant()
  if (tenantId === undefined || tenantId === tenant.key || tenantId === tenant.id) return { tenant, store }
  if (way === 'read') throw noTenant()
  throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
}
