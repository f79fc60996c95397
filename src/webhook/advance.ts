import { add, type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { Conflict, type LoggedEntry, type TenantStore } from '../storage/port.ts'
import { DeadLetter, type DeadLetterRow, Webhook, WebhookCursor, type WebhookCursorRow, type WebhookRow } from './entity.ts'
import { messageOf } from './message.ts'
import { askedMs, isWanted, waitMs } from './rules.ts'
import { type Sent, send } from './send.ts'
import { count, noteBehind } from './stats.ts'
import { lettersOf, lettersPerWebhook } from './view.ts'

export type DeliverySettings = {
  /** What one message may take. */
  timeoutMs: number
  /** The wait after the first attempt in vain, and the longest. */
  retryMs: { first: number; longest: number }
  /** After so many attempts an entry is a dead letter. */
  attempts: number
  /** After so many dead letters in a row the webhook is switched off. */
  givesUpAfter: number
}

type Parts = { runtime: Runtime; settings: DeliverySettings /** False once another process may deliver. */; isOurs(): boolean }

type Held = { row: WebhookRow; cursor: WebhookCursorRow }

/** The log's own entry of a delivery, which is sent to nobody: it would cause the next one. */
const action = 'webhook.deliver'

const pageSize = 100
/** A run of deliveries is written down this often; what was sent since is sent again after a crash. */
const saveEvery = { deliveries: 20, ms: 1_000 }
/** So many entries that nobody wants are passed over before the position is written down. */
const passedOver = 1_000

/** Sends what one webhook has not sent yet, in order, until it has caught up or has to wait. Resolves with the time until which it waits, or null. */
export async function advance({ runtime, settings, isOurs }: Parts, tenantId: string, id: string): Promise<number | null> {
  const store = runtime.storage.tenant(tenantId)
  const { clock, services } = runtime
  const first = await hold(store, id)
  if (first === null) {
    noteBehind(id, null)
    return null
  }
  let { cursor } = first
  let position = cursor.position
  let delivered = 0
  let savedMs = clock.realMs()

  /** Null when the webhook was changed or ended meanwhile: whoever did that has it begin again. */
  async function save(patch: Partial<WebhookCursorRow>, changes: (now: string) => Change[] = () => []): Promise<WebhookCursorRow | null> {
    const now = toTime(clock.realMs())
    const after = patched(WebhookCursor, cursor, { position, ...patch }, now)
    try {
      await write(store, id, { now, changes: [update(WebhookCursor, cursor, after), ...changes(now)] })
    } catch (error) {
      if (error instanceof Conflict && error.reason === 'version') return null
      throw error
    }
    delivered = 0
    savedMs = clock.realMs()
    cursor = after
    return after
  }

  const done = () => save({ attempts: 0, nextAttemptAt: null, givenUp: 0, lastDeliveredAt: toTime(clock.realMs()) })
  const due = dueMs(cursor)
  if (due !== null && due > clock.realMs()) return due
  for (;;) {
    const page = await store.log(null, position, pageSize)
    // after the page: what it holds is looked at with the events that were asked for by then
    const held = page.length === 0 ? first : await hold(store, id)
    for (const logged of page) {
      const { sequence, time } = logged.entry
      if (held !== null && !isWantedBy(held.row, logged)) {
        position = sequence
        continue
      }
      const now = await hold(store, id)
      if (now === null || now.cursor.version !== cursor.version || !isOurs()) {
        if (delivered > 0) await done()
        return null
      }
      noteBehind(id, Date.parse(time))
      const message = messageOf(logged, now.row, { tenantId, services, nowMs: clock.realMs() })
      const sent = await send(message, { allowPrivate: services.settings.webhooks.allowPrivate, timeoutMs: settings.timeoutMs })
      if (sent.error === null) {
        count('delivered')
        position = sequence
        delivered += 1
        if ((delivered >= saveEvery.deliveries || clock.realMs() - savedMs >= saveEvery.ms) && (await done()) === null) return null
        continue
      }
      count('failed')
      return await failed({ now, logged, sent })
    }
    if (page.length < pageSize) break
  }
  noteBehind(id, null)
  if (delivered > 0) await done()
  else if (position - cursor.position >= passedOver) await save({})
  return null

  /** Writes down what went wrong, and says when to try again. */
  async function failed({ now, logged, sent }: { now: Held; logged: LoggedEntry; sent: Sent }): Promise<number | null> {
    const { entry } = logged
    const attempts = cursor.attempts + 1
    const [realMs, words] = [clock.realMs(), sent.error ?? '']
    const told = { lastFailedAt: toTime(realMs), lastError: words }
    const off = (reason: string) => (time: string) => [
      update(Webhook, now.row, patched(Webhook, now.row, { isActive: false, disabledReason: reason }, time)),
    ]
    if (sent.status === 410) return (await save({ ...told, attempts: 0, nextAttemptAt: null }, off('gone'))) && null
    if (attempts < settings.attempts) {
      const chance = runtime.random(1).readUInt8() / 255
      const nextMs = realMs + Math.max(waitMs(attempts, settings.retryMs, chance), askedMs(sent.retryAfter))
      const saved = await save({ ...told, attempts, nextAttemptAt: toTime(nextMs) })
      return saved === null ? null : nextMs
    }
    const before = await store.find(DeadLetter, 'entry', [id, entry.sequence])
    const letter = {
      webhookId: id,
      sequence: entry.sequence,
      action: entry.action,
      attempts,
      lastError: words,
      failedAt: toTime(realMs),
      isQueued: false,
    }
    const isOver = cursor.givenUp + 1 >= settings.givesUpAfter
    const put = (time: string): Change[] =>
      before === null
        ? [
            insert(DeadLetter, create(DeadLetter, runtime.ids.newId(), letter, time)),
            add(lettersOf(id), 1, time, { max: lettersPerWebhook }),
          ]
        : [update(DeadLetter, before, patched(DeadLetter, before, letter, time))]
    count('givenUp')
    const unmoved = position
    position = entry.sequence
    try {
      const patch = { ...told, attempts: 0, nextAttemptAt: null, givenUp: cursor.givenUp + 1 }
      const saved = await save(patch, (time) => [...put(time), ...(isOver ? off('failing')(time) : [])])
      return saved === null || isOver ? null : clock.realMs()
    } catch (error) {
      if (!(error instanceof Conflict && error.reason === 'bound')) throw error
      position = unmoved
      await save({ ...told, attempts: 0, nextAttemptAt: null }, off('too_many_dead_letters'))
      return null
    }
  }
}

const isWantedBy = ({ events }: WebhookRow, { entry }: LoggedEntry): boolean => entry.action !== action && isWanted(events, entry.action)

const dueMs = ({ nextAttemptAt }: WebhookCursorRow): number | null => (nextAttemptAt === null ? null : Date.parse(nextAttemptAt))

/** The webhook as it is now, or null when there is nothing to send. */
async function hold(store: TenantStore, id: string): Promise<Held | null> {
  const [row, cursor] = (await store.read([
    { type: Webhook, id },
    { type: WebhookCursor, id },
  ])) as [WebhookRow | null, WebhookCursorRow | null]
  return row?.isActive === true && cursor !== null ? { row, cursor } : null
}

const write = (store: TenantStore, id: string, { now, changes }: { now: string; changes: Change[] }) => {
  const { kind, name } = system
  return store.commit(changes, { actor: { id: null, kind, name }, action, entity: { type: Webhook.name, id }, requestId: null, time: now })
}

/** Sends the dead letters that someone asked for, each once. */
export async function resend({ runtime, settings, isOurs }: Parts, tenantId: string, id: string): Promise<void> {
  const store = runtime.storage.tenant(tenantId)
  const { clock, services } = runtime
  const { allowPrivate } = services.settings.webhooks
  const { items } = await store.list(DeadLetter, { index: 'queued', where: { isQueued: true, webhookId: id }, limit: 200 })
  for (const letter of items as DeadLetterRow[]) {
    const held = await hold(store, id)
    if (held === null || !isOurs()) return
    const [logged] = await store.log(null, letter.sequence - 1, 1)
    const sent: Sent =
      logged === undefined
        ? { status: null, error: 'The log does not have this entry any more', retryAfter: undefined }
        : await send(messageOf(logged, held.row, { tenantId, services, nowMs: clock.realMs() }), {
            allowPrivate,
            timeoutMs: settings.timeoutMs,
          })
    count(sent.error === null ? 'delivered' : 'failed')
    const now = toTime(clock.realMs())
    const again = { isQueued: false, attempts: letter.attempts + 1, lastError: sent.error ?? '', failedAt: now }
    const changes =
      sent.error === null
        ? [remove(DeadLetter, letter), add(lettersOf(id), -1, now)]
        : [update(DeadLetter, letter, patched(DeadLetter, letter, again, now))]
    await write(store, id, { now, changes }).catch((error: unknown) => {
      // thrown away, or asked for once more, meanwhile
      if (!(error instanceof Conflict)) throw error
    })
  }
}
