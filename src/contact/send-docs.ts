import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { Conflict } from '../storage/port.ts'
import { type Delivered, deliver } from './delivery.ts'
import { Contact, type ContactRow } from './entity.ts'
import { isIn } from './rules.ts'
import { assertReach, findLead, leadView, viewOf } from './view.ts'

/** A claim this old was left by a crash and may be taken again. Longer than a delivery can take. */
const staleMs = 60_000

/** How often a claim that lost a race against another change of the lead is tried again. */
const claimAttempts = 20

const output = z.object({ lead: leadView, email: z.string(), externalId: z.string(), sentAt: z.iso.datetime({ precision: 3 }) })
type Sent = z.input<typeof output>
type Ready = { lead: ContactRow; email: string; url: string }

/**
 * Has a lead's documents sent by the partner, once. The sending is claimed in the store before the partner is called and marked after; of callers at once exactly one goes through.
 * Errors, in this order: `not_found`, `lead_not_own`, `lead_not_in_team`, `lead_without_email`, `docs_sent_already`, `lead_not_open`, `docs_not_configured`, `docs_failed`.
 */
export const sendDocs = operation({
  name: 'lead.send-docs',
  summary: "Have a lead's documents sent",
  needs: 'contact:update',
  input: z.object({ number: z.int().nullable() }),
  output,
  async run(context, { number }): Promise<Outcome<Sent>> {
    const { store, now } = context
    // once a request, however often the mark has to be written again
    const { ready, delivered } = await context.once('attempt', () => attempt(context, number))
    const entity = { type: Contact.name, id: ready.lead.id }
    const lead = await store.get(Contact, ready.lead.id)
    if (delivered === null) {
      const refuse = new AppError('partner', 'docs_failed', 'The documents could not be delivered.')
      return { refuse, changes: lead === null ? [] : [claimChange(lead, null)], entity }
    }
    if (lead === null) throw notFound()
    const sent = { docsSent: true, docsSentAt: now, docsSentBy: context.actor.name, docsClaimedAt: null }
    const after = patched(Contact, lead, lead.leadStatus === 'new' ? { ...sent, leadStatus: 'contacted' } : sent, now)
    const externalId = delivered.externalId ?? context.origin.requestId
    return {
      output: { lead: await viewOf(store, after), email: ready.email, externalId, sentAt: now },
      changes: [update(Contact, lead, after)],
      entity,
      detail: { externalId },
    }
  },
})

async function attempt(context: Context, number: number | null): Promise<{ ready: Ready; delivered: Delivered | null }> {
  const ready = await claim(context, number)
  return { ready, delivered: await deliver(context, ready.lead, ready.url) }
}

async function claim(context: Context, number: number | null): Promise<Ready> {
  for (let tried = 1; ; tried++) {
    const lead = await findLead(context, number)
    await assertReach(context, lead)
    const ready = assertReady(context, lead)
    try {
      await context.store.commit([claimChange(lead, toTime(context.runtime.clock.realMs()))], claimMeta(context, lead))
      return ready
    } catch (error) {
      if (!(error instanceof Conflict) || tried === claimAttempts) throw error
    }
  }
}

function assertReady({ services, runtime }: Context, lead: ContactRow): Ready {
  const { email, docsSent, docsClaimedAt, leadStatus } = lead
  if (email === null) throw new AppError('unprocessable', 'lead_without_email', 'The lead has no e-mail address.')
  const isClaimed = docsClaimedAt !== null && Date.parse(docsClaimedAt) > runtime.clock.realMs() - staleMs
  // whoever asks while another call is on its way is not told to ask again
  if (docsSent || isClaimed) throw new AppError('unprocessable', 'docs_sent_already', 'The documents of this lead were sent already.')
  if (leadStatus !== 'new' && !isIn('active', leadStatus))
    throw new AppError('unprocessable', 'lead_not_open', 'The lead is neither new nor active.')
  const { docsUrl } = services.settings
  if (docsUrl === null)
    throw new AppError('unavailable', 'docs_not_configured', 'Document delivery is not configured: set HOLDFAST_VANTAGEPOINT_DOCS_URL.')
  return { lead, email, url: docsUrl }
}

/** A claim is no change of the lead that anyone sees, so its time stays. */
function claimChange(lead: ContactRow, docsClaimedAt: string | null): Change {
  return update(Contact, lead, patched(Contact, lead, { docsClaimedAt }, lead.updatedAt))
}

const claimMeta = ({ actor, origin, runtime }: Context, lead: ContactRow) => ({
  actor: { id: actor.id, kind: actor.kind, name: actor.name },
  action: 'lead.claim-docs',
  entity: { type: Contact.name, id: lead.id },
  requestId: origin.requestId,
  time: toTime(runtime.clock.realMs()),
})
