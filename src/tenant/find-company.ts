import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { platformTenant } from '../storage/port.ts'
import type { TenantRow } from './entity.ts'
import { resolveTenant } from './resolve.ts'

export const noTenant = () => new AppError('not_found', 'tenant_not_found', 'Tenant not found')

/** The tenant that an id or a key names, as far as the actor may see it: staff any, everyone else their own. Errors: `tenant_not_found` for absent and foreign alike. */
export async function findCompany(context: Context, idOrKey: string): Promise<TenantRow> {
  const { actor } = context
  const tenant = await resolveTenant(context, idOrKey)
  if (tenant === null || (actor.tenantId !== platformTenant && tenant.id !== actor.tenantId)) throw noTenant()
  return tenant
}
