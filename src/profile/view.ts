import { z } from 'zod'
import { readAll } from '../assignment/ledger.ts'
import { cutName } from '../assignment/list.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import type { Page } from '../kernel/page.ts'
import { Credential, User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { blankProfile, location, Profile, type ProfileRow, preferences } from './entity.ts'

const text = z.string().nullable()

/** A person as the clients of checklists know them (contracts/prework.md section 4). */
export const personView = z.object({
  userId: z.string(),
  organizationId: z.string(),
  email: text,
  username: z.string(),
  role: z.string(),
  firstName: text,
  lastName: text,
  isActive: z.boolean(),
  managerId: text,
  authProvider: z.literal('local'),
  lastLoginAt: text,
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
})
export type PersonView = z.output<typeof personView>

export const profileView = z.object({
  profileId: z.string(),
  userId: z.string(),
  organizationId: z.string(),
  firstName: text,
  lastName: text,
  jobTitle: text,
  department: text,
  phoneNumber: text,
  bio: text,
  avatarUrl: text,
  location,
  preferences,
  permissions: z.array(z.string()),
  managerId: text,
  teamMembers: z.array(z.string()),
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
})
export type ProfileView = z.output<typeof profileView>

const words: Readonly<Record<string, string>> = {
  owner: 'administrator',
  admin: 'administrator',
  supervisor: 'supervisor',
  manager: 'manager',
  member: 'user',
  auditor: 'auditor',
  platform_admin: 'administrator',
  platform_operator: 'auditor',
}
export const roleWord = (role: string): string => words[role] ?? role

/** The words of this dialect's permission table, by role. */
const everything = [
  'user.read',
  'profile.read',
  'user.manage',
  'profile.update',
  'team.read',
  'team.manage',
  'checklist.read',
  'checklist.create',
  'media.upload',
  'checklist.edit',
  'submission.submit',
  'checklist.delete',
  'template.manage',
  'checklist.assign',
  'submission.review',
  'analytics.view',
  'export.data',
  'audit.read',
  'metrics.write',
]
const without: Readonly<Record<string, readonly string[]>> = {
  administrator: [],
  supervisor: ['user.manage', 'audit.read'],
  manager: ['user.manage', 'audit.read', 'checklist.delete'],
  user: [
    'user.manage',
    'team.manage',
    'checklist.delete',
    'template.manage',
    'checklist.assign',
    'submission.review',
    'analytics.view',
    'export.data',
    'audit.read',
  ],
}
const auditors = ['user.read', 'profile.read', 'team.read', 'checklist.read', 'analytics.view', 'export.data', 'audit.read']

export const permissionsOf = (role: string): string[] => {
  const word = roleWord(role)
  return word === 'auditor' ? auditors : everything.filter((permission) => without[word]?.includes(permission) !== true)
}

/** The profiles that are there, by user. */
export async function profilesOf({ store }: Pick<Context, 'store'>, ids: readonly string[]): Promise<Map<string, ProfileRow>> {
  const rows = await readAll<ProfileRow>(
    store,
    ids.map((id) => ({ type: Profile, id })),
  )
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row.id, row] as const])))
}

/** First and last name: the profile's, else the full name cut at its last blank. */
export const nameOf = (user: UserRow, profile: ProfileRow | undefined): { firstName: string | null; lastName: string | null } =>
  profile === undefined || (profile.firstName === null && profile.lastName === null) ? cutName(user.fullName) : profile

export function personOf({ store }: Pick<Context, 'store'>, user: UserRow, profile: ProfileRow | undefined): PersonView {
  const { firstName, lastName } = nameOf(user, profile)
  return {
    userId: user.id,
    organizationId: store.tenantId,
    email: user.email,
    username: user.username,
    role: roleWord(user.role),
    firstName,
    lastName,
    isActive: user.isActive,
    managerId: user.managerId,
    authProvider: 'local',
    lastLoginAt: null,
    createdAt: user.createdAt,
    updatedAt: user.updatedAt,
    revision: user.version,
  }
}

export async function peopleOf(context: Pick<Context, 'store'>, users: readonly UserRow[]): Promise<PersonView[]> {
  const profiles = await profilesOf(
    context,
    users.map(({ id }) => id),
  )
  const credentials = await readAll<Entity<typeof Credential>>(
    context.store,
    users.map(({ id }) => ({ type: Credential, id })),
  )
  return users.map((user, at) => ({ ...personOf(context, user, profiles.get(user.id)), lastLoginAt: credentials[at]?.lastLoginAt ?? null }))
}

/** A profile with what follows from elsewhere: the manager, the people below, what the role may. */
export async function profileOf(context: Pick<Context, 'store'>, user: UserRow, profile: ProfileRow | undefined): Promise<ProfileView> {
  const reports: string[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<UserRow> = await context.store.list(User, { index: 'byManager', where: { managerId: user.id }, cursor, limit: 200 })
    for (const { id } of page.items) reports.push(id)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  const row = profile ?? { ...blankProfile, createdAt: user.createdAt, updatedAt: user.updatedAt, version: 1 }
  return {
    profileId: user.id,
    userId: user.id,
    organizationId: context.store.tenantId,
    ...nameOf(user, profile),
    jobTitle: row.jobTitle,
    department: row.department,
    phoneNumber: row.phoneNumber,
    bio: row.bio,
    avatarUrl: row.avatarUrl,
    location: row.location,
    preferences: row.preferences,
    permissions: permissionsOf(user.role),
    managerId: user.managerId,
    teamMembers: reports,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    revision: row.version,
  }
}
