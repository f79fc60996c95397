import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'
import { pairId } from './moment.ts'

export const campaignRoles = ['owner', 'admin', 'member', 'viewer'] as const
export const assignmentTypes = ['manual', 'round_robin', 'lead_score', 'territory'] as const
export type AssignmentType = (typeof assignmentTypes)[number]

const text = z.string()
/** `YYYY-MM-DDTHH:MM:SS.ffffffZ`, so that texts stand in the order of time (moment.ts). */
const moment = z.string()

/** One row for ever for each person and campaign, whatever became of it. Its id follows from both (`pairId`). */
export const CampaignAssignment = entity('campaign_assignment', {
  table: 'user_campaign_assignment',
  fields: {
    userId: z.uuid(),
    campaignId: z.uuid(),
    assignedBy: text.nullable(),
    assignedAt: moment,
    role: z.enum(campaignRoles),
    canEdit: z.boolean(),
    canViewStats: z.boolean(),
    canManageContacts: z.boolean(),
    status: z.enum(['active', 'inactive', 'revoked']),
  },
  belongsTo: { userId: 'user' },
  unique: { pair: ['userId', 'campaignId'] },
  identity: { pair: pairId },
  indexes: { byUser: ['userId', 'status', 'assignedAt'], byCampaign: ['campaignId', 'status'] },
})
export type CampaignAssignmentRow = Entity<typeof CampaignAssignment>

/** One row for ever for each person and contact. Of those that are active at most one is the primary owner, who is the contact's `ownerId` too: both are guarded by the contact's version. */
export const ContactAssignment = entity('contact_assignment', {
  table: 'user_contact_assignment',
  fields: {
    userId: z.uuid(),
    contactId: z.uuid(),
    assignedBy: text.nullable(),
    assignedAt: moment,
    assignmentType: z.enum(assignmentTypes),
    isPrimaryOwner: z.boolean(),
    ownershipPercentage: z.int(),
    status: z.enum(['active', 'inactive', 'transferred']),
    lastContactedAt: moment.nullable(),
    nextFollowupAt: moment.nullable(),
    interactionsCount: z.int(),
    /** The hand-out that left it as it is; null once anything else has changed it. */
    batchId: z.uuid().nullable(),
    /** Whom that hand-out took the contact from. */
    formerOwnerId: z.uuid().nullable(),
  },
  belongsTo: { userId: 'user' },
  unique: { pair: ['userId', 'contactId'] },
  identity: { pair: pairId },
  indexes: {
    byUser: ['userId', 'status', 'assignedAt'],
    byContact: ['contactId', 'status'],
    byBatch: ['batchId'],
    byFollowup: ['nextFollowupAt'],
  },
  internal: ['formerOwnerId'],
})
export type ContactAssignmentRow = Entity<typeof ContactAssignment>

/**
 * What a person has to do: active assignments, the sum of their contacts' lead scores in hundredths, and when the newest assignment of a contact began, whatever became of it. It moves in the commit that moves
 * what it counts, so that nobody has to count. Same id as the user.
 */
export const Workload = entity('workload', {
  table: 'workloads',
  fields: { campaigns: z.int(), contacts: z.int(), score: z.int(), lastAssignedAt: moment.nullable() },
  belongsTo: { id: 'user' },
})
export type WorkloadRow = Entity<typeof Workload>

/** The moment of a tenant's newest hand-out. Every hand-out moves it on: of two at once the second finds it changed and chooses again, in whichever process. */
export const HandOutClock = entity('hand_out_clock', { table: 'hand_out_clocks', id: 'text', fields: { last: moment } })

/** A bulk assignment, so that it can be taken back. */
export const HandOut = entity('hand_out', {
  table: 'hand_outs',
  fields: {
    mode: z.enum(['round_robin', 'lead_score', 'manual']),
    byId: text.nullable(),
    assignments: z.int(),
    undoneAt: z.iso.datetime({ precision: 3 }).nullable(),
  },
})
export type HandOutRow = Entity<typeof HandOut>

export const stepActions = ['assigned', 'permissions_changed', 'unassigned', 'transferred', 'undone'] as const

/** One step of an assignment's history; never changed, and it outlives what it speaks of. */
export const AssignmentStep = entity('assignment_step', {
  table: 'assignment_steps',
  fields: {
    at: moment,
    action: z.enum(stepActions),
    kind: z.enum(['campaign', 'contact']),
    assignmentId: z.uuid(),
    userId: z.uuid(),
    campaignId: z.uuid().nullable(),
    contactId: z.uuid().nullable(),
    by: text.nullable(),
    mode: z.enum(assignmentTypes).nullable(),
    batchId: z.uuid().nullable(),
    reason: z.record(z.string(), z.unknown()),
  },
  permanent: true,
  indexes: { byContact: ['contactId'], byCampaign: ['campaignId'], byUser: ['userId'], byBatch: ['batchId'] },
})
export type AssignmentStepRow = Entity<typeof AssignmentStep>
