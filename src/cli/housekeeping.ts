import { createDayEnd } from '../attendance/day-end.ts'
import { pruneJobs } from '../job/work.ts'
import type { Runtime } from '../kernel/context.ts'
import type { Holdfast } from '../main.ts'
import { pruneExpired } from '../session/prune.ts'
import { everyTenantId } from '../tenant/every.ts'
import { execute } from './execute.ts'
import { type Rounds, startRounds } from './rounds.ts'

const hourMs = 60 * 60_000
const firstAfterMs = 60_000

/** One round of it, and what it did. Errors: those of the store; what was done until then stays done. */
export async function keepHouse(runtime: Runtime): Promise<{ removed: number; rotated: boolean }> {
  const { log, keys } = runtime.services
  const removed = await pruneExpired(runtime)
  if (removed > 0) log.info({ removed }, 'expired rows removed')
  const rotated = await keys.rotateIfDue()
  if (rotated) log.info({}, 'signing keys rotated')
  for await (const tenantId of everyTenantId(runtime)) await pruneJobs(runtime, tenantId)
  await createDayEnd(runtime)()
  return { removed, rotated }
}

/** What a running server does by itself now and then: it removes what has expired and gives old signing keys successors. */
export const startHousekeeping = (runtime: Runtime, { firstMs = firstAfterMs, everyMs = hourMs } = {}): Rounds =>
  startRounds(runtime, { name: 'housekeeping', isForAll: true, firstMs, everyMs, run: () => keepHouse(runtime) })

const minuteMs = 60_000

/** Ends the working days of workforces: at once, and each minute. Every process does it, so that none waits for one that died; guards let each row be done once. */
export function startDayEnd(runtime: Runtime, { everyMs = minuteMs } = {}): Rounds {
  const endDays = createDayEnd(runtime)
  return startRounds(runtime, { name: 'day end', firstMs: 0, everyMs, run: endDays })
}

/** One scheduled backup: taken, proven, and what is too old removed. It never throws: what goes wrong is logged, and tried again at the next time. */
export async function backUp(holdfast: Holdfast): Promise<void> {
  try {
    await execute(holdfast, { name: 'backup.create', at: 'platform', input: {} })
    await execute(holdfast, { name: 'backup.prune', at: 'platform', input: {} })
  } catch (error) {
    holdfast.runtime.services.log.error({ err: error }, 'backup failed')
  }
}
