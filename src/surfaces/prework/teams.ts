import { z } from 'zod'
import { type Route, route } from '../../http/route.ts'
import {
  acceptInvitation,
  declineInvitation,
  invite,
  listInvitations,
  listOwnInvitations,
  revokeInvitation,
} from '../../team/invitations.ts'
import {
  addMembers,
  createTeam,
  findTeams,
  listMembers,
  removeMember,
  removeTeam,
  updateMember,
  updateTeam,
} from '../../team/operations.ts'
import { asked, bodyInput, queryInput, told, withMessage } from './shapes.ts'

const team = { 403: ['actor_mismatch', 'tenant_mismatch'], 404: ['organization_not_found', 'team_not_found'] }
const people = { ...team, 404: ['organization_not_found', 'team_not_found', 'user_not_found'] }
const answers = { 404: ['invitation_not_found'], 409: ['invitation_settled'], 410: ['invitation_expired'] }

const { members, memberCount } = addMembers.output.shape
const added = told.extend({ memberCount })

/** Teams, their members and invitations (contracts/prework.md, section 5). */
export const teamRoutes: readonly Route[] = [
  route('GET', '/api/teams', findTeams, {
    responseSchema: z.union([findTeams.output.omit({ team: true }), z.object({ team: createTeam.output.shape.team })]),
    problems: { ...team, 400: ['bad_cursor'] },
    query: { teamId: 'One team.', userId: 'Those that this person is in.', organizationId: 'One’s own.' },
    input: queryInput([], ['teamId', 'userId']),
    reply: ({ team: found, ...page }) => ({ body: found === null ? page : { team: found } }),
  }),
  route('POST', '/api/teams', createTeam, {
    responseSchema: withMessage(createTeam),
    status: 201,
    problems: people,
    input: bodyInput(),
    reply: (made) => ({ status: 201, body: { ...made, message: 'Team created successfully' } }),
  }),
  route('PUT', '/api/teams', updateTeam, {
    responseSchema: withMessage(updateTeam),
    problems: { ...people, 409: ['revision_conflict', 'team_full'] },
    input: bodyInput(),
    reply: (changed) => ({ body: { ...changed, message: 'Team updated successfully' } }),
  }),
  route('DELETE', '/api/teams', removeTeam, {
    responseSchema: told,
    problems: team,
    query: { teamId: 'Which.' },
    input: (request) => ({ teamId: request.query.teamId, ...asked(request).where }),
    reply: () => ({ body: { message: 'Team deleted successfully' } }),
  }),
  route('GET', '/api/teams/invitations', listOwnInvitations, { problems: { 400: ['bad_cursor'] }, input: queryInput([]) }),
  route('POST', '/api/teams/invitations/:invitationId/accept', acceptInvitation, {
    problems: { ...answers, 409: ['invitation_settled', 'already_member', 'team_full'], 404: ['invitation_not_found', 'team_not_found'] },
    input: ({ params }) => params,
  }),
  route('POST', '/api/teams/invitations/:invitationId/decline', declineInvitation, { problems: answers, input: ({ params }) => params }),
  route('GET', '/api/teams/:teamId/members', listMembers, { problems: { ...team, 400: ['bad_cursor'] }, input: queryInput(['teamId']) }),
  route('POST', '/api/teams/:teamId/members', addMembers, {
    responseSchema: z.union([added.extend({ members }), added.extend({ member: members.element })]),
    status: 201,
    problems: { ...people, 409: ['already_member', 'team_full'] },
    input: bodyInput('teamId'),
    reply: ({ members, memberCount }, request) => ({
      status: 201,
      body: {
        ...((request.body as { members?: unknown }).members === undefined ? { member: members[0] } : { members }),
        memberCount,
        message: 'Member added successfully',
      },
    }),
  }),
  route('PATCH', '/api/teams/:teamId/members/:userId', updateMember, {
    problems: { ...team, 404: [...team[404], 'not_a_member'], 409: ['last_team_lead'] },
    input: bodyInput('teamId', 'userId'),
  }),
  route('DELETE', '/api/teams/:teamId/members/:userId', removeMember, {
    responseSchema: withMessage(removeMember),
    problems: { ...team, 404: [...team[404], 'not_a_member'], 409: ['last_team_lead'] },
    input: (request) => ({ ...request.params, ...asked(request).where }),
    reply: ({ memberCount }) => ({ body: { memberCount, message: 'Member removed successfully' } }),
  }),
  route('GET', '/api/teams/:teamId/invitations', listInvitations, {
    problems: { ...team, 400: ['bad_cursor'] },
    input: queryInput(['teamId']),
  }),
  route('POST', '/api/teams/:teamId/invitations', invite, {
    responseSchema: withMessage(invite),
    status: 201,
    problems: { ...team, 409: ['invitation_pending', 'already_member'] },
    input: bodyInput('teamId'),
    reply: ({ invitation }) => ({ status: 201, body: { invitation, message: 'Invitation sent successfully' } }),
  }),
  route('DELETE', '/api/teams/:teamId/invitations/:invitationId', revokeInvitation, {
    problems: { ...team, 404: [...team[404], 'invitation_not_found'], 409: ['invitation_settled'] },
    input: (request) => ({ ...request.params, ...asked(request).where }),
  }),
]
