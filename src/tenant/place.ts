import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from './entity.ts'
import { resolveTenant } from './resolve.ts'

const refused = (message: string) =>
  new AppError('unprocessable', 'validation_failed', `tenantId: ${message}`, { errors: [{ field: 'tenantId', message }] })

/**
 * The context in the tenant that a `tenantId` (id or key) names. Staff must name one, having none of their own; everyone else may name only their own, by its key: another key is
 * forbidden whether it exists or not, and an id is no known field (contracts/fsm.md section 2). Errors: `validation_failed`, `forbidden`, `not_found`.
 */
export async function contextIn(context: Context, tenantId: string | undefined): Promise<Context> {
  const { actor, store, runtime } = context
  if (actor.tenantId === platformTenant) {
    if (tenantId === undefined && store.tenantId === platformTenant) throw refused('is required')
    const tenant = tenantId === undefined ? null : await resolveTenant(context, tenantId)
    if (tenantId !== undefined && tenant === null) throw notFound()
    return tenant === null ? context : { ...context, store: runtime.storage.tenant(tenant.id) }
  }
  if (tenantId === undefined) return context
  if (isUuid(tenantId.toLowerCase())) throw refused('is not a known field')
  const own = await store.get(Tenant, store.tenantId)
  if (own?.key !== tenantId) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  return context
}
