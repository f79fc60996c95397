import type { Runtime } from '../kernel/context.ts'
import type { Holdfast } from '../main.ts'
import { pruneExpired } from '../session/prune.ts'
import { execute } from './execute.ts'

export type Housekeeping = {
  /** Begins nothing more, and resolves when what runs is done. */
  stop(): Promise<void>
}

const hourMs = 60 * 60_000
const firstAfterMs = 60_000

/** One round of it, and what it did. Errors: those of the store; what was done until then stays done. */
export async function keepHouse(runtime: Runtime): Promise<{ removed: number; rotated: boolean }> {
  const { log, keys } = runtime.services
  const removed = await pruneExpired(runtime)
  if (removed > 0) log.info({ removed }, 'expired rows removed')
  const rotated = await keys.rotateIfDue()
  if (rotated) log.info({}, 'signing keys rotated')
  return { removed, rotated }
}

/** What a running server does by itself now and then: it removes what has expired and gives old signing keys successors. A failure is logged, and the next round tries again. */
export function startHousekeeping(runtime: Runtime, { firstMs = firstAfterMs, everyMs = hourMs } = {}): Housekeeping {
  const { log } = runtime.services
  let running: Promise<void> = Promise.resolve()
  let isStopped = false
  let timer = setTimeout(begin, firstMs)
  timer.unref()

  function begin(): void {
    running = round().then(() => {
      if (isStopped) return
      timer = setTimeout(begin, everyMs)
      timer.unref()
    })
  }

  async function round(): Promise<void> {
    try {
      // of several processes on one storage, one does it for all, as long as it comes back to it
      if ((await runtime.storage.lease?.('housekeeping', (everyMs / 1_000) * 1.5)) === null) return
      await keepHouse(runtime)
    } catch (error) {
      log.error({ err: error }, 'housekeeping failed')
    }
  }

  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
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
