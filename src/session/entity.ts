import { z } from 'zod'
import { entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })

/** A sign-in. Every request reads it; without it, or with another epoch than the user's, no token is good. */
export const Session = entity('session', {
  table: 'sessions',
  fields: {
    userId: z.uuid(),
    epoch: z.int(),
    surface: z.string(),
    /** How long its access tokens live, in seconds. */
    accessSeconds: z.int(),
    lastSeenAt: time,
    expiresAt: time,
    userAgent: z.string().nullable(),
    network: z.string().nullable(),
  },
  transient: true,
  belongsTo: { userId: 'user' },
  erased: 'remove',
  indexes: { byUser: ['userId'], byExpiry: ['expiresAt'] },
  internal: ['epoch', 'surface', 'accessSeconds'],
})

/** A refresh token, named by its SHA-256. Used ones stay until they expire, so that a replay is known for what it is. */
export const RefreshToken = entity('refresh_token', {
  table: 'refresh_tokens',
  id: 'text',
  fields: {
    sessionId: z.uuid(),
    usedAt: time.nullable(),
    /** The sealed successor: the reply that was lost is given again for ten seconds. */
    successor: z.string().nullable(),
    successorId: z.string().nullable(),
    expiresAt: time,
  },
  transient: true,
  belongsTo: { sessionId: 'session' },
  erased: 'remove',
  secret: ['successor'],
  sealed: ['successor'],
  indexes: { byExpiry: ['expiresAt'] },
  directory: { byId: { fields: ['id'] } },
})

/** Failures of one account (in its tenant) or one network (in the platform's). Real time. */
export const Throttle = entity('throttle', {
  table: 'throttles',
  id: 'text',
  fields: {
    failures: z.int(),
    heldUntil: time.nullable(),
    /** Milliseconds of the newest failures, for networks. */
    recent: z.array(z.number()),
    expiresAt: time,
  },
  transient: true,
  indexes: { byExpiry: ['expiresAt'] },
})

/** A single-use permission to set a password, named by its SHA-256. */
export const PasswordReset = entity('password_reset', {
  table: 'password_resets',
  id: 'text',
  /** Void once the password has changed otherwise: `passwordChangedAt` is what it was when the permission was given. */
  fields: { userId: z.uuid(), passwordChangedAt: time, expiresAt: time },
  transient: true,
  belongsTo: { userId: 'user' },
  erased: 'remove',
  indexes: { byExpiry: ['expiresAt'] },
  directory: { byId: { fields: ['id'] } },
})

/** Keys that sign access tokens and log heads. They live in the platform's tenant, so that a restart logs nobody out. */
export const SigningKeyRow = entity('signing_key', {
  table: 'signing_keys',
  transient: true,
  fields: {
    kid: z.string(),
    purpose: z.enum(['token', 'log']),
    publicJwk: z.record(z.string(), z.string()),
    privateKey: z.string(),
    state: z.enum(['active', 'retiring']),
  },
  secret: ['privateKey'],
  sealed: ['privateKey'],
  unique: { kid: ['kid'] },
})

/** What opens one socket or stream within half a minute, named by its SHA-256. */
export const Ticket = entity('ticket', {
  table: 'tickets',
  id: 'text',
  fields: { userId: z.string(), sessionId: z.uuid(), expiresAt: time },
  transient: true,
  belongsTo: { sessionId: 'session' },
  erased: 'remove',
  indexes: { byExpiry: ['expiresAt'] },
  directory: { byId: { fields: ['id'] } },
})
