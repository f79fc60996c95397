import { z } from 'zod'
import { scopeOf } from '../access/permissions.ts'
import { readAll } from '../assignment/ledger.ts'
import type { Context } from '../kernel/context.ts'
import type { Page } from '../kernel/page.ts'
import { nameOf, profilesOf } from '../profile/view.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { Team, TeamInvitation, type TeamInvitationRow, TeamMember, type TeamMemberRow, type TeamRow, teamSettings } from './entity.ts'
import { memberId, teamNotFound, theTeam } from './join.ts'

const text = z.string().nullable()

export const teamView = z.object({
  teamId: z.string(),
  organizationId: z.string(),
  name: z.string(),
  description: text,
  managerId: text,
  settings: teamSettings,
  isActive: z.boolean(),
  memberCount: z.int(),
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
})
export const memberView = TeamMember.public
  .pick({ teamId: true, userId: true, role: true, permissions: true, joinedAt: true, isActive: true })
  .extend({ username: text, firstName: text, lastName: text })
export const invitationView = TeamInvitation.public
  .pick({
    teamId: true,
    invitedBy: true,
    invitedEmail: true,
    role: true,
    permissions: true,
    status: true,
    expiresAt: true,
    createdAt: true,
  })
  .extend({ invitationId: z.string() })

export const teamShape = ({ store }: Pick<Context, 'store'>, { id, version, ...team }: TeamRow): z.input<typeof teamView> => ({
  ...team,
  teamId: id,
  organizationId: store.tenantId,
  revision: version,
})

/** As it stands now: a pending invitation whose time is over has expired. */
export const invitationShape = ({ nowMs }: Pick<Context, 'nowMs'>, { id, ...row }: TeamInvitationRow): z.input<typeof invitationView> => ({
  ...row,
  invitationId: id,
  status: row.status === 'pending' && Date.parse(row.expiresAt) <= nowMs ? 'expired' : row.status,
})

export async function memberShapes(
  context: Pick<Context, 'store'>,
  members: readonly TeamMemberRow[],
): Promise<z.input<typeof memberView>[]> {
  const ids = members.map(({ userId }) => userId)
  const users = await readAll<UserRow>(
    context.store,
    ids.map((id) => ({ type: User, id })),
  )
  const profiles = await profilesOf(context, ids)
  return members.map((member, at) => {
    const user = users[at] ?? null
    const name = user === null ? { firstName: null, lastName: null } : nameOf(user, profiles.get(user.id))
    return { ...member, username: user?.username ?? null, firstName: name.firstName, lastName: name.lastName }
  })
}

/** Somebody's membership of a team, or null. */
export const membershipOf = async (
  { store }: Pick<Context, 'store'>,
  teamId: string,
  userId: string | null,
): Promise<TeamMemberRow | null> => (userId === null ? null : store.get(TeamMember, memberId(teamId, userId)))

/** Every team that somebody is in, with what they are there. */
export async function membershipsOf({ store }: Pick<Context, 'store'>, userId: string): Promise<TeamMemberRow[]> {
  const rows: TeamMemberRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<TeamMemberRow> = await store.list(TeamMember, { index: 'byUser', where: { userId }, cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}

/** A team that one may read, and one's own place in it. Errors: `team_not_found`, alike for absent, foreign and hidden. */
export async function readableTeam(context: Context, id: string): Promise<{ team: TeamRow; mine: TeamMemberRow | null }> {
  const team = await theTeam(context, id)
  const mine = await membershipOf(context, id, context.actor.id)
  const reach = scopeOf(context.actor.role ?? 'member', 'team:read', context.origin.surface) ?? 'own'
  if (reach === 'own' && mine === null && team.settings.visibility === 'private') throw teamNotFound()
  return { team, mine }
}

export async function everyTeam({ store }: Pick<Context, 'store'>): Promise<TeamRow[]> {
  const rows: TeamRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<TeamRow> = await store.list(Team, { cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}
