import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** What docs/webhooks.md tells receivers to check. */
export function verifies(headers: IncomingHttpHeaders, body: string, secrets: readonly string[]): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => String(headers[name]))
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > 300) return false
  const given = String(signatures).split(' ')
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    const expected = Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
    return given.some((one) => one.length === expected.length && timingSafeEqual(Buffer.from(one), expected))
  })
}
