import { z } from 'zod'
import { check, create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { email, listing } from '../profile/input.ts'
import { entered, forbidden, where } from '../profile/place.ts'
import { User } from '../user/entity.ts'
import { Team, TeamInvitation, type TeamInvitationRow, type TeamMemberRow, type TeamRole, type TeamRow, teamRoles } from './entity.ts'
import { planJoin, theTeam } from './join.ts'
import { invitationShape, invitationView, memberShapes, membershipOf, memberView, readableTeam } from './view.ts'

const weekMs = 7 * 86_400_000
const page = z.object({ invitations: z.array(invitationView), nextCursor: z.string().nullable() })

const mayInvite = ({ scope }: Context, team: TeamRow, mine: TeamMemberRow | null): boolean =>
  scope !== 'own' ||
  mine?.role === 'team_lead' ||
  mine?.role === 'senior_member' ||
  (mine?.role === 'member' && team.settings.allowMemberInvites)

/** Who invites by what they are in the team makes nobody more than that. */
const mayGive = ({ scope }: Context, role: TeamRole, mine: TeamMemberRow | null): boolean =>
  scope !== 'own' || (mine !== null && teamRoles.indexOf(role) >= teamRoles.indexOf(mine.role))

export const listInvitations = operation({
  name: 'team.invitations',
  summary: 'List the invitations of a team',
  needs: 'team:manage',
  readOnly: true,
  input: z.object({ ...where, ...listing, teamId: z.string() }),
  output: page,
  async run(caller, { teamId, limit, cursor, ...place }) {
    const context = await entered(caller, place)
    const { team, mine } = await readableTeam(context, teamId)
    if (!mayInvite(context, team, mine)) throw forbidden()
    const found = await context.store.list(TeamInvitation, { index: 'byTeam', where: { teamId }, cursor, limit })
    return { output: { invitations: found.items.map((row) => invitationShape(context, row)), nextCursor: found.nextCursor } }
  },
})

const pending = ['invitation_pending', 'An invitation to this address is pending.'] as const

/** Invites a mail address to a team. Errors: `team_not_found`, `forbidden`, `invitation_pending`, `already_member`. */
export const invite = operation({
  name: 'team.invite',
  summary: 'Invite somebody to a team',
  needs: 'team:manage',
  elsewhere: true,
  input: z.object({ ...where, teamId: z.string(), invitedEmail: email, role: z.enum(teamRoles).default('member') }).strict(),
  output: z.object({ invitation: invitationView }),
  conflicts: { 'team_invitation.pending': pending },
  async run(caller, { organization, actors, teamId, invitedEmail, role }) {
    const context = await entered(caller, { organization, actors })
    const { store, now, nowMs, actor } = context
    const { team, mine } = await readableTeam(context, teamId)
    if (!mayInvite(context, team, mine) || !mayGive(context, role, mine)) throw forbidden()
    const user = await store.find(User, 'email', [fold(invitedEmail)])
    if (user !== null && (await membershipOf(context, teamId, user.id)) !== null)
      throw new AppError('conflict', 'already_member', 'User is already a member of this team')
    // one whose time is over makes room for the next
    const former = await store.find(TeamInvitation, 'pending', [`${teamId} ${invitedEmail.toLowerCase()}`])
    if (former !== null && Date.parse(former.expiresAt) > nowMs) throw new AppError('conflict', ...pending)
    const row = create(
      TeamInvitation,
      context.newId(),
      { teamId, invitedBy: actor.id ?? '', invitedEmail, role, permissions: [], status: 'pending', expiresAt: toTime(nowMs + weekMs) },
      now,
    )
    return {
      output: { invitation: invitationShape(context, row) },
      changes: [
        ...(former === null ? [] : [update(TeamInvitation, former, patched(TeamInvitation, former, { status: 'expired' }, now))]),
        insert(TeamInvitation, row),
        check(Team, team),
      ],
      store,
      entity: { type: TeamInvitation.name, id: row.id },
    }
  },
})

const notFound = () => new AppError('not_found', 'invitation_not_found', 'Invitation not found')
const settled = () => new AppError('conflict', 'invitation_settled', 'This invitation was settled before.')
const over = () => new AppError('gone', 'invitation_expired', 'This invitation has expired.')

export const revokeInvitation = operation({
  name: 'team.revoke-invitation',
  summary: 'Revoke an invitation to a team',
  needs: 'team:manage',
  elsewhere: true,
  input: z.object({ ...where, teamId: z.string(), invitationId: z.string() }),
  output: z.object({ invitation: invitationView }),
  async run(caller, { teamId, invitationId, ...place }) {
    const context = await entered(caller, place)
    const { team, mine } = await readableTeam(context, teamId)
    if (!mayInvite(context, team, mine)) throw forbidden()
    const row = isUuid(invitationId) ? await context.store.get(TeamInvitation, invitationId) : null
    if (row === null || row.teamId !== teamId) throw notFound()
    if (row.status !== 'pending') throw settled()
    const next = patched(TeamInvitation, row, { status: 'revoked' }, context.now)
    return {
      output: { invitation: invitationShape(context, next) },
      changes: [update(TeamInvitation, row, next)],
      store: context.store,
      entity: { type: TeamInvitation.name, id: row.id },
    }
  },
})

/** Invitations addressed to the caller's own mail address. */
export const listOwnInvitations = operation({
  name: 'team.own-invitations',
  summary: 'List my invitations',
  needs: 'self:read',
  readOnly: true,
  input: z.object({ ...listing }),
  output: page,
  async run(context, { limit, cursor }) {
    const mail = context.actor.user?.email ?? null
    if (mail === null) return { output: { invitations: [], nextCursor: null } }
    const found = await context.store.list(TeamInvitation, { index: 'byEmail', where: { emailFold: mail.toLowerCase() }, cursor, limit })
    return { output: { invitations: found.items.map((row) => invitationShape(context, row)), nextCursor: found.nextCursor } }
  },
})

/** An invitation to the caller's own address that can be answered now. Errors: `invitation_not_found`, `invitation_settled`, `invitation_expired`. */
async function ownInvitation({ store, actor, nowMs }: Context, given: string): Promise<TeamInvitationRow> {
  const row = isUuid(given) ? await store.get(TeamInvitation, given) : null
  if (row === null || actor.user?.email == null || row.emailFold !== actor.user.email.toLowerCase()) throw notFound()
  if (row.status !== 'pending') throw settled()
  if (Date.parse(row.expiresAt) <= nowMs) throw over()
  return row
}

export const acceptInvitation = operation({
  name: 'team.accept-invitation',
  summary: 'Accept an invitation to a team',
  needs: 'self:read',
  input: z.object({ invitationId: z.string() }),
  output: z.object({ invitation: invitationView, member: memberView }),
  conflicts: { 'team_member.exists': ['already_member', 'User is already a member of this team'] },
  async run(context, { invitationId }) {
    const { store, now, actor } = context
    const row = await ownInvitation(context, invitationId)
    const team = await theTeam(context, row.teamId)
    const next = patched(TeamInvitation, row, { status: 'accepted' }, now)
    const joined = planJoin(now, team, [{ userId: actor.id ?? '', role: row.role }])
    const [member] = await memberShapes(context, joined.members)
    return {
      output: { invitation: invitationShape(context, next), member: member as z.input<typeof memberView> },
      changes: [update(TeamInvitation, row, next), ...joined.changes],
      store,
      entity: { type: TeamInvitation.name, id: row.id },
    }
  },
})

export const declineInvitation = operation({
  name: 'team.decline-invitation',
  summary: 'Decline an invitation to a team',
  needs: 'self:read',
  input: z.object({ invitationId: z.string() }),
  output: z.object({ invitation: invitationView }),
  async run(context, { invitationId }) {
    const row = await ownInvitation(context, invitationId)
    const next = patched(TeamInvitation, row, { status: 'declined' }, context.now)
    return {
      output: { invitation: invitationShape(context, next) },
      changes: [update(TeamInvitation, row, next)],
      entity: { type: TeamInvitation.name, id: row.id },
    }
  },
})
