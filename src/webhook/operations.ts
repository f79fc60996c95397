import { z } from 'zod'
import { add, type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import type { TenantStore } from '../storage/port.ts'
import { DeadLetter, type DeadLetterRow, Webhook, WebhookCursor, type WebhookRow } from './entity.ts'
import { newSecret, urlProblem } from './rules.ts'
import { lettersOf, shown, shownAll, shownWebhook, theWebhook } from './view.ts'

/** Every webhook costs a request for each entry of the tenant's. */
const webhooksPerTenant = 20
const daySeconds = 86_400
const lettersAtOnce = 90

const pattern = z
  .string()
  .max(100)
  .regex(/^(\*|[a-z][a-z-]*\.(\*|[a-z][a-z-]*))$/, 'must be an action such as user.create, user.* or *')
const fields = {
  name: z.string().trim().min(1, 'must not be empty').max(100),
  url: z.string().max(2_000),
  events: z.array(pattern).min(1, 'must name at least one').max(50),
}

const refused = (field: string, message: string) =>
  new AppError('unprocessable', 'validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })

function assertUrl({ services }: Context, url: string): void {
  const problem = urlProblem(url, services.settings.webhooks.allowPrivate)
  if (problem !== null) throw refused('url', problem)
}

const placeOf = ({ store }: Context, id: string, field: 'sealedSecret' | 'sealedFormer') => ({
  tenant: store.tenantId,
  entity: Webhook.name,
  id,
  field,
})

/** Sends what happens from now on to an address. The secret is shown only here. Errors: `validation_failed`, `too_many_webhooks`. */
export const createWebhook = operation({
  name: 'webhook.create',
  summary: 'Send events to an address',
  needs: 'webhook:manage',
  input: z.strictObject({ ...fields, isActive: z.boolean().optional() }),
  output: shownWebhook.extend({ secret: z.string() }),
  conflicts: { 'counter.webhooks': ['too_many_webhooks', `A tenant has at most ${webhooksPerTenant} webhooks.`] },
  async run(context, { name, url, events, isActive = true }) {
    assertUrl(context, url)
    const { store, services, now } = context
    const secret = await context.once('secret', async () => newSecret(context.random))
    const id = context.newId()
    const sealedSecret = services.sealer.seal(secret, placeOf(context, id, 'sealedSecret'))
    const row = create(
      Webhook,
      id,
      { name, url, events: [...new Set(events)], isActive, disabledReason: null, sealedSecret, sealedFormer: null, formerUntil: null },
      now,
    )
    const position = (await store.head())?.sequence ?? 0
    const cursor = create(
      WebhookCursor,
      id,
      { position, attempts: 0, nextAttemptAt: null, givenUp: 0, lastDeliveredAt: null, lastFailedAt: null, lastError: null },
      now,
    )
    return {
      output: { ...shown(row, cursor, 0), secret },
      changes: [insert(Webhook, row), insert(WebhookCursor, cursor), add('webhooks', 1, now, { max: webhooksPerTenant })],
      entity: { type: Webhook.name, id },
    }
  },
})

export const listWebhooks = operation({
  name: 'webhook.list',
  summary: 'List webhooks',
  needs: 'webhook:manage',
  readOnly: true,
  input: z.strictObject(pageInput),
  output: pageOf(shownWebhook),
  async run({ store }, { limit, cursor }) {
    const page = await store.list(Webhook, { cursor: cursor ?? null, limit: limit ?? 50 })
    return { output: { items: await shownAll(store, page.items), nextCursor: page.nextCursor } }
  },
})

export const getWebhook = operation({
  name: 'webhook.get',
  summary: 'Read a webhook and how it fares',
  needs: 'webhook:manage',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: shownWebhook,
  async run({ store }, { id }) {
    const { row } = await theWebhook(store, id)
    const [output] = await shownAll(store, [row])
    return { output: output as z.output<typeof shownWebhook> }
  },
})

/** Changes what is sent where. Switched on again, it goes on where it stopped, at once. Errors: `not_found`, `version_conflict`, `validation_failed`. */
export const updateWebhook = operation({
  name: 'webhook.update',
  summary: 'Change a webhook, or switch it off or on',
  needs: 'webhook:manage',
  input: z.strictObject({
    id: z.string(),
    version: z.int().min(1),
    name: fields.name.optional(),
    url: fields.url.optional(),
    events: fields.events.optional(),
    isActive: z.boolean().optional(),
  }),
  output: shownWebhook,
  async run(context, { id, version, ...given }) {
    const { store, now } = context
    const { row, cursor } = await theWebhook(store, id)
    if (row.version !== version)
      throw new AppError(
        'conflict',
        'version_conflict',
        'The row was changed by someone else in the meantime. Read it again and repeat the change.',
      )
    if (given.url !== undefined) assertUrl(context, given.url)
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<WebhookRow>
    if (set.events !== undefined) set.events = [...new Set(set.events)]
    const after = patched(Webhook, row, { ...set, ...(set.isActive === true ? { disabledReason: null } : {}) }, now)
    const changes: Change[] = [update(Webhook, row, after)]
    // a new address or a fresh start owes nothing to what failed before
    const isFresh = set.isActive === true || set.url !== undefined
    const moved = isFresh ? patched(WebhookCursor, cursor, { attempts: 0, nextAttemptAt: null, givenUp: 0 }, now) : cursor
    if (isFresh) changes.push(update(WebhookCursor, cursor, moved))
    const [before] = await shownAll(store, [row])
    return {
      output: shown(after, moved, before?.deadLetters ?? 0),
      changes,
      entity: { type: Webhook.name, id },
    }
  },
})

/** Ends a webhook. Nothing is sent from the reply on, but for a message that is on its way. */
export const removeWebhook = operation({
  name: 'webhook.remove',
  summary: 'End a webhook',
  needs: 'webhook:manage',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run({ store, now }, { id }) {
    const { row, cursor } = await theWebhook(store, id)
    const changes = [remove(Webhook, row), remove(WebhookCursor, cursor), add('webhooks', -1, now, { min: 0 })]
    return { output: null, changes, entity: { type: Webhook.name, id } }
  },
})

/** A new secret, shown only here. The former one signs too for `keepSeconds`, so that a receiver can change over without a gap. */
export const rotateWebhookSecret = operation({
  name: 'webhook.rotate-secret',
  summary: 'Give a webhook a new secret',
  needs: 'webhook:manage',
  input: z.strictObject({
    id: z.string(),
    keepSeconds: z
      .int()
      .min(0)
      .max(7 * daySeconds)
      .optional(),
  }),
  output: z.object({ id: z.string(), secret: z.string(), formerUntil: z.string().nullable() }),
  async run(context, { id, keepSeconds = daySeconds }) {
    const { services, realMs, now } = context
    const { row } = await theWebhook(context.store, id)
    const secret = await context.once('secret', async () => newSecret(context.random))
    const former = services.sealer.open(row.sealedSecret, placeOf(context, id, 'sealedSecret'))
    const formerUntil = keepSeconds === 0 ? null : toTime(realMs + keepSeconds * 1_000)
    const after = patched(
      Webhook,
      row,
      {
        sealedSecret: services.sealer.seal(secret, placeOf(context, id, 'sealedSecret')),
        sealedFormer: formerUntil === null ? null : services.sealer.seal(former, placeOf(context, id, 'sealedFormer')),
        formerUntil,
      },
      now,
    )
    return { output: { id, secret, formerUntil }, changes: [update(Webhook, row, after)], entity: { type: Webhook.name, id } }
  },
})

/** Sends everything after a position of the log again, as far as the webhook's events name it. Receivers know what they have by its id. Errors: `not_found`, `validation_failed`. */
export const replayWebhook = operation({
  name: 'webhook.replay',
  summary: 'Send the log again from a position',
  needs: 'webhook:manage',
  input: z.strictObject({ id: z.string(), after: z.int().min(0) }),
  output: shownWebhook,
  async run({ store, now }, { id, after }) {
    const { row, cursor } = await theWebhook(store, id)
    if (after > ((await store.head())?.sequence ?? 0)) throw refused('after', 'must not lie beyond the end of the log')
    const moved = patched(WebhookCursor, cursor, { position: after, attempts: 0, nextAttemptAt: null, givenUp: 0 }, now)
    const [before] = await shownAll(store, [row])
    return {
      output: shown(row, moved, before?.deadLetters ?? 0),
      changes: [update(WebhookCursor, cursor, moved)],
      entity: { type: Webhook.name, id },
      detail: { after },
    }
  },
})

/** What the receiver did not take, the oldest entry first. */
export const listDeadLetters = operation({
  name: 'webhook.dead-letters',
  summary: 'List what a webhook could not deliver',
  needs: 'webhook:manage',
  readOnly: true,
  input: z.strictObject({ id: z.string(), ...pageInput }),
  output: pageOf(DeadLetter.public),
  async run({ store }, { id, limit, cursor }) {
    await theWebhook(store, id)
    return {
      output: await store.list(DeadLetter, { index: 'byEntry', where: { webhookId: id }, cursor: cursor ?? null, limit: limit ?? 50 }),
    }
  },
})

/** One dead letter, or the oldest ones: as many as one commit takes on every engine. */
async function chosenLetters(store: TenantStore, webhookId: string, letterId: string | undefined): Promise<DeadLetterRow[]> {
  if (letterId === undefined) {
    const { items } = await store.list(DeadLetter, { index: 'byEntry', where: { webhookId }, limit: lettersAtOnce })
    return items
  }
  const row = isUuid(letterId) ? await store.get(DeadLetter, letterId) : null
  if (row === null || row.webhookId !== webhookId) throw notFound()
  return [row]
}

/** Sends one dead letter again, or all of them (90 at once, the oldest first). Whatever is taken is a dead letter no more. Errors: `not_found`. */
export const resendDeadLetters = operation({
  name: 'webhook.resend',
  summary: 'Send dead letters again',
  needs: 'webhook:manage',
  input: z.strictObject({ id: z.string(), letterId: z.string().optional() }),
  output: z.object({ queued: z.int() }),
  async run({ store, now }, { id, letterId }) {
    await theWebhook(store, id)
    const letters = await chosenLetters(store, id, letterId)
    const waiting = letters.filter(({ isQueued }) => !isQueued)
    const changes = waiting.map((row) => update(DeadLetter, row, patched(DeadLetter, row, { isQueued: true }, now)))
    return { output: { queued: waiting.length }, changes, entity: { type: Webhook.name, id } }
  },
})

/** Throws dead letters away: one, or all of them (90 at once, the oldest first). Errors: `not_found`. */
export const removeDeadLetters = operation({
  name: 'webhook.discard',
  summary: 'Throw dead letters away',
  needs: 'webhook:manage',
  input: z.strictObject({ id: z.string(), letterId: z.string().optional() }),
  output: z.null(),
  async run({ store, now }, { id, letterId }) {
    await theWebhook(store, id)
    const letters = await chosenLetters(store, id, letterId)
    if (letters.length === 0) return { output: null }
    const changes = [...letters.map((row) => remove(DeadLetter, row)), add(lettersOf(id), -letters.length, now)]
    return { output: null, changes, entity: { type: Webhook.name, id } }
  },
})
