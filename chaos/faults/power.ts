import { type Plan, runCycles } from '../cycles.ts'
import { imageDisk, powerProblem } from '../disks.ts'
import { freeze } from '../freeze.ts'
import type { Outcome } from '../report.ts'

const mebibytes = 192

/** The power goes at a random moment under all writers: what was not synchronised is gone. Then boot, start, check. */
export async function runPower(outcome: Outcome, plan: Plan): Promise<void> {
  const problem = powerProblem()
  if (problem !== null) {
    outcome.leftOut.push(problem)
    return
  }
  await runCycles(outcome, plan, () => {
    const disk = imageDisk(mebibytes)
    return {
      folder: disk.folder,
      close: disk.close,
      async strike(server) {
        await freeze(server.pid)
        disk.cutPower()
        await server.kill()
        disk.boot()
      },
    }
  })
}
