import { z } from 'zod'
import { type BaseRow, type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })
const text = z.string()

export const linkStatuses = ['active', 'expired', 'used', 'revoked'] as const
export type LinkStatus = (typeof linkStatuses)[number]
export const pinnableRoles = ['admin', 'supervisor', 'manager', 'member', 'auditor'] as const

/** A link by which people come in (contracts/salesbrain.md sections 5 to 7). Times are business time. */
export const OnboardingLink = entity('onboarding_link', {
  table: 'onboarding_link',
  fields: {
    createdBy: text.nullable(),
    /** SHA-256 of the token: 190 random bits need no key. */
    tokenDigest: text,
    /** The token itself, sealed, for people who copy the link; null where it was made without the server. */
    tokenSealed: text.nullable(),
    templateId: z.uuid().nullable(),
    templateName: text,
    welcomeMessage: text,
    /** What was last done. `expired` is what the clock says (`statusOf`). */
    status: z.enum(linkStatuses),
    expiresAt: time,
    clicksCount: z.int(),
    firstAccessedAt: time.nullable(),
    lastAccessedAt: time.nullable(),
    completedAt: time.nullable(),
    currentStep: z.int(),
    totalSteps: z.int(),
    progressPercentage: z.int(),
    revokedAt: time.nullable(),
    revokedBy: text.nullable(),
    revokedReason: text.nullable(),
    maxUses: z.int().nullable(),
    usesCount: z.int(),
    dedupeSeconds: z.int(),
    createsUser: z.boolean(),
    userRole: z.enum(pinnableRoles),
    teamId: z.uuid().nullable(),
    /** Whoever comes in waits until somebody says yes. */
    needsApproval: z.boolean(),
    createdSort: time,
  },
  indexes: { byCreated: ['createdSort'], byCreator: ['createdBy', 'createdSort'] },
  directory: { byToken: { fields: ['tokenDigest'], unique: true } },
  secret: ['tokenDigest', 'tokenSealed'],
  sealed: ['tokenSealed'],
  derived: { createdSort: (row) => (row as unknown as BaseRow).createdAt },
})
export type LinkRow = Entity<typeof OnboardingLink>

/** One counted open of a link. */
export const OnboardingVisit = entity('onboarding_link_access', {
  table: 'onboarding_link_access',
  fields: { linkId: z.uuid(), accessedAt: time, ipAddress: text.nullable(), userAgent: text },
  belongsTo: { linkId: 'onboarding_link' },
  indexes: { byLink: ['linkId', 'accessedAt'], byTime: ['accessedAt'] },
})
export type VisitRow = Entity<typeof OnboardingVisit>

/** When an address and user agent were last counted on a link, so that repeats are not. Its id is a digest of all three. */
export const OnboardingVisitor = entity('onboarding_visitor', {
  table: 'onboarding_visitors',
  id: 'text',
  fields: { countedAt: time, expiresAt: time },
  transient: true,
  indexes: { byExpiry: ['expiresAt'] },
})

/** One person's way through a link that many use, under a name that their browser chose. */
export const OnboardingPassage = entity('onboarding_passage', {
  table: 'onboarding_passages',
  id: 'text',
  fields: { linkId: z.uuid(), step: z.int(), percentage: z.int(), completedAt: time.nullable() },
  belongsTo: { linkId: 'onboarding_link' },
})

/** Who came through a link. */
export const OnboardingCompletion = entity('onboarding_link_completion', {
  table: 'onboarding_link_completion',
  fields: {
    linkId: z.uuid(),
    completedAt: time,
    session: text.nullable(),
    userId: z.uuid().nullable(),
    login: text.nullable(),
    name: text.nullable(),
    role: text.nullable(),
    teamId: z.uuid().nullable(),
    ip: text.nullable(),
    userAgent: text,
    approval: z.enum(['none', 'pending', 'approved', 'rejected']),
    decidedBy: text.nullable(),
  },
  belongsTo: { linkId: 'onboarding_link', userId: 'user' },
  erased: { login: () => null, name: () => null, ip: () => null, userAgent: () => '' },
  indexes: { byLink: ['linkId', 'completedAt'], byApproval: ['approval', 'completedAt'] },
})
export type CompletionRow = Entity<typeof OnboardingCompletion>

/** What a link is at this moment (section 7): the one place that knows of expiry. */
export const statusOf = ({ status, expiresAt }: Pick<LinkRow, 'status' | 'expiresAt'>, nowMs: number): LinkStatus =>
  status === 'active' && Date.parse(expiresAt) <= nowMs ? 'expired' : status
