import type { Context } from '../kernel/context.ts'
import type { ContactRow } from './entity.ts'
import { type LeadText, leadTexts } from './lead-input.ts'
import { shown } from './text-rules.ts'

const timeoutMs = 10_000
/** An answer beyond this is none that we asked for. */
const mostBytes = 64 * 1024

export type Delivered = { externalId: string | null }

/**
 * Asks the partner to send a lead's documents: one POST, ten seconds, no redirects. The lead's id is the `Idempotency-Key`, so that the partner knows a second attempt for what it is.
 * Null means that it did not work out, whatever the reason; it goes to the log without the answer.
 */
export async function deliver(context: Context, lead: ContactRow, url: string): Promise<Delivered | null> {
  const { services, actor } = context
  const token = services.settings.docsToken
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'idempotency-key': lead.id,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({
        lead: { id: lead.number, ...wireTexts(lead) },
        sent_by: { username: actor.name, full_name: actor.user?.fullName ?? '' },
      }),
    })
    const text = await readBounded(response)
    if (response.ok && text !== null) return { externalId: externalIdOf(JSON.parse(text)) }
    services.log.warn({ leadId: lead.id, status: response.status }, 'document delivery was refused')
  } catch (error) {
    services.log.warn({ leadId: lead.id, reason: error instanceof Error ? error.name : 'unknown' }, 'document delivery failed')
  }
  return null
}

/** The texts of a lead in the partner's words. */
const wireTexts = (lead: ContactRow): Record<string, string> =>
  Object.fromEntries(
    (Object.keys(leadTexts) as LeadText[]).map((field) => [
      field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      shown(lead[field]),
    ]),
  )

async function readBounded(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function externalIdOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null) return null
  const { external_user_id, userId, id } = answer as Record<string, unknown>
  const found = [external_user_id, userId, id].find((value) => (typeof value === 'string' && value !== '') || typeof value === 'number')
  return found === undefined ? null : String(found)
}
