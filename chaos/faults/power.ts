import { chmodSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PostgresServer } from '../../src/testing/postgres-server.ts'
import { type Plan, runCycles } from '../cycles.ts'
import { type Database, openDatabase } from '../databases.ts'
import { type ImageDisk, imageDisk, plainFolder, powerProblem } from '../disks.ts'
import { freeze, freezeFamily } from '../freeze.ts'
import { runOutages } from '../outages.ts'
import { runProgram } from '../programs.ts'
import type { Outcome } from '../report.ts'

const mebibytes = { sqlite: 192, postgres: 768 }

/** The power goes at a random moment under all writers: what was not synchronised is gone. Then boot, start, check. */
export async function runPower(outcome: Outcome, plan: Plan, database: Database): Promise<void> {
  const problem = powerProblem()
  if (problem !== null) {
    outcome.leftOut.push(problem)
    return
  }
  if (database.engine === 'postgres') return runPostgres(outcome, plan)
  await runCycles(outcome, plan, async () => {
    const disk = imageDisk(mebibytes.sqlite)
    return {
      folder: disk.folder,
      store: await database.fresh(),
      close: async () => disk.close(),
      async strike(server) {
        await freeze(server.pid)
        disk.cutPower()
        await server.kill()
        disk.boot()
      },
    }
  })
}

/** The machine of the database loses its power; the server is on another one. */
async function runPostgres(outcome: Outcome, plan: Plan): Promise<void> {
  const disk = imageDisk(mebibytes.postgres)
  // PostgreSQL does not run as root, and has to reach what only root may mount
  chmodSync(dirname(disk.mount), 0o755)
  chmodSync(disk.mount, 0o777)
  try {
    const database = await openDatabase('postgres', plan.random, disk.mount)
    const { postgres } = database
    if (postgres === null) throw new Error('There is no PostgreSQL')
    runProgram('sync', '-f', disk.mount)
    try {
      await runOutages(outcome, plan, async () => {
        const { folder, close } = plainFolder()
        const store = await database.fresh()
        return {
          folder,
          store,
          strike: () => strike(postgres, disk),
          async close() {
            close()
            await store.close()
          },
        }
      })
    } finally {
      await database.close()
    }
  } finally {
    disk.close()
  }
}

async function strike(server: PostgresServer, disk: ImageDisk): Promise<void> {
  const all = await freezeFamily(postmasterOf(server))
  disk.cutPower()
  for (const pid of all.slice(1)) process.kill(pid, 'SIGKILL')
  await server.kill()
  disk.boot()
  await server.restart()
}

function postmasterOf({ data }: PostgresServer): number {
  const [line] = readFileSync(join(data ?? '', 'postmaster.pid'), 'utf8').split('\n')
  return Number(line)
}
