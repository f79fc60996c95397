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
  row: {
    id: string
    username: string
    role: AnyRole
    isActive: boolean
    mustChangePassword: boolean
    sessionEpoch: number
    version: number
  }
}

/** The one active person whom login and tenant name, or null: unknown, deactivated and ambiguous look alike. */
export async function findLogin(context: Context, login: string, tenant: string | null): Promise<Candidate | null> {
  const folded = fold(login)
  if (tenant === platformTenant) return findStaff(context, folded)
  const tenantId = tenant === null ? null : ((await resolveTenant(context, tenant))?.id ?? null)
  if (tenant !== null && tenantId === null) return null
  const found = tenantId === null ? await acrossTenants(context, folded) : await withinTenant(context, tenantId, folded)
  const active = found.filter((candidate) => candidate.row.isActive)
  if (active.length <= 1) return active[0] ?? null
  const usable: Candidate[] = []
  for (const candidate of active) {
    const row = await context.runtime.storage.tenant(candidate.tenantId).get(Tenant, candidate.tenantId)
    if (row !== null && licenceProblem(row, context.nowMs) === null) usable.push(candidate)
  }
  return usable.length === 1 ? (usable[0] ?? null) : null
}

async function findStaff({ runtime }: Context, folded: string): Promise<Candidate | null> {
  const row = await runtime.storage.platform().find(StaffMember, 'username', [folded])
  return row?.isActive ? { tenantId: platformTenant, entity: StaffMember, row } : null
}

/** A username wins over somebody else's e-mail address within one tenant. */
async function withinTenant({ runtime }: Context, tenantId: string, folded: string): Promise<Candidate[]> {
  const store = runtime.storage.tenant(tenantId)
  const row = (await store.find(User, 'username', [folded])) ?? (await store.find(User, 'email', [folded]))
  return row === null ? [] : [{ tenantId, entity: User, row }]
}

async function acrossTenants({ runtime }: Context, folded: string): Promise<Candidate[]> {
  const platform = runtime.storage.platform()
  const byName = await platform.lookup(User, 'byUsername', [folded])
  const taken = new Set(byName.map((found) => found.tenantId))
  const byMail = folded.includes('@')
    ? (await platform.lookup(User, 'byEmail', [folded])).filter((found) => !taken.has(found.tenantId))
    : []
  return [...byName, ...byMail].map(({ tenantId, row }) => ({ tenantId, entity: User, row }))
}
