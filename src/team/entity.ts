import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

/** Highest first. */
export const teamRoles = ['team_lead', 'senior_member', 'member', 'observer'] as const
export type TeamRole = (typeof teamRoles)[number]
export const visibilities = ['private', 'organization', 'public'] as const

export const teamSettings = z.object({
  visibility: z.enum(visibilities),
  allowMemberInvites: z.boolean(),
  requireApprovalForJoin: z.boolean(),
  defaultPermissions: z.array(z.string()),
  notificationSettings: z.object({
    newAssignments: z.boolean(),
    completions: z.boolean(),
    overdue: z.boolean(),
    teamUpdates: z.boolean(),
  }),
})
export type TeamSettings = z.output<typeof teamSettings>

export const defaultSettings: TeamSettings = {
  visibility: 'organization',
  allowMemberInvites: false,
  requireApprovalForJoin: false,
  defaultPermissions: [],
  notificationSettings: { newAssignments: true, completions: true, overdue: true, teamUpdates: true },
}

/** People who work together (contracts/prework.md section 5). `memberCount` and `leads` move in the commit that moves a membership, whose guard is this row's version. */
export const Team = entity('team', {
  table: 'teams',
  fields: {
    name: z.string(),
    description: z.string().nullable(),
    managerId: z.uuid().nullable(),
    settings: teamSettings,
    isActive: z.boolean(),
    memberCount: z.int(),
    leads: z.int(),
    nameFold: z.string(),
  },
  indexes: { byName: ['nameFold'] },
  internal: ['leads'],
  derived: { nameFold: (row) => row.name.toLowerCase() },
})
export type TeamRow = Entity<typeof Team>

/** One row for a team and a person (its id follows from both); it goes when the person leaves. */
export const TeamMember = entity('team_member', {
  table: 'team_members',
  fields: {
    teamId: z.uuid(),
    userId: z.uuid(),
    role: z.enum(teamRoles),
    permissions: z.array(z.string()),
    joinedAt: z.iso.datetime({ precision: 3 }),
    isActive: z.boolean(),
  },
  belongsTo: { userId: 'user', teamId: 'team' },
  unique: { pair: ['teamId', 'userId'] },
  indexes: { byTeam: ['teamId', 'joinedAt'], byUser: ['userId'] },
})
export type TeamMemberRow = Entity<typeof TeamMember>

export const invitationStatuses = ['pending', 'accepted', 'declined', 'expired', 'revoked'] as const

/** An invitation to join a team, addressed to a mail address. Of one team and address at most one is pending: `pendingFold` holds the place. */
export const TeamInvitation = entity('team_invitation', {
  table: 'team_invitations',
  fields: {
    teamId: z.uuid(),
    invitedBy: z.string(),
    invitedEmail: z.string(),
    role: z.enum(teamRoles),
    permissions: z.array(z.string()),
    status: z.enum(invitationStatuses),
    expiresAt: z.iso.datetime({ precision: 3 }),
    emailFold: z.string(),
    pendingFold: z.string().nullable(),
  },
  belongsTo: { teamId: 'team' },
  unique: { pending: ['pendingFold'] },
  indexes: { byTeam: ['teamId'], byEmail: ['emailFold'] },
  derived: {
    emailFold: (row) => row.invitedEmail.toLowerCase(),
    pendingFold: (row) => (row.status === 'pending' ? `${row.teamId} ${row.invitedEmail.toLowerCase()}` : null),
  },
})
export type TeamInvitationRow = Entity<typeof TeamInvitation>
