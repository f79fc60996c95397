import { check } from './checker.ts'
import { writeUntil } from './load.ts'
import { checkOffline } from './offline.ts'
import type { Random } from './random.ts'
import { sleep } from './random.ts'
import { countStart, isCaught, type Outcome } from './report.ts'
import { connectTo } from './requests.ts'
import { type Server, type ServerProcess, spawnServer, startServer } from './server-process.ts'
import { castOf, keepEvidence, newTrial, populate } from './trial.ts'

/** Where the data lies, and how it is struck. After `strike` the server is gone and the folder may be used again. */
export type Ground = { folder: string; strike(server: ServerProcess): Promise<void>; close(): void }

export type Plan = {
  cycles: number
  /** Cycles in one data folder, before a new one is made: checks read all of it each time. */
  perFolder: number
  /** How long the writers write before the fault. */
  loadMs: readonly [number, number]
  writers: number
  random: Random
  plant: string | null
  /** What a negative control waits for, and ends with. */
  hunted: RegExp | null
}

/** This many data folders with losses are evidence enough. */
const enough = 3

/** Writers write, the fault strikes, the server starts, everything is checked; again and again. */
export async function runCycles(outcome: Outcome, plan: Plan, openGround: () => Ground): Promise<void> {
  const most = plan.hunted === null ? enough : plan.cycles
  let bad = 0
  while (outcome.cycles < plan.cycles && bad < most && !isCaught(outcome, plan.hunted)) {
    const before = outcome.problems.length
    const cycles = Math.min(plan.perFolder, plan.cycles - outcome.cycles)
    const ground = openGround()
    try {
      await runFolder(outcome, { ...plan, cycles }, ground)
    } finally {
      ground.close()
    }
    if (outcome.problems.length > before) bad += 1
  }
}

async function runFolder(outcome: Outcome, plan: Plan, ground: Ground): Promise<void> {
  const { random, plant } = plan
  const options = { folder: ground.folder, plant }
  const trial = newTrial()
  const cast = castOf(plan.writers, random)
  const before = outcome.problems.length
  let server: Server | null = null

  async function start(): Promise<Server> {
    const started = await startServer(options)
    countStart(outcome, started.readyMs)
    return started
  }

  /** A server that is struck before it is ready: the very first one makes the folder, later ones recover it. */
  async function strikeStart(longestMs: number): Promise<void> {
    const starting = spawnServer(options)
    await sleep(random.between(0, longestMs))
    await ground.strike(starting)
    outcome.cycles += 1
  }

  try {
    if (plan.cycles > 2 && random.chance(0.7)) await strikeStart(900)
    server = await start()
    const setUp = connectTo(server.base)
    await populate(setUp, trial, cast)
    setUp.close()
    for (const last = outcome.cycles + plan.cycles; outcome.cycles < last; ) {
      await strikeUnderLoad(server)
      if (random.chance(0.15)) await strikeStart(500)
      server = await start()
      if (!(await isSound(server, outcome.cycles >= last))) break
    }
    await server.kill()
    outcome.problems.push(...checkOffline(ground.folder, trial.world))
  } catch (error) {
    outcome.problems.push(`${error instanceof Error ? error.message : error}`)
  } finally {
    await server?.kill()
    outcome.acknowledged += trial.world.acknowledged
    const hasLost = outcome.problems.length > before
    if (hasLost && plan.hunted === null)
      outcome.notes.push(`ledger and data folder are kept: ${await keepEvidence(trial, ground.folder, outcome.problems.slice(before))}`)
    await trial.ledger.close()
  }

  async function strikeUnderLoad(target: Server): Promise<void> {
    const client = connectTo(target.base)
    const stop = new AbortController()
    const writing = writeUntil(stop.signal, client, trial, cast.writers)
    await sleep(random.between(...plan.loadMs))
    await ground.strike(target)
    stop.abort()
    await writing
    await trial.ledger.sync()
    client.close()
    outcome.cycles += 1
  }

  async function isSound(target: Server, isLast: boolean): Promise<boolean> {
    const client = connectTo(target.base)
    const { settled, problems } = await check({ client, trial, random, number: cast.number, isLast })
    client.close()
    outcome.settled += settled
    outcome.problems.push(...problems.map((problem) => `cycle ${outcome.cycles}: ${problem}`))
    return problems.length === 0
  }
}
