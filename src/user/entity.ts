import { z } from 'zod'
import { roles } from '../access/permissions.ts'
import { create } from '../kernel/change.ts'
import { type BaseRow, entity, fold } from '../kernel/entity.ts'

export const userStatuses = ['active', 'inactive', 'suspended'] as const

/** What every new user is besides. */
export const newStatus = { isSuspended: false, status: 'active', assignable: true } as const

/** One person's login in one tenant. Imported rows may be odder than what `input.ts` accepts; these schemas say what is stored. */
export const User = entity('user', {
  table: 'users',
  fields: {
    number: z.int(),
    username: z.string(),
    email: z.string().nullable(),
    fullName: z.string().nullable(),
    role: z.enum(roles),
    managerId: z.uuid().nullable(),
    isActive: z.boolean(),
    /** Who is suspended is not active, and shown as such instead of as inactive. */
    isSuspended: z.boolean(),
    status: z.enum(userStatuses),
    /** Whether hand-outs may choose this person. */
    assignable: z.boolean(),
    /** Where an imported row came from, `vantagepoint:17`, so that a second import passes it over. */
    legacyId: z.string().nullable(),
    usernameFold: z.string(),
    emailFold: z.string().nullable(),
    searchText: z.string(),
    /** When the row was made: lists of other surfaces begin with the newest. */
    createdSort: z.iso.datetime({ precision: 3 }),
  },
  unique: { username: ['usernameFold'], email: ['emailFold'], number: ['number'], legacy: ['legacyId'] },
  indexes: {
    byNumber: ['number'],
    byRole: ['role', 'number'],
    byManager: ['managerId', 'number'],
    byActive: ['isActive', 'number'],
    byCreated: ['createdSort'],
  },
  directory: { byUsername: { fields: ['usernameFold'] }, byEmail: { fields: ['emailFold'] } },
  internal: ['legacyId'],
  shown: ['status', 'assignable'],
  erased: { username: (id) => `erased-${id}`, email: () => null, fullName: () => null, legacyId: () => null },
  derived: {
    // rows of before these were known
    isSuspended: (row) => row.isSuspended ?? false,
    assignable: (row) => row.assignable ?? true,
    status: (row) => (row.isActive ? 'active' : row.isSuspended ? 'suspended' : 'inactive'),
    createdSort: (row) => (row as unknown as BaseRow).createdAt,
    usernameFold: (row) => fold(row.username),
    emailFold: (row) => (row.email === null ? null : fold(row.email)),
    searchText: (row) => fold([row.username, row.fullName ?? '', row.email ?? ''].join('\n')),
  },
  sequence: 'number',
})

/** How a user or a member of the staff proves who they are. A row of its own, so that a sign-in or a new password is no new version of the user. Same id. */
export const Credential = entity('credential', {
  table: 'credentials',
  fields: {
    passwordHash: z.string().nullable(),
    passwordChangedAt: z.iso.datetime({ precision: 3 }),
    mustChangePassword: z.boolean(),
    /** A session belongs to one epoch. Raising it ends every session at once, in the commit that raises it. */
    sessionEpoch: z.int(),
    totpSecret: z.string().nullable(),
    /** Set up but not yet confirmed by a first code. */
    totpPending: z.string().nullable(),
    totpLastStep: z.int().nullable(),
    recoveryDigests: z.array(z.string()),
    /** The newest sign-in on a surface that shows it. Real time. */
    lastLoginAt: z.iso.datetime({ precision: 3 }).nullable(),
    /** Until then the person is counted as active on that day (active-day.ts). Real time. */
    activeUntil: z.iso.datetime({ precision: 3 }).nullable(),
  },
  belongsTo: { id: 'user' },
  erased: 'remove',
  onward: ['sessionEpoch', 'totpLastStep', 'lastLoginAt', 'activeUntil'],
  secret: ['passwordHash', 'totpSecret', 'totpPending', 'recoveryDigests'],
  sealed: ['totpSecret', 'totpPending'],
  internal: ['mustChangePassword', 'sessionEpoch', 'totpLastStep', 'lastLoginAt', 'activeUntil'],
})

/** The credential of someone new. `passwordHash` null = invited: nobody can sign in until a password is set. */
export const newCredential = (
  userId: string,
  { passwordHash, mustChangePassword, now }: { passwordHash: string | null; mustChangePassword: boolean; now: string },
) =>
  create(
    Credential,
    userId,
    {
      passwordHash,
      passwordChangedAt: now,
      mustChangePassword,
      sessionEpoch: 0,
      totpSecret: null,
      totpPending: null,
      totpLastStep: null,
      recoveryDigests: [],
      lastLoginAt: null,
      activeUntil: null,
    },
    now,
  )

/** Counts the active owners of a tenant; its lower bound of 1 is why the last owner cannot go, whoever races. */
export const ownersCounter = 'owners'
