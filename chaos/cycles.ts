import { check } from './checker.ts'
import type { Store } from './databases.ts'
import type { Trial } from './load.ts'
import { writeUntil } from './load.ts'
import type { Random } from './random.ts'
import { sleep } from './random.ts'
import { countStart, isCaught, type Outcome } from './report.ts'
import { connectTo } from './requests.ts'
import { type Server, type ServerProcess, spawnServer, startServer } from './server-process.ts'
import { type Cast, castOf, inTrial, populate } from './trial.ts'

/** Where the data lies. */
export type Place = { folder: string; store: Store; close(): Promise<void> }

/** A place that is struck together with its server. After `strike` the server is gone and the folder may be used again. */
export type Ground = Place & { strike(server: ServerProcess): Promise<void> }

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

/** Cycles in one place after another. */
export async function inPlaces<P extends Place>(
  outcome: Outcome,
  plan: Plan,
  { open, run }: { open(): Promise<P>; run(parts: Parts<P>): Promise<void> },
): Promise<void> {
  const most = plan.hunted === null ? enough : plan.cycles
  let bad = 0
  while (outcome.cycles < plan.cycles && bad < most && !isCaught(outcome, plan.hunted)) {
    const before = outcome.problems.length
    const cycles = Math.min(plan.perFolder, plan.cycles - outcome.cycles)
    const place = await open()
    try {
      await inTrial(outcome, { folder: place.folder, isHunt: plan.hunted !== null }, (trial) =>
        run({ outcome, plan: { ...plan, cycles }, place, trial, cast: castOf(plan.writers, plan.random) }),
      )
    } finally {
      await place.close()
    }
    if (outcome.problems.length > before) bad += 1
  }
}

export type Parts<P> = { outcome: Outcome; plan: Plan; place: P; trial: Trial; cast: Cast }

/** Everything that must hold, asked of one server. False when something does not. */
export async function isSound({ outcome, plan, trial, cast }: Parts<Place>, { base }: Server, isLast: boolean): Promise<boolean> {
  const client = connectTo(base)
  const { settled, repeated, problems } = await check({ client, trial, random: plan.random, number: cast.number, isLast })
  client.close()
  outcome.settled += settled
  outcome.repeated += repeated
  outcome.problems.push(...problems.map((problem) => `cycle ${outcome.cycles}: ${problem}`))
  return problems.length === 0
}

/** Makes the logins and the key that writers use. */
export async function settleIn({ trial, cast }: Parts<Place>, { base }: Server): Promise<void> {
  const client = connectTo(base)
  await populate(client, trial, cast)
  client.close()
}

/** Writers write, the fault strikes, the server starts, everything is checked; again and again. */
export const runCycles = (outcome: Outcome, plan: Plan, open: () => Promise<Ground>): Promise<void> =>
  inPlaces(outcome, plan, { open, run: runFolder })

/** A start that first makes all tables of a database takes longer, and is struck later. */
const longestFirstMs = { folder: 900, database: 2_500 }

async function runFolder(parts: Parts<Ground>): Promise<void> {
  const { outcome, plan, place, trial, cast } = parts
  const { random, plant } = plan
  const options = { folder: place.folder, environment: place.store.environment, plant }
  const isDatabase = place.store.proxy !== null
  let server: Server | null = null

  async function start(isCounted = true): Promise<Server> {
    const started = await startServer(options)
    if (isCounted) countStart(outcome, started.readyMs)
    return started
  }

  /** A server that is struck before it is ready: the very first one makes the folder, later ones recover it. */
  async function strikeStart(longestMs: number): Promise<void> {
    const starting = spawnServer(options)
    await sleep(random.between(0, longestMs))
    await place.strike(starting)
    outcome.cycles += 1
  }

  try {
    if (plan.cycles > 2 && random.chance(0.7)) await strikeStart(isDatabase ? longestFirstMs.database : longestFirstMs.folder)
    server = await start(!isDatabase)
    await settleIn(parts, server)
    for (const last = outcome.cycles + plan.cycles; outcome.cycles < last; ) {
      await strikeUnderLoad(server)
      if (random.chance(0.15)) await strikeStart(500)
      server = await start()
      if (!(await isSound(parts, server, outcome.cycles >= last))) break
    }
    await server.kill()
    outcome.problems.push(...(await place.store.check(place.folder, trial.world)))
  } finally {
    await server?.kill()
  }

  async function strikeUnderLoad(target: Server): Promise<void> {
    const client = connectTo(target.base)
    const stop = new AbortController()
    const writing = writeUntil(stop.signal, client, trial, cast.writers)
    await sleep(random.between(...plan.loadMs))
    await place.strike(target)
    stop.abort()
    await writing
    await trial.ledger.sync()
    client.close()
    outcome.cycles += 1
  }
}
