import { type Plan, runCycles } from '../cycles.ts'
import type { Database } from '../databases.ts'
import { plainFolder } from '../disks.ts'
import type { Outcome } from '../report.ts'

/** SIGKILL at a random moment under all writers. What the kernel, or the database, was given survives, so this tests atomicity and recovery, not the disk. */
export const runKill = (outcome: Outcome, plan: Plan, database: Database): Promise<void> =>
  runCycles(outcome, plan, async () => {
    const { folder, close } = plainFolder()
    const store = await database.fresh()
    return {
      folder,
      store,
      async strike(server) {
        await server.kill()
        await store.proxy?.settled()
      },
      async close() {
        close()
        await store.close()
      },
    }
  })
