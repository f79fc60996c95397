import { existsSync } from 'node:fs'
import { z } from 'zod'
import { Employee } from '../employee/entity.ts'
import { type Context, type Runtime, system } from '../kernel/context.ts'
import type { AnyOperation } from '../kernel/operation.ts'
import { perform } from '../kernel/perform.ts'
import type { LogEntry } from '../storage/port.ts'
import { everyTenantId } from '../tenant/every.ts'
import { Credential } from '../user/entity.ts'
import { generationPaths } from './destination.ts'
import { followLog } from './follow-log.ts'
import { destinationOf, preserveAlone } from './operations.ts'
import { rollOf } from './people.ts'
import { type Report, report as reportSchema } from './report.ts'

export type Keeper = {
  /** Looks at a tenant soon: an administrator looked at numbers. It never throws, and nobody waits for it. */
  look(tenantId: string): void
  /** Writes what is due and begins nothing more. */
  stop(): Promise<void>
}

export type KeeperOptions = {
  /** After a change, so long others may follow that are written with it. Milliseconds. */
  settleMs?: number
  /** Between two looks that requests ask for. Milliseconds. */
  everyMs?: number
}

const keepers = new WeakMap<Runtime, Keeper>()

/** Lets the keeper of this server look at a tenant soon, where there is one. Requests that show numbers of a workforce call it. */
export const wakeKeeper = ({ runtime, store }: Pick<Context, 'runtime' | 'store'>): void => keepers.get(runtime)?.look(store.tenantId)

/** Half the promise of two seconds: reading and writing takes some of them too. */
const settleMs = 1_000
const lookEveryMs = 5_000

/** Sign-ins note a time and may store a better hash: no reason to write a backup. */
const isSignIn = (action: string): boolean => action.startsWith('session.')

/** What a server does by itself is an operation, too: permission, log and store are the frame's. */
function job(name: string, summary: string, work: (context: Context) => Promise<Report | null>): AnyOperation {
  return {
    name,
    summary,
    needs: 'preserve:run',
    input: z.strictObject({}),
    output: z.object({ report: reportSchema.nullable() }),
    run: async (context: Context) => ({ output: { report: await work(context) } }),
  }
}

/**
 * Keeps the people of every tenant in files while a server runs: ensures everyone at the start, refreshes the files after changes, and looks now and then whether somebody is missing or a file was damaged.
 * Resolves when the start is over; a failure of it stops nothing. Of a tenant that never had employees nothing is done.
 */
export async function startKeeping(runtime: Runtime, options: KeeperOptions = {}): Promise<Keeper> {
  const { log, health, settings } = runtime.services
  const settle = options.settleMs ?? settleMs
  const lookEvery = options.everyMs ?? lookEveryMs
  const due = new Map<string, NodeJS.Timeout>()
  const lookedMs = new Map<string, number>()
  const working = new Set<Promise<unknown>>()
  /** Employees that there were or that came since the start, by tenant: what the log recorded. */
  const known = new Map<string, Set<string>>()
  let isStopped = false

  async function as(tenantId: string, operation: AnyOperation): Promise<Report | null> {
    let made: Report | null = null
    await perform(runtime, operation, {
      actor: system,
      origin: { requestId: runtime.ids.newId(), surface: 'cli', network: null, userAgent: null, deviceToken: null },
      tenantId,
      input: {},
      encode(output) {
        made = (output as { report: Report | null }).report
        return { status: 200, body: '' }
      },
    })
    return made
  }

  function track(work: Promise<unknown>): void {
    working.add(work)
    void work.finally(() => working.delete(work))
  }

  async function run(context: Context, action: 'ensure' | 'backup', { isTold = false, onlyLooks = false } = {}): Promise<Report> {
    const destination = await destinationOf(context, {})
    const said = isTold
      ? ({ text, isError }: { text: string; isError: boolean }) =>
          isError ? log.error({ tenant: context.store.tenantId }, text) : log.info({ tenant: context.store.tenantId }, text)
      : undefined
    const asked = {
      action,
      destination,
      includeDeleted: false,
      force: false,
      mayBegin: false,
      onlyLooks,
      known: knownIn(context.store.tenantId),
      ...(said === undefined ? {} : { said }),
    }
    return preserveAlone(context, asked)
  }

  /** Whether there is anything to keep: employees, also those that only the log tells of, or files of ours. */
  async function concerns(context: Context): Promise<boolean> {
    if (knownIn(context.store.tenantId).size > 0) return true
    if ((await context.store.list(Employee, { limit: 1 })).items.length > 0) return true
    const destination = await destinationOf(context, {})
    return existsSync(destination.path) || (await generationPaths(destination)).length > 0
  }

  /** From now on these are people whom the log recorded. */
  async function remember({ store }: Pick<Context, 'store'>): Promise<void> {
    const ids = knownIn(store.tenantId)
    for (const { employee } of (await rollOf(store)).people) ids.add(employee.employeeId)
  }

  const starting = job('preserve.ensure', 'Ensure the employees of a tenant', async (context) => {
    if (!(await concerns(context))) return null
    const report = await run(context, 'ensure', { isTold: true })
    await remember(context)
    return report
  })
  const refreshing = job('preserve.backup', 'Refresh the backup of a tenant', (context) => run(context, 'backup'))
  const looking = job('preserve.look', 'Look whether everyone is there', lookOnce)

  /** Ensures one tenant, and says so in the metric and on `/health`. */
  async function ensureOne(tenantId: string): Promise<void> {
    try {
      const report = await as(tenantId, starting)
      health.preserved(tenantId, report === null || report.error === null)
    } catch (error) {
      log.error({ tenant: tenantId, err: error }, `[ERROR] Ensure users failed: ${error instanceof Error ? error.message : String(error)}`)
      health.preserved(tenantId, false)
    }
  }

  async function refresh(tenantId: string): Promise<void> {
    try {
      const report = await as(tenantId, refreshing)
      if (report?.error != null) log.error({ tenant: tenantId }, `Auto-backup failed: ${report.error}`)
      if (report !== null) health.preserved(tenantId, report.error === null)
    } catch (error) {
      log.error({ tenant: tenantId, err: error }, `Auto-backup failed: ${error instanceof Error ? error.message : String(error)}`)
      health.preserved(tenantId, false)
    }
  }

  /** Says in the log whom an entry is about; true when a backup is due. */
  async function tells(tenantId: string, entry: LogEntry): Promise<boolean> {
    if (isSignIn(entry.action) || entry.action.startsWith('preserve.')) return false
    const store = runtime.storage.tenant(tenantId)
    let isDue = false
    for (const change of entry.changes) {
      if (change.type === Credential.name) isDue ||= (await store.get(Employee, change.id)) !== null
      if (change.type !== Employee.name) continue
      isDue = true
      const employeeId = change.fields.employeeId ?? (await store.get(Employee, change.id))?.employeeId ?? change.id
      if (change.op === 'insert') knownIn(tenantId).add(String(employeeId))
      if (change.op === 'insert') log.info({ tenant: tenantId }, `New user created: ${employeeId}, triggering backup`)
      else if (typeof change.fields.deletedAt === 'string') log.info({ tenant: tenantId }, `User deleted: ${employeeId}`)
      else log.info({ tenant: tenantId }, `User updated: ${employeeId}`)
    }
    return isDue
  }

  function knownIn(tenantId: string): Set<string> {
    const ids = known.get(tenantId) ?? new Set()
    known.set(tenantId, ids)
    return ids
  }

  function plan(tenantId: string): void {
    if (due.has(tenantId)) return
    const timer = setTimeout(() => {
      due.delete(tenantId)
      track(refresh(tenantId))
    }, settle)
    due.set(tenantId, timer)
  }

  /** Heals who is missing, and writes a destination again that is absent or damaged. */
  async function lookOnce(context: Context): Promise<Report | null> {
    if (!(await concerns(context))) return null
    const report = await run(context, 'ensure', { onlyLooks: true })
    await remember(context)
    return report
  }

  async function look(tenantId: string): Promise<void> {
    try {
      const before = await as(tenantId, looking)
      if (before === null) return
      const { totals, counts, backup, rejected, error } = before
      if (totals.created > 0) {
        const gone = before.records.filter(({ outcome }) => outcome === 'created')
        const admins = gone.filter(({ employeeId }) => employeeId?.startsWith('MP')).length
        log.warn(
          { tenant: tenantId },
          `Missing users detected: ${counts.admins - admins} admins, ${counts.fieldOfficers - (gone.length - admins)} field officers`,
        )
        log.warn({ tenant: tenantId }, `After restore: ${counts.admins} admins, ${counts.fieldOfficers} field officers`)
      }
      if (backup?.written === true && (before.source === null || rejected.length > 0))
        log.warn({ tenant: tenantId, rejected }, 'No backup found, creating one...')
      if (error !== null) log.error({ tenant: tenantId }, `Data persistence check failed: ${error}`)
      health.preserved(tenantId, error === null)
    } catch (error) {
      log.error(
        { tenant: tenantId, err: error },
        `Data persistence check failed: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }

  async function round(): Promise<void> {
    try {
      for await (const tenantId of everyTenantId(runtime)) if (!isStopped) await look(tenantId)
    } catch (error) {
      // the storage is away: the next round finds out whether it is back
      log.error({ err: error }, `Data persistence check failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  for await (const tenantId of everyTenantId(runtime)) await ensureOne(tenantId)
  const following = followLog(runtime.storage, {
    types: [Employee.name, Credential.name],
    onEntry: async (tenantId, entry) => void ((await tells(tenantId, entry)) && plan(tenantId)),
    onError: (tenantId, error) => log.error({ tenant: tenantId, err: error }, 'Auto-backup failed: the log could not be read'),
  })
  const timer = settings.preserve.monitorSeconds === 0 ? null : setInterval(() => track(round()), settings.preserve.monitorSeconds * 1000)
  timer?.unref()

  const keeper: Keeper = {
    look(tenantId) {
      const nowMs = performance.now()
      if (isStopped || nowMs - (lookedMs.get(tenantId) ?? Number.NEGATIVE_INFINITY) < lookEvery) return
      lookedMs.set(tenantId, nowMs)
      track(look(tenantId))
    },
    async stop() {
      isStopped = true
      keepers.delete(runtime)
      await following.stop()
      if (timer !== null) clearInterval(timer)
      const waiting = [...due.keys()]
      for (const one of due.values()) clearTimeout(one)
      due.clear()
      await Promise.allSettled([...working])
      await Promise.all(waiting.map(refresh))
    },
  }
  keepers.set(runtime, keeper)
  return keeper
}
