import type { AnyRole } from '../access/permissions.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { resolveTenant } from '../tenant/resolve.ts'
import { User } from '../user/entity.ts'
import { StaffMember } from './staff.ts'

/** A person who may be meant by a login: a user of a tenant, or platform staff. */
export type Candidate = {
  tenantId: string
  entity: typeof User | typeof StaffMember
  row: { id: string; username: string; role: AnyRole; isActive: boolean; version: number }
}

/** `place` is the tenant in which the login was looked for: its id, the text that names no tenant, or '' for all tenants. */
export type Found = { candidate: Candidate | null; place: string }

/**
 * The one person whom login and tenant name; null for unknown and ambiguous. A deactivated one is found where no active one is, so that the failure is theirs.
 * Where there is only one tenant, not naming it is naming it.
 */
export async function findLogin(context: Context, login: string, tenant: string | null): Promise<Found> {
  const folded = fold(login)
  if (tenant === platformTenant) return { candidate: await findStaff(context, folded), place: platformTenant }
  if (tenant !== null) {
    const tenantId = (await resolveTenant(context, tenant))?.id ?? null
    if (tenantId === null) return { candidate: null, place: tenant }
    return { candidate: await withinTenant(context, tenantId, folded), place: tenantId }
  }
  // who is found over all tenants is found in the only one, so tenants are counted for those alone who are not
  const candidate = await theOne(context, await acrossTenants(context, folded))
  return { candidate, place: candidate?.tenantId ?? (await onlyTenant(context)) ?? '' }
}

async function theOne(context: Context, found: readonly Candidate[]): Promise<Candidate | null> {
  const active = found.filter(({ row }) => row.isActive)
  if (active.length === 0) return found.length === 1 ? (found[0] ?? null) : null
  if (active.length === 1) return active[0] ?? null
  const usable: Candidate[] = []
  for (const candidate of active) {
    const row = await context.runtime.storage.tenant(candidate.tenantId).get(Tenant, candidate.tenantId)
    if (row !== null && licenceProblem(row, context.nowMs) === null) usable.push(candidate)
  }
  return usable.length === 1 ? (usable[0] ?? null) : null
}

async function onlyTenant({ runtime }: Context): Promise<string | null> {
  const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 2 })
  return items.length === 1 ? (items[0]?.tenantId ?? null) : null
}

async function findStaff({ runtime }: Context, folded: string): Promise<Candidate | null> {
  const row = await runtime.storage.platform().find(StaffMember, 'username', [folded])
  return row === null ? null : { tenantId: platformTenant, entity: StaffMember, row }
}

/** A username wins over somebody else's e-mail address within one tenant. */
async function withinTenant({ runtime }: Context, tenantId: string, folded: string): Promise<Candidate | null> {
  const store = runtime.storage.tenant(tenantId)
  const row = (await store.find(User, 'username', [folded])) ?? (await store.find(User, 'email', [folded]))
  return row === null ? null : { tenantId, entity: User, row }
}

async function acrossTenants({ runtime }: Context, folded: string): Promise<Candidate[]> {
  const platform = runtime.storage.platform()
  const [byName, byAddress] = await Promise.all([
    platform.lookup(User, 'byUsername', [folded]),
    folded.includes('@') ? platform.lookup(User, 'byEmail', [folded]) : [],
  ])
  const taken = new Set(byName.map((found) => found.tenantId))
  const byMail = byAddress.filter((found) => !taken.has(found.tenantId))
  return [...byName, ...byMail].map(({ tenantId, row }) => ({ tenantId, entity: User, row }))
}
