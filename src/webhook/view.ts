import { z } from 'zod'
import { Counter } from '../kernel/change.ts'
import { notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import type { TenantStore } from '../storage/port.ts'
import { Webhook, WebhookCursor, type WebhookCursorRow, type WebhookRow } from './entity.ts'

/** Dead letters that one webhook may have. */
export const lettersPerWebhook = 1_000

export const lettersOf = (id: string): string => `webhook-letters:${id}`

/** A webhook as it is shown: what was set, and how it fares. */
export const shownWebhook = Webhook.public.omit({ formerUntil: true }).extend({
  /** Sequence up to which the log needs no sending any more. */
  position: z.int(),
  attempts: z.int(),
  nextAttemptAt: z.string().nullable(),
  lastDeliveredAt: z.string().nullable(),
  lastFailedAt: z.string().nullable(),
  lastError: z.string().nullable(),
  deadLetters: z.int(),
})

export function shown(
  row: WebhookRow,
  cursor: Omit<WebhookCursorRow, 'id' | 'version' | 'createdAt' | 'updatedAt'> | null,
  deadLetters: number,
) {
  const { position = 0, attempts = 0, nextAttemptAt = null, lastDeliveredAt = null, lastFailedAt = null, lastError = null } = cursor ?? {}
  return { ...row, position, attempts, nextAttemptAt, lastDeliveredAt, lastFailedAt, lastError, deadLetters }
}

/** Webhooks as they are shown, with as many questions as for one. */
export async function shownAll(store: TenantStore, rows: readonly WebhookRow[]): Promise<z.output<typeof shownWebhook>[]> {
  const found = await store.read(
    rows.flatMap(({ id }) => [
      { type: WebhookCursor, id },
      { type: Counter, id: lettersOf(id) },
    ]),
  )
  return rows.map((row, n) =>
    shown(row, found[2 * n] as WebhookCursorRow | null, (found[2 * n + 1] as { value: number } | null)?.value ?? 0),
  )
}

/** Errors: `not_found` for absent and foreign alike. */
export async function theWebhook(store: TenantStore, id: string): Promise<{ row: WebhookRow; cursor: WebhookCursorRow }> {
  const [row, cursor] = isUuid(id)
    ? ((await store.read([
        { type: Webhook, id },
        { type: WebhookCursor, id },
      ])) as [WebhookRow | null, WebhookCursorRow | null])
    : [null, null]
  if (row === null || cursor === null) throw notFound()
  return { row, cursor }
}
