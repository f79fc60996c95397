import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command.ts'
import { type Plan, runCycles } from '../cycles.ts'
import type { Database } from '../databases.ts'
import { type Disk, type ImageDisk, imageDisk, plainFolder, powerProblem } from '../disks.ts'
import { freeze } from '../freeze.ts'
import { type Random, sleep } from '../random.ts'
import type { Outcome } from '../report.ts'
import { type ServerOptions, type ServerProcess, spawnCommand } from '../server-process.ts'

const mebibytes = 256

/**
 * The data folder is deleted at a random moment under all writers, often while a snapshot is written, and brought back by `bin/holdfast restore`, which is itself killed up to twice on its way. With
 * `HOLDFAST_BACKUP_MODE=sync` nothing that was acknowledged may be missing: the backups are all that is left of it.
 */
export const runLost = (outcome: Outcome, plan: Plan, database: Database): Promise<void> =>
  runCycles(outcome, plan, async () => {
    const target = plainFolder()
    return ground(outcome, { plan, database, target, strike: (server) => server.kill() })
  })

/** The same with the power going in the machine of the backups: what was not synchronised there is gone too. */
export async function runLostPower(outcome: Outcome, plan: Plan, database: Database): Promise<void> {
  const problem = powerProblem()
  if (problem !== null) {
    outcome.leftOut.push(problem)
    return
  }
  await runCycles(outcome, plan, async () => {
    const target: ImageDisk = imageDisk(mebibytes)
    return ground(outcome, {
      plan,
      database,
      target,
      async strike(server) {
        await freeze(server.pid)
        target.cutPower()
        await server.kill()
        target.boot()
      },
    })
  })
}

type Parts = { plan: Plan; database: Database; target: Disk; strike(server: ServerProcess): Promise<void> }

async function ground(outcome: Outcome, { plan: { random, plant }, database, target, strike }: Parts) {
  const data = plainFolder()
  const store = await database.fresh()
  const environment = {
    ...store.environment,
    HOLDFAST_BACKUP: `file:${join(target.mount, 'backups')}`,
    HOLDFAST_BACKUP_MODE: 'sync',
    HOLDFAST_KEY: randomBytes(32).toString('base64'),
  }
  const options: ServerOptions = { folder: data.folder, environment, plant }
  return {
    folder: data.folder,
    store: { ...store, environment },
    async strike(server: ServerProcess) {
      const snapshot = random.chance(0.6) ? spawnCommand(options, 'backup', 'create') : null
      if (snapshot !== null) await sleep(random.between(0, 1_500))
      await strike(server)
      await snapshot?.kill()
      rmSync(data.folder, { recursive: true, force: true })
      await bringBack(outcome, options, random)
    },
    async close() {
      data.close()
      target.close()
      await store.close()
    },
  }
}

/** Restores, killed up to twice before it may end. A restart of the server would do it too; a command says what went wrong. */
async function bringBack(outcome: Outcome, options: ServerOptions, random: Random): Promise<void> {
  for (let kills = random.between(0, 2); kills > 0; kills -= 1) {
    const restoring = spawnCommand(options, 'restore', '--yes')
    await sleep(random.between(0, 1_500))
    await restoring.kill()
  }
  const { code, words } = await runCommand(options, 'restore', '--yes', '--json')
  // nothing was acknowledged yet where nothing was shipped: the very first start was struck
  const isEmpty = code !== 0 && /There is no backup/.test(words)
  if (code !== 0 && !isEmpty) outcome.problems.push(`cycle ${outcome.cycles}: restore ended with ${code}: ${words.slice(-1_000)}`)
}
