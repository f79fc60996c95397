import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'

/** Who asks for whom, as far as a request says so: the organization, where it said it, and whoever it names as the one who acts. */
export const where = {
  organization: z
    .object({ id: z.string(), from: z.enum(['body', 'query']) })
    .nullable()
    .default(null),
  actors: z.array(z.object({ field: z.string(), id: z.unknown() })).default([]),
}
export type Where = z.output<z.ZodObject<typeof where>>

const notThere = () => new AppError('not_found', 'organization_not_found', 'Organization not found')

/**
 * The context in the tenant that is meant: one's own; staff of the platform name theirs and may act for anybody (contracts/prework.md section 1). Errors: `actor_mismatch`, `tenant_mismatch`,
 * `organization_not_found`, `validation_failed`.
 */
export async function entered(context: Context, { organization, actors }: Where): Promise<Context> {
  const { actor, store, runtime } = context
  if (actor.tenantId === platformTenant) {
    if (organization === null) {
      const message = 'is required'
      throw new AppError('unprocessable', 'validation_failed', `organizationId: ${message}`, {
        errors: [{ field: 'organizationId', message }],
      })
    }
    const tenant = isUuid(organization.id) ? runtime.storage.tenant(organization.id) : null
    if (tenant === null || (await tenant.get(Tenant, organization.id)) === null) throw notThere()
    return { ...context, store: tenant, scope: 'tenant' }
  }
  const other = actors.find(({ id }) => id !== actor.id)
  if (other !== undefined)
    throw new AppError('forbidden', 'actor_mismatch', `${other.field} must be the caller.`, {
      errors: [{ field: other.field, message: 'must be the caller' }],
    })
  if (organization === null || organization.id === store.tenantId) return context
  if (organization.from === 'query') throw notThere()
  throw new AppError('forbidden', 'tenant_mismatch', 'organizationId must be your own organization.', {
    errors: [{ field: 'organizationId', message: 'must be your own organization' }],
  })
}

export const forbidden = () => new AppError('forbidden', 'forbidden', 'Your role does not allow this.')

/** Errors: `revision_conflict` for a row that was read and has changed since. */
export function assertRevision(row: { version: number }, revision: number | undefined): void {
  if (revision !== undefined && revision !== row.version)
    throw new AppError(
      'conflict',
      'revision_conflict',
      'This was changed by someone else since you read it. Read it again and repeat the change.',
    )
}
