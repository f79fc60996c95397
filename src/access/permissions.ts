/** Roles of a tenant, highest first, and of the platform (DESIGN.md section 2). */
export const roles = ['owner', 'admin', 'supervisor', 'manager', 'member', 'auditor'] as const
export type Role = (typeof roles)[number]
export const platformRoles = ['platform_admin', 'platform_operator'] as const
export type PlatformRole = (typeof platformRoles)[number]
export type AnyRole = Role | PlatformRole

/** Which rows a permission reaches: one's own, direct reports too, everyone below, the whole tenant, or tenants at large. */
export type Scope = 'own' | 'team' | 'subtree' | 'tenant' | 'platform'

type Row = Partial<Record<AnyRole, Scope>> & {
  /** Machines hold a role too, but not where this is true: keys, passwords and sessions are for people. */
  peopleOnly?: true
  /** Surfaces whose contract gives a role another reach (`null` = none). The route names the surface. */
  surfaces?: Partial<Record<string, Partial<Record<AnyRole, Scope | null>>>>
}

const everyone = { owner: 'tenant', admin: 'tenant', supervisor: 'subtree', manager: 'subtree', member: 'own', auditor: 'tenant' } as const
const administrators = { owner: 'tenant', admin: 'tenant' } as const
const readers = { owner: 'tenant', admin: 'tenant', auditor: 'tenant' } as const
const oneself = {
  owner: 'own',
  admin: 'own',
  supervisor: 'own',
  manager: 'own',
  member: 'own',
  auditor: 'own',
  platform_admin: 'own',
  platform_operator: 'own',
} as const
const staff = { platform_admin: 'platform' } as const
const staffReads = { platform_admin: 'platform', platform_operator: 'platform' } as const

const chiefs = { owner: 'tenant', admin: 'tenant', supervisor: 'tenant', manager: 'tenant' } as const
const workers = { ...chiefs, member: 'own' } as const

/** The one permission table: who may do what, and how far it reaches. A role that is not named may not. */
export const permissions = {
  'user:read': {
    ...everyone,
    ...staffReads,
    surfaces: { vantagepoint: { manager: 'team', member: null, platform_admin: null, platform_operator: null } },
  },
  'user:create': {
    ...administrators,
    supervisor: 'subtree',
    manager: 'team',
    ...staff,
    surfaces: { vantagepoint: { supervisor: 'team', platform_admin: null } },
  },
  'user:update': { ...administrators, ...staff, surfaces: { vantagepoint: { platform_admin: null } } },
  'user:deactivate': { ...administrators, ...staff },
  'user:erase': { owner: 'tenant', ...staff, peopleOnly: true },
  'user:import': { ...administrators, ...staff },
  'user:set-password': { ...administrators, ...staff, peopleOnly: true },
  'user:explain': { ...readers, ...staffReads },
  'password:change': { ...oneself, peopleOnly: true },
  'second-factor:manage': { ...oneself, peopleOnly: true },
  'self:read': { ...oneself },
  'session:read': { ...oneself, peopleOnly: true },
  'session:revoke': { ...oneself, peopleOnly: true },
  'api-key:manage': { ...administrators, peopleOnly: true },
  'job:manage': { ...administrators },
  'webhook:manage': { ...administrators, peopleOnly: true },
  'tenant:read': {
    owner: 'tenant',
    admin: 'tenant',
    supervisor: 'tenant',
    manager: 'tenant',
    member: 'tenant',
    auditor: 'tenant',
    ...staffReads,
  },
  'tenant:list': { ...staffReads },
  'tenant:create': { ...staff },
  'tenant:rename': { ...administrators, ...staff },
  'tenant:rotate-secret': { ...administrators, ...staff },
  'tenant:use-secret': { owner: 'tenant', admin: 'tenant', supervisor: 'tenant', manager: 'tenant', member: 'tenant' },
  'tenant:import': { ...staff },
  'appointment:read': {
    owner: 'tenant',
    admin: 'tenant',
    supervisor: 'tenant',
    manager: 'tenant',
    member: 'tenant',
    auditor: 'tenant',
    ...staffReads,
  },
  'appointment:write': { owner: 'tenant', admin: 'tenant', supervisor: 'tenant', manager: 'tenant', member: 'tenant', ...staff },
  'contact:read': { ...everyone, surfaces: { vantagepoint: { manager: 'team' } } },
  'contact:create': {
    ...administrators,
    supervisor: 'subtree',
    manager: 'subtree',
    member: 'own',
    surfaces: { vantagepoint: { manager: 'team' } },
  },
  'contact:update': {
    ...administrators,
    supervisor: 'subtree',
    manager: 'subtree',
    member: 'own',
    surfaces: { vantagepoint: { manager: 'team' } },
  },
  'contact:remove': { ...administrators, supervisor: 'subtree', manager: 'subtree', surfaces: { vantagepoint: { manager: 'team' } } },
  'contact:import': { ...administrators },
  'contact:report': {
    ...administrators,
    auditor: 'tenant',
    supervisor: 'subtree',
    manager: 'subtree',
    surfaces: { vantagepoint: { manager: 'team' } },
  },
  'assignment:read': { ...readers, supervisor: 'own', manager: 'own', member: 'own', ...staffReads },
  'assignment:manage': { ...administrators, ...staff },
  'assignment:history': { ...readers, ...staffReads },
  'campaign:read': { ...everyone },
  'campaign:create': { ...administrators },
  'campaign:update': { ...administrators, supervisor: 'own', manager: 'own', member: 'own' },
  'onboarding:read': { ...readers, ...staffReads },
  'onboarding:manage': { ...administrators, ...staff },
  'person:manage': { ...administrators, ...staff },
  'organization:report': { ...readers },
  'employee:read': { ...readers },
  'employee:manage': { ...administrators },
  'preserve:run': { ...staff, peopleOnly: true },
  'attendance:mark': { supervisor: 'own', manager: 'own', member: 'own', peopleOnly: true },
  'attendance:own': { owner: 'own', admin: 'own', supervisor: 'own', manager: 'own', member: 'own', auditor: 'own', peopleOnly: true },
  'attendance:read': { ...everyone },
  'attendance:report': { ...readers },
  'attendance:confirm': { supervisor: 'own', manager: 'own', member: 'own', peopleOnly: true },
  'attendance:manage': { ...administrators },
  'leave:apply': { supervisor: 'own', manager: 'own', member: 'own', peopleOnly: true },
  'leave:decide': { ...administrators },
  'policy:read': { owner: 'tenant', admin: 'tenant', supervisor: 'tenant', manager: 'tenant', member: 'tenant', auditor: 'tenant' },
  'policy:manage': { ...administrators },
  // contracts/prework.md section 3. `own` is oneself, one's teams, one's checklists; where a team's role may allow what the person's does not, it reaches `own` too, and the operation asks the team.
  'profile:read': { ...workers, auditor: 'tenant', ...staffReads },
  'profile:update': { ...administrators, supervisor: 'own', manager: 'own', member: 'own', ...staff },
  'team:read': { ...workers, auditor: 'tenant', ...staffReads },
  'team:create': { ...chiefs, ...staff },
  'team:manage': { ...workers, auditor: 'own', ...staff },
  'checklist:read': { ...workers, auditor: 'tenant', ...staffReads },
  'checklist:create': { ...workers, ...staff },
  'checklist:edit': { ...workers, ...staff },
  'checklist:remove': { ...administrators, supervisor: 'tenant', ...staff },
  'checklist:assign': { ...workers, auditor: 'own', ...staff },
  'submission:submit': { ...workers, ...staff },
  'submission:review': { ...workers, auditor: 'own', ...staff },
  'template:manage': { ...chiefs, ...staff },
  'media:upload': { ...workers, ...staff },
  'export:data': { ...chiefs, auditor: 'tenant', ...staffReads },
  'metrics:write': { owner: 'tenant', admin: 'tenant', supervisor: 'tenant', manager: 'tenant', member: 'tenant', ...staff },
  'audit:read': { ...readers, ...staffReads },
  'event:read': { ...everyone, ...staffReads },
  'integrity:read': { owner: 'tenant', auditor: 'tenant', ...staffReads },
  'backup:read': { owner: 'tenant', ...staffReads },
  'backup:create': { owner: 'tenant', ...staff },
  'restore:run': { owner: 'tenant', ...staff, peopleOnly: true },
  'restore:all': { ...staff, peopleOnly: true },
  'backup:prune': { ...staff, peopleOnly: true },
  'metrics:read': { ...readers, ...staffReads },
  'key:read': { ...staffReads },
  'key:rotate': { ...staff, peopleOnly: true },
  'staff:create': { ...staff, peopleOnly: true },
} as const satisfies Record<string, Row>

export type Permission = keyof typeof permissions

/** How far a role's permission reaches, or null when it has none. */
export function scopeOf(role: AnyRole, permission: Permission, surface: string): Scope | null {
  const row: Row = permissions[permission]
  const special = row.surfaces?.[surface]?.[role]
  return special !== undefined ? special : (row[role] ?? null)
}

export const isPeopleOnly = (permission: Permission): boolean => (permissions[permission] as Row).peopleOnly === true

const rank: Record<Role, number> = { owner: 6, admin: 5, supervisor: 4, manager: 3, member: 2, auditor: 1 }

/**
 * One may give or take only roles up to one's own; managers make members (native-api.md section 3). An auditor reads the whole tenant, which is more than a supervisor does, so only
 * administrators make them. Platform staff may give any role of a tenant.
 */
export function mayGrant(giver: AnyRole, role: Role): boolean {
  if (giver === 'platform_admin') return true
  if (giver === 'owner' || giver === 'admin') return rank[role] <= rank[giver]
  if (giver === 'supervisor') return role !== 'auditor' && rank[role] <= rank[giver]
  return giver === 'manager' && role === 'member'
}
