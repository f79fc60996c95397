import type { Plan } from '../cycles.ts'
import type { Database, Store } from '../databases.ts'
import { plainFolder } from '../disks.ts'
import { type FailingGround, runOutages } from '../outages.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../report.ts'

/** Half the cuts are over at once; the others are longer than the server's own retries. */
const longestDownMs = 2_500

/** Every connection to the database breaks in the middle of what it does: the request lost or torn, or done and its answer lost or torn. */
export async function runCut(outcome: Outcome, plan: Plan, database: Database): Promise<void> {
  const cuts: Record<string, number> = {}
  await runOutages(outcome, plan, () => openGround(database, plan.random, cuts))
  outcome.notes.push(
    `cut in the middle: ${Object.entries(cuts)
      .map(([way, count]) => `${way} ${count}`)
      .join(', ')}`,
  )
}

async function openGround(database: Database, random: Random, cuts: Record<string, number>): Promise<FailingGround> {
  const { folder, close } = plainFolder()
  const store: Store = await database.fresh()
  const { proxy } = store
  if (proxy === null) throw new Error(`There is no connection of ${database.engine} to be cut`)
  return {
    folder,
    store,
    strike: () => proxy.cut(random.chance(0.5) ? 0 : random.between(0, longestDownMs)),
    async close() {
      for (const [way, count] of Object.entries(proxy.cuts)) cuts[way] = (cuts[way] ?? 0) + count
      close()
      await store.close()
    },
  }
}
