import { AppError } from '../kernel/errors.ts'
import type { TenantRow } from './entity.ts'

const dayMs = 86_400_000

/** The first reason why a tenant's people may not come in now, or null (fsm.md section 4). `nowMs` is business time; both ends are inclusive. A date that is no date lets nobody in. */
export function licenceProblem(tenant: TenantRow, nowMs: number): AppError | null {
  const fromMs = msOf(tenant.validFrom)
  const toMs = msOf(tenant.validTo)
  if (Number.isNaN(fromMs) || Number.isNaN(toMs))
    return new AppError('internal', 'licence_unreadable', 'The licence of this tenant cannot be read. Set its dates anew.')
  if (!tenant.isActive || (fromMs !== null && nowMs < fromMs)) return new AppError('forbidden', 'tenant_inactive', 'Tenant is inactive')
  if (toMs !== null && nowMs > toMs) return new AppError('forbidden', 'tenant_expired', 'Tenant license has expired')
  return null
}

const msOf = (time: string | null): number | null => (time === null ? null : Date.parse(time))

/** Whole days until the end and since it, rounded up, none below 0; null where there is no end. */
export function daysOf({ validTo }: Pick<TenantRow, 'validTo'>, nowMs: number): { daysUntilExpiry: number; daysExpired: number } | null {
  if (validTo === null) return null
  const leftMs = Date.parse(validTo) - nowMs
  return { daysUntilExpiry: Math.max(0, Math.ceil(leftMs / dayMs)), daysExpired: Math.max(0, Math.ceil(-leftMs / dayMs)) }
}
