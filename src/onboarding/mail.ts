import { z } from 'zod'
import { asked } from '../assignment/input.ts'
import { placed } from '../assignment/place.ts'
import { newSystemJob } from '../job/enqueue.ts'
import type { JobHandler } from '../job/handler.ts'
import { check } from '../kernel/change.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { Tenant } from '../tenant/entity.ts'
import { email } from '../user/input.ts'
import { type LinkRow, OnboardingLink, statusOf } from './entity.ts'
import { theLink, tokenOf } from './find.ts'
import { urlOf } from './view.ts'

const kind = 'onboarding.mail'
const most = 100

const notSet = () => new AppError('conflict', 'mail_not_set', 'No mail server is set. Copy the link, or show its QR code.')
const notActive = () => new AppError('conflict', 'link_not_sendable', 'This link is used, revoked or expired.')

/**
 * Sends a link by mail: one job an address, so that one that fails is tried again without the others. The job holds the address and the link's id, never the token.
 * Errors: `link_not_found`, `link_not_sendable`, `link_without_token`, `mail_not_set`, those of `placed`.
 */
export const mailLink = operation({
  name: 'onboarding.mail-link',
  summary: 'Send an onboarding link by mail',
  needs: 'onboarding:manage',
  elsewhere: true,
  input: z.strictObject({ ...asked, linkId: z.string(), to: z.array(email).min(1).max(most) }),
  output: z.object({ jobs: z.array(z.object({ to: z.string(), jobId: z.string() })) }),
  async run(caller, { linkId, to, ...where }) {
    const context = await placed(caller, where, 'change')
    const { services, store, runtime, actor, nowMs } = context
    const link = await theLink(context, linkId)
    if (statusOf(link, nowMs) !== 'active') throw notActive()
    if (tokenOf(context, link) === null)
      throw new AppError('conflict', 'link_without_token', 'This link was made in the database, which keeps no copy of its token.')
    if (services.mailer === null) throw notSet()
    const made = [...new Set(to)].map((address) => ({
      address,
      ...newSystemJob(runtime, { kind, payload: { linkId, to: address }, createdBy: actor.id }),
    }))
    return {
      output: { jobs: made.map(({ address, row }) => ({ to: address, jobId: row.id })) },
      changes: [...made.map(({ change }) => change), check(OnboardingLink, link)],
      store,
      entity: { type: OnboardingLink.name, id: linkId },
      detail: { recipients: made.length },
    }
  },
})

/** What a letter says: plain text, which every mailbox shows and nothing can hide in. */
function letter(link: LinkRow, organization: string, url: string): { subject: string; text: string } {
  const until = link.expiresAt.slice(0, 10)
  const lines = [
    link.welcomeMessage,
    '',
    `${organization} has an onboarding for you: ${link.templateName}, ${link.totalSteps} ${link.totalSteps === 1 ? 'step' : 'steps'}.`,
    '',
    url,
    '',
    `The link works until ${until} (UTC). If you did not expect this, do nothing.`,
  ]
  return { subject: `Your onboarding at ${organization}`.replace(/[\r\n]+/g, ' '), text: lines.join('\n') }
}

/** A link that ended meanwhile is not sent; that is no failure. */
const send: JobHandler = async ({ runtime, store, job }) => {
  const { linkId, to } = job.payload as { linkId?: unknown; to?: unknown }
  const { services, clock } = runtime
  const link = await store.get(OnboardingLink, String(linkId))
  if (link === null || statusOf(link, clock.businessMs()) !== 'active') return { result: { sent: false } }
  const token = tokenOf({ services, store }, link)
  if (token === null) return { result: { sent: false } }
  if (services.mailer === null) throw notSet()
  const tenant = await store.get(Tenant, store.tenantId)
  const told = letter(link, tenant?.name ?? 'your organization', urlOf({ services }, token))
  await services.mailer.send({ to: String(to), ...told, id: job.id })
  return { result: { sent: true } }
}

export const onboardingJobs = { [kind]: send }
