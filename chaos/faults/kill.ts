import { type Plan, runCycles } from '../cycles.ts'
import { plainFolder } from '../disks.ts'
import type { Outcome } from '../report.ts'

/** SIGKILL at a random moment under all writers. What the kernel was given survives, so this tests atomicity and recovery, not the disk. */
export const runKill = (outcome: Outcome, plan: Plan): Promise<void> =>
  runCycles(outcome, plan, () => {
    const { folder, close } = plainFolder()
    return { folder, close, strike: (server) => server.kill() }
  })
