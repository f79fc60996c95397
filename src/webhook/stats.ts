/** What the webhooks of this process did since it began. */
export type WebhookStats = { delivered: number; failed: number; givenUp: number; lagSeconds: number }

const counts = { delivered: 0, failed: 0, givenUp: 0 }
/** When the entry happened that each webhook is at, by webhook; those that are done with the log are not in it. */
const behindSinceMs = new Map<string, number>()

export const count = (what: keyof typeof counts): void => {
  counts[what] += 1
}

/** `sinceMs` null: it has caught up, or is somebody else's now. */
export function noteBehind(webhookId: string, sinceMs: number | null): void {
  if (sinceMs === null) behindSinceMs.delete(webhookId)
  else behindSinceMs.set(webhookId, sinceMs)
}

export const webhookStats = (nowMs: number): WebhookStats => ({
  ...counts,
  lagSeconds: behindSinceMs.size === 0 ? 0 : Math.max(0, nowMs - Math.min(...behindSinceMs.values())) / 1_000,
})
