import { checkEveryTenant } from '../backup/losses.ts'
import { scheduled } from '../backup/schedule.ts'
import type { Holdfast } from '../main.ts'
import { execute } from './execute.ts'
import { type Rounds, startRounds } from './rounds.ts'

const minuteMs = 60_000
const firstAfterMs = 20_000
const everyMs = 5 * minuteMs
/** Comparing everything takes at most this part of a core. */
const share = 1 / 20

/** Sundays at 3:43, UTC. */
const weekly = '43 3 * * 0'

/** What a running server does so that a loss is found before it is felt: rows are compared with backups and log every few minutes, and once a week the loss of everything is rehearsed. */
export function startWatch(holdfast: Holdfast): Rounds[] {
  const { runtime, backups } = holdfast
  if (backups === null) return []
  const { log } = runtime.services
  const failed = (error: unknown) => log.error({ err: error }, 'backup: the drill failed')
  // what the targets hold already is known from the beginning, to metrics and integrity
  backups.service.list().catch((error: unknown) => log.warn({ err: error }, 'backup: the targets cannot be listed'))
  const endDrills = scheduled({ storage: runtime.storage, cron: weekly, failed, name: 'backup drill' }, async () => {
    await execute(holdfast, { name: 'backup.drill', at: 'platform', input: {} })
  })
  let restUntilMs = 0
  const integrity = startRounds(runtime, {
    name: 'integrity check',
    isForAll: true,
    firstMs: firstAfterMs,
    everyMs,
    async run() {
      const startedMs = performance.now()
      if (startedMs < restUntilMs) return
      await checkEveryTenant(runtime)
      restUntilMs = performance.now() + (performance.now() - startedMs) / share
    },
  })
  return [integrity, { stop: async () => endDrills() }]
}
