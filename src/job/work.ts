import { remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { createGate } from '../kernel/gate.ts'
import { Conflict } from '../storage/port.ts'
import { everyRowWhere } from '../tenant/every.ts'
import { Job, type JobRow } from './entity.ts'
import type { JobHandlers } from './handler.ts'
import { type RunSettings, runJob } from './run.ts'
import { noteRunning } from './stats.ts'

export type Jobs = {
  /** Begins nothing more, tells what runs to end, and resolves when it has. What did not end by then is taken up again after its lease. */
  stop(): Promise<void>
}

const usual: RunSettings & { width: number; sweepMs: number; keepMs: number; stopMs: number } = {
  leaseMs: 30_000,
  retryMs: { first: 2_000, longest: 60 * 60_000 },
  /** Jobs at once in one process. */
  width: 4,
  /** How often every tenant with open jobs is looked for, whatever was noticed or missed. */
  sweepMs: 60_000,
  /** Ended jobs are removed after so long. */
  keepMs: 30 * 86_400_000,
  stopMs: 5_000,
}

/** Commits of this long are looked at together. */
const gatherMs = 25
const pageSize = 50

/**
 * Runs the jobs of all tenants while a server runs. A job is a row, so nothing is forgotten; the commit of its making wakes the processes, and a sweep finds what was missed. Several processes may all work: the
 * guarded row lets one of them have a job, for as long as it keeps its lease.
 */
export function startJobs(runtime: Runtime, handlers: JobHandlers, given: Partial<typeof usual> = {}): Jobs {
  const settings = { ...usual, ...given }
  const { storage, services, clock } = runtime
  const gate = createGate()
  const stopping = new AbortController()
  const timers = new Map<string, NodeJS.Timeout>()
  const running = new Map<string, Promise<void>>()
  const looking = new Set<Promise<void>>()
  const failed = (error: unknown) => services.log.error({ err: error }, 'jobs: the store cannot be used')

  function at(name: string, ms: number, work: () => Promise<void>): void {
    if (stopping.signal.aborted) return
    clearTimeout(timers.get(name))
    const timer = setTimeout(
      () => {
        timers.delete(name)
        const mine: Promise<void> = work()
          .catch(failed)
          .finally(() => looking.delete(mine))
        looking.add(mine)
      },
      Math.max(0, Math.min(ms, settings.sweepMs)),
    )
    timer.unref()
    timers.set(name, timer)
  }

  const woken = new Set<string>()
  const wake = (tenantId: string): void => {
    // not put off by the next commit, which a busy tenant makes before long
    if (woken.has(tenantId)) return
    woken.add(tenantId)
    at(`wake ${tenantId}`, gatherMs, async () => {
      woken.delete(tenantId)
      await look(tenantId)
    })
  }
  const unwatch = storage.watch(({ tenantId, stream }) => {
    if (stream === tenantId) wake(tenantId)
  })

  async function look(tenantId: string): Promise<void> {
    const { items } = await storage.tenant(tenantId).list(Job, { index: 'due', limit: pageSize })
    for (const job of items) {
      const waitMs = Date.parse(job.dueAt ?? '') - clock.realMs()
      if (waitMs > 0) {
        at(`due ${tenantId}`, waitMs, () => look(tenantId))
        return
      }
      if (!running.has(job.id) && !stopping.signal.aborted) begin(tenantId, job)
    }
  }

  function begin(tenantId: string, seen: JobRow): void {
    const work = gate({ key: 'jobs', width: settings.width }, async () => {
      if (stopping.signal.aborted) return
      // it may have waited for its turn
      const job = await storage.tenant(tenantId).get(Job, seen.id)
      if (job === null || job.dueAt === null || Date.parse(job.dueAt) > clock.realMs()) return
      noteRunning(1)
      try {
        await runJob({ runtime, settings, handler: handlers[job.kind], stopping: stopping.signal }, tenantId, job)
      } finally {
        noteRunning(-1)
      }
    })
      .catch(failed)
      .finally(() => {
        running.delete(seen.id)
        wake(tenantId)
      })
    running.set(seen.id, work)
  }

  async function sweep(): Promise<void> {
    try {
      const tenants = new Set<string>()
      for await (const { tenantId } of everyRowWhere(runtime, Job, { directory: 'open', value: 'open' })) tenants.add(tenantId)
      for (const tenantId of tenants) await look(tenantId)
    } finally {
      at('sweep', settings.sweepMs, sweep)
    }
  }

  at('sweep', 0, sweep)
  return {
    async stop() {
      unwatch()
      stopping.abort()
      for (const timer of timers.values()) clearTimeout(timer)
      const all = Promise.all([...looking, ...running.values()])
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, settings.stopMs).unref())])
    },
  }
}

/**
 * Runs what is due now, and what becomes due by it, one job after the other, until nothing is or the time is over: for a process that does not stay. How many it took. A job that is told to end goes on at a
 * later call.
 */
export async function runDueJobs(
  runtime: Runtime,
  handlers: JobHandlers,
  patienceMs: number,
  given: Partial<RunSettings> = {},
): Promise<number> {
  const settings = { ...usual, ...given }
  const stopping = new AbortController()
  const timer = setTimeout(() => stopping.abort(), Math.min(patienceMs, 2 ** 31 - 1))
  const { storage, clock } = runtime
  let taken = 0
  try {
    for (let found = true; found && !stopping.signal.aborted; ) {
      found = false
      const tenants = new Set<string>()
      for await (const { tenantId } of everyRowWhere(runtime, Job, { directory: 'open', value: 'open' })) tenants.add(tenantId)
      for (const tenantId of tenants) {
        const { items } = await storage.tenant(tenantId).list(Job, { index: 'due', limit: pageSize })
        for (const job of items.filter(({ dueAt }) => Date.parse(dueAt ?? '') <= clock.realMs())) {
          if (stopping.signal.aborted) return taken
          if (!(await runJob({ runtime, settings, handler: handlers[job.kind], stopping: stopping.signal }, tenantId, job))) continue
          taken += 1
          found = true
        }
      }
    }
    return taken
  } finally {
    clearTimeout(timer)
  }
}

/** Removes the jobs of a tenant that ended long ago; how many. */
export async function pruneJobs(runtime: Runtime, tenantId: string, keepMs: number = usual.keepMs): Promise<number> {
  const store = runtime.storage.tenant(tenantId)
  const nowMs = runtime.clock.realMs()
  const { items } = await store.list(Job, {
    index: 'ended',
    filter: [{ field: 'endedAt', op: 'lt', value: toTime(nowMs - keepMs) }],
    limit: 90,
  })
  if (items.length === 0) return 0
  const { kind, name } = system
  const meta = { actor: { id: null, kind, name }, action: 'job.prune', entity: null, requestId: null, time: toTime(nowMs) }
  try {
    await store.commit(
      items.map((row) => remove(Job, row)),
      meta,
    )
    return items.length
  } catch (error) {
    if (error instanceof Conflict) return 0
    throw error
  }
}
