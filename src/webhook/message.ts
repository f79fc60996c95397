import { shownEntry } from '../audit/operations.ts'
import type { Services } from '../kernel/services.ts'
import type { LoggedEntry } from '../storage/port.ts'
import { Webhook, type WebhookRow } from './entity.ts'
import { signatureOf } from './rules.ts'
import type { Message } from './send.ts'

/** A message is at most this long; an entry with more changes says that some are left out, and its receiver asks for it. */
const messageLimit = 256 * 1024

/** The same entry has the same id to every receiver and each time it is sent. */
const messageId = ({ entry }: LoggedEntry): string => `evt_${entry.stream}_${entry.sequence}`

/** What is sent of an entry: what the audit log shows of it, which holds no secret. */
function bodyOf(logged: LoggedEntry): string {
  const { action, time } = logged.entry
  const data = shownEntry(logged)
  const body = JSON.stringify({ type: action, timestamp: time, data: { ...data, isCut: false } })
  return Buffer.byteLength(body) <= messageLimit
    ? body
    : JSON.stringify({ type: action, timestamp: time, data: { ...data, changes: [], detail: null, isCut: true } })
}

/** An entry as a webhook's receiver gets it (docs/webhooks.md), signed now. */
export function messageOf(
  logged: LoggedEntry,
  webhook: WebhookRow,
  { tenantId, services, nowMs }: { tenantId: string; services: Services; nowMs: number },
): Message {
  const open = (sealed: string, field: 'sealedSecret' | 'sealedFormer') =>
    services.sealer.open(sealed, { tenant: tenantId, entity: Webhook.name, id: webhook.id, field })
  const secrets = [open(webhook.sealedSecret, 'sealedSecret')]
  if (webhook.sealedFormer !== null && webhook.formerUntil !== null && nowMs < Date.parse(webhook.formerUntil))
    secrets.push(open(webhook.sealedFormer, 'sealedFormer'))
  const [id, timestamp, body] = [messageId(logged), Math.floor(nowMs / 1_000), bodyOf(logged)]
  return {
    url: webhook.url,
    body,
    headers: {
      'user-agent': `Holdfast/${services.settings.version}`,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureOf(secrets, { id, timestamp, body }),
    },
  }
}
