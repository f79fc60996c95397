import { add, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { createGate } from '../kernel/gate.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { everyTenantId } from '../tenant/every.ts'
import { advance, type DeliverySettings, resend } from './advance.ts'
import { DeadLetter, Webhook } from './entity.ts'
import { noteBehind } from './stats.ts'
import { lettersOf } from './view.ts'

export type Deliveries = {
  /** Begins no message more, and resolves when those that are on their way have ended. */
  stop(): Promise<void>
}

/** SECURITY.md, outbound: 5 s. Twelve attempts take about four hours. */
const usual: DeliverySettings & { leaseSeconds: number } = {
  timeoutMs: 5_000,
  retryMs: { first: 5_000, longest: 60 * 60_000 },
  attempts: 12,
  givesUpAfter: 10,
  leaseSeconds: 15,
}

/** Commits of this long are looked at together. */
const gatherMs = 50
/** After a failure of the store. */
const mendMs = 2_000
/** Webhooks that send at once. */
const width = 16
/** A timer takes no more than about 24 days; whoever waits longer looks again. */
const longestTimerMs = 60 * 60_000

/**
 * Delivers the webhooks of all tenants while a server runs. It follows the log from the position that each webhook has written down, so that nothing depends on this process having been there,
 * and no commit waits for it. Of several processes one delivers; another takes over when it has been silent for `leaseSeconds`.
 */
export function startWebhooks(runtime: Runtime, given: Partial<typeof usual> = {}): Deliveries {
  const settings = { ...usual, ...given }
  const { storage, services } = runtime
  const gate = createGate()
  const dirty = new Set<string>()
  const known = new Map<string, Set<string>>()
  const running = new Map<string, { isAsked: boolean; work: Promise<void> }>()
  const timers = new Map<string, NodeJS.Timeout>()
  let oursUntilMs = 0
  let isStopped = false
  let looking: Promise<void> = Promise.resolve()
  let renewing: Promise<void> = Promise.resolve()

  const isOurs = (): boolean => !isStopped && performance.now() < oursUntilMs
  const parts = { runtime, settings, isOurs }
  const failed = (error: unknown) => services.log.error({ err: error }, 'webhooks: the store cannot be used')

  const unwatch = storage.watch(({ tenantId, stream }) => {
    if (stream === tenantId && isOurs()) note(tenantId)
  })

  function note(tenantId: string): void {
    if (tenantId === platformTenant) return
    dirty.add(tenantId)
    at('look', gatherMs, () => {
      looking = looking.then(look)
    })
  }

  /** One timer a name; a later one takes the place of an earlier one, but for the look around, which is not put off. */
  function at(name: string, ms: number, work: () => void): void {
    if (isStopped || (timers.has(name) && name === 'look')) return
    clearTimeout(timers.get(name))
    const timer = setTimeout(
      () => {
        timers.delete(name)
        if (!isStopped) work()
      },
      Math.max(0, Math.min(ms, longestTimerMs)),
    )
    timer.unref()
    timers.set(name, timer)
  }

  async function look(): Promise<void> {
    const tenants = [...dirty]
    dirty.clear()
    for (const tenantId of tenants) {
      if (!isOurs()) return
      await lookAt(tenantId).catch((error: unknown) => {
        failed(error)
        at(`again ${tenantId}`, mendMs, () => note(tenantId))
      })
    }
  }

  async function lookAt(tenantId: string): Promise<void> {
    const store = storage.tenant(tenantId)
    const { items } = await store.list(Webhook, { limit: 200 })
    const before = known.get(tenantId) ?? new Set()
    known.set(tenantId, new Set(items.map(({ id }) => id)))
    for (const id of before) if (!items.some((one) => one.id === id)) await forget(store, id)
    if (items.length === 0 || (await store.get(Tenant, tenantId))?.isActive === false) return
    for (const { id, isActive } of items) if (isActive) go(tenantId, id)
  }

  function go(tenantId: string, id: string): void {
    const one = running.get(id)
    if (one !== undefined) {
      one.isAsked = true
      return
    }
    const mine = { isAsked: false, work: Promise.resolve() }
    running.set(id, mine)
    mine.work = gate({ key: 'webhooks', width }, () => deliver(tenantId, id)).then((untilMs) => {
      running.delete(id)
      if (mine.isAsked) go(tenantId, id)
      else if (untilMs !== null) at(id, untilMs - runtime.clock.realMs(), () => go(tenantId, id))
    })
  }

  async function deliver(tenantId: string, id: string): Promise<number | null> {
    if (!isOurs()) return null
    try {
      await resend(parts, tenantId, id)
      return await advance(parts, tenantId, id)
    } catch (error) {
      failed(error)
      return runtime.clock.realMs() + mendMs
    }
  }

  /** A webhook that was ended takes its dead letters along. */
  async function forget(store: TenantStore, webhookId: string): Promise<void> {
    noteBehind(webhookId, null)
    for (;;) {
      const { items } = await store.list(DeadLetter, { index: 'byEntry', where: { webhookId }, limit: 90 })
      if (items.length === 0) return
      const now = toTime(runtime.clock.realMs())
      const { kind, name } = system
      const changes = [...items.map((row) => remove(DeadLetter, row)), add(lettersOf(webhookId), -items.length, now)]
      const about = { type: Webhook.name, id: webhookId }
      await store.commit(changes, { actor: { id: null, kind, name }, action: 'webhook.deliver', entity: about, requestId: null, time: now })
    }
  }

  async function renew(): Promise<void> {
    const wasOurs = isOurs()
    const askedMs = performance.now()
    const epoch = await Promise.resolve(storage.lease?.('webhooks', settings.leaseSeconds)).catch((error: unknown) => {
      failed(error)
      return null
    })
    if (isStopped) return
    if (epoch !== null) oursUntilMs = askedMs + settings.leaseSeconds * 1_000
    at('renew', (settings.leaseSeconds * 1_000) / 3, () => {
      renewing = renew()
    })
    if (!wasOurs && isOurs()) await everyone().catch(failed)
  }

  /** Whatever happened while nobody delivered. */
  async function everyone(): Promise<void> {
    for await (const tenantId of everyTenantId(runtime)) note(tenantId)
  }

  renewing = renew()
  return {
    async stop() {
      isStopped = true
      unwatch()
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all([renewing, looking])
      await Promise.all([...running.values()].map(({ work }) => work))
      for (const ids of known.values()) for (const id of ids) noteBehind(id, null)
    },
  }
}
