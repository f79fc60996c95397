import { pairId } from '../assignment/moment.ts'
import { type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { Team, TeamMember, type TeamMemberRow, type TeamRole, type TeamRow } from './entity.ts'

const mostMembers = 500

export const teamNotFound = () => new AppError('not_found', 'team_not_found', 'Team not found')

/** Errors: `team_not_found`, alike for absent and foreign. */
export async function theTeam({ store }: Pick<Context, 'store'>, id: string): Promise<TeamRow> {
  const team = isUuid(id) ? await store.get(Team, id) : null
  if (team === null) throw teamNotFound()
  return team
}

export const memberId = (teamId: string, userId: string): string => pairId(teamId, userId)

export const newMember = (now: string, teamId: string, { userId, role }: { userId: string; role: TeamRole }): TeamMemberRow =>
  create(TeamMember, memberId(teamId, userId), { teamId, userId, role, permissions: [], joinedAt: now, isActive: true }, now)

/** Errors: `team_full`. */
export function assertRoom({ memberCount }: Pick<TeamRow, 'memberCount'>): void {
  if (memberCount > mostMembers) throw new AppError('conflict', 'team_full', `A team has at most ${mostMembers} members.`)
}

/** The team's row once people have joined or left, or changed what they are. Errors: `team_full`, `last_team_lead`. */
export function teamMoved(
  team: TeamRow,
  { members, leads }: { members: number; leads: number },
  now: string,
): { team: TeamRow; change: Change } {
  const next = patched(Team, team, { memberCount: team.memberCount + members, leads: team.leads + leads }, now)
  assertRoom(next)
  if (next.leads < 1 && leads < 0)
    throw new AppError('conflict', 'last_team_lead', 'This is the last team lead; make someone else one first.')
  return { team: next, change: update(Team, team, next) }
}

/** The changes that make somebody a member of a team, whose row is the guard of its count. Errors: `team_full`. */
export function planJoin(
  now: string,
  team: TeamRow,
  joining: readonly { userId: string; role: TeamRole }[],
): { team: TeamRow; members: TeamMemberRow[]; changes: Change[] } {
  const members = joining.map((one) => newMember(now, team.id, one))
  const leads = joining.filter(({ role }) => role === 'team_lead').length
  const moved = teamMoved(team, { members: members.length, leads }, now)
  return { team: moved.team, members, changes: [moved.change, ...members.map((row) => insert(TeamMember, row))] }
}

/** The changes that take a member out. Errors: `last_team_lead`. */
export function planLeave(now: string, team: TeamRow, member: TeamMemberRow): { team: TeamRow; changes: Change[] } {
  const moved = teamMoved(team, { members: -1, leads: member.role === 'team_lead' ? -1 : 0 }, now)
  return { team: moved.team, changes: [moved.change, remove(TeamMember, member)] }
}
