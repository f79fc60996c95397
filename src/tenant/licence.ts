import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Tenant } from './entity.ts'

/** The first reason why a tenant's people may not come in now, or null (fsm.md section 4). `nowMs` is business time; both ends are inclusive. */
export function licenceProblem(tenant: Entity<typeof Tenant>, nowMs: number): AppError | null {
  const early = tenant.validFrom !== null && nowMs < Date.parse(tenant.validFrom)
  if (!tenant.isActive || early) return new AppError('forbidden', 'tenant_inactive', 'Tenant is inactive')
  if (tenant.validTo !== null && nowMs > Date.parse(tenant.validTo))
    return new AppError('forbidden', 'tenant_expired', 'Tenant license has expired')
  return null
}
