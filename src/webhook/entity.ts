import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })

/** Where a tenant's log is sent to. */
export const Webhook = entity('webhook', {
  table: 'webhooks',
  fields: {
    name: z.string(),
    url: z.string(),
    /** Names of operations, `user.create`, or of all that begin alike, `user.*`; `*` is everything. */
    events: z.array(z.string()),
    isActive: z.boolean(),
    /** Why it was switched off by itself: `failing`, `gone`, `too_many_dead_letters`; null when it was not. */
    disabledReason: z.string().nullable(),
    sealedSecret: z.string(),
    /** The secret before, which signs too until `formerUntil`, so that receivers can change over. */
    sealedFormer: z.string().nullable(),
    formerUntil: time.nullable(),
  },
  secret: ['sealedSecret', 'sealedFormer'],
  sealed: ['sealedSecret', 'sealedFormer'],
})
export type WebhookRow = Entity<typeof Webhook>

/** How far a webhook has come: one row each, with the webhook's id. A restore leaves it, so that nothing old is sent again unless someone asks for it. */
export const WebhookCursor = entity('webhook_cursor', {
  table: 'webhook_cursors',
  fields: {
    /** Sequence of the last entry that needs no sending any more. */
    position: z.int(),
    /** How often the next entry was tried in vain. */
    attempts: z.int(),
    nextAttemptAt: time.nullable(),
    /** Entries in a row that were given up. */
    givenUp: z.int(),
    lastDeliveredAt: time.nullable(),
    lastFailedAt: time.nullable(),
    lastError: z.string().nullable(),
  },
  transient: true,
})
export type WebhookCursorRow = Entity<typeof WebhookCursor>

/** An entry that a webhook's receiver did not take. Its words are in the log. */
export const DeadLetter = entity('webhook_dead_letter', {
  table: 'webhook_dead_letters',
  fields: {
    webhookId: z.uuid(),
    sequence: z.int(),
    action: z.string(),
    attempts: z.int(),
    lastError: z.string(),
    failedAt: time,
    /** True from when someone asked for it to be sent again until that was tried. */
    isQueued: z.boolean(),
  },
  unique: { entry: ['webhookId', 'sequence'] },
  indexes: { byEntry: ['webhookId', 'sequence'], queued: ['isQueued', 'webhookId', 'sequence'] },
  transient: true,
})
export type DeadLetterRow = Entity<typeof DeadLetter>
