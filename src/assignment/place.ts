import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'

export type Asked = { organizationId: string | null; actorId?: string | null; actorField?: string }

/**
 * The context in the tenant that is meant. Everyone else than staff is where their token is; staff of the platform name a tenant. Naming another actor than oneself, or, in a change, another tenant, is refused.
 * Errors: `actor_mismatch`, `tenant_mismatch`, `validation_failed`, `organization_not_found`.
 */
export async function placed(
  context: Context,
  { organizationId, actorId = null, actorField = 'assigned_by' }: Asked,
  doing: 'read' | 'change',
): Promise<Context> {
  const { actor, store, runtime } = context
  if (actorId !== null && actorId !== actor.id)
    throw new AppError('forbidden', 'actor_mismatch', `${actorField} must be the caller.`, {
      errors: [{ field: actorField, message: 'must be the caller' }],
    })
  if (actor.tenantId !== platformTenant) {
    if (organizationId === null || organizationId === store.tenantId) return context
    if (doing === 'read') throw organizationNotFound()
    throw new AppError('forbidden', 'tenant_mismatch', 'organization_id must be your own organization.', {
      errors: [{ field: 'organization_id', message: 'must be your own organization' }],
    })
  }
  if (organizationId === null) {
    const message = 'is required'
    throw new AppError('unprocessable', 'validation_failed', `organization_id: ${message}`, {
      errors: [{ field: 'organization_id', message }],
    })
  }
  const tenant = runtime.storage.tenant(organizationId)
  if ((await tenant.get(Tenant, organizationId)) === null) throw organizationNotFound()
  return { ...context, store: tenant }
}

const organizationNotFound = () => new AppError('not_found', 'organization_not_found', 'Organization not found')

/** Errors: `user_not_found`, alike for absent and foreign. */
export async function theUser({ store }: Context, id: string): Promise<UserRow> {
  const user = isUuid(id) ? await store.get(User, id) : null
  if (user === null) throw userNotFound()
  return user
}

export const userNotFound = () => new AppError('not_found', 'user_not_found', 'User not found')

/** Errors: `user_not_active`. */
export function assertActive(user: UserRow): void {
  if (!user.isActive) throw new AppError('conflict', 'user_not_active', 'User is not active')
}
