import { sweep } from './cleanup.ts'
import type { Plan } from './cycles.ts'
import { type Database, databaseProblem, type EngineName, openDatabase } from './databases.ts'
import { runClock } from './faults/clock.ts'
import { runCrash } from './faults/crash.ts'
import { runCut } from './faults/cut.ts'
import { runDisk } from './faults/disk.ts'
import { runDocuments } from './faults/documents.ts'
import { runKill } from './faults/kill.ts'
import { runLock } from './faults/lock.ts'
import { runLost, runLostPower } from './faults/lost.ts'
import { runLostAsync } from './faults/lost-async.ts'
import { runPower } from './faults/power.ts'
import { runPreserve } from './faults/preserve.ts'
import { runSeveral } from './faults/several.ts'
import { runSteps } from './faults/steps.ts'
import { type Plant, plants } from './plants.ts'
import { type Random, randomFrom } from './random.ts'
import { emptyOutcome, type Outcome, progress, words, writeSummary } from './report.ts'

export type Wanted = {
  engine: EngineName
  /** How often each fault strikes; null = its own figure. */
  cycles: number | null
  /** Names of faults; null = all. */
  only: readonly string[] | null
  isShort: boolean
  seed: number
  summary: string
  say(text: string): void
}

type Size = { cycles: number; random: Random; isShort: boolean; plant: string | null; hunted: RegExp | null }
/** `cycles` at night, in the short pass, and at most until a planted bug must have shown. */
type Fault = {
  name: string
  nightly: number
  short: number
  planted: number
  run(outcome: Outcome, size: Size, database: Database): Promise<void>
}

const loaded = { perFolder: 12, loadMs: [150, 1500], writers: 16 } as const
const underLoad =
  (run: (outcome: Outcome, plan: Plan, database: Database) => Promise<void>): Fault['run'] =>
  (outcome, size, database) =>
    run(outcome, { ...loaded, ...size }, database)

/** Few cycles in a place, because much of it happens when two servers start at once on an empty database. */
const severalOf: Fault['run'] = (outcome, size, database) => runSeveral(outcome, { ...loaded, perFolder: 3, ...size }, database)

const clock: Fault = { name: 'clock', nightly: 5, short: 1, planted: 1, run: runClock }
/** Here the figure is how often the server is killed while eight people edit. */
const documents: Fault = { name: 'documents', nightly: 5, short: 1, planted: 1, run: runDocuments }
/** What a clock does to a server it does on every database: the short pass looks once, on SQLite. */
const clockElsewhere: Fault = { ...clock, short: 0 }

const faults: Readonly<Record<EngineName, readonly Fault[]>> = {
  sqlite: [
    { name: 'kill', nightly: 1000, short: 4, planted: 40, run: underLoad(runKill) },
    { name: 'power', nightly: 200, short: 3, planted: 10, run: underLoad(runPower) },
    // here the figure is a stride: every how many steps one is struck
    {
      name: 'steps',
      nightly: 1,
      short: 40,
      planted: 3,
      run: (outcome, { cycles, ...size }) => runSteps(outcome, { every: cycles, ...size }),
    },
    { name: 'disk', nightly: 10, short: 1, planted: 1, run: runDisk },
    clock,
    documents,
    { name: 'lock', nightly: 10, short: 1, planted: 1, run: runLock },
    { name: 'lost', nightly: 200, short: 2, planted: 20, run: underLoad(runLost) },
    { name: 'lost-power', nightly: 200, short: 1, planted: 20, run: underLoad(runLostPower) },
    { name: 'lost-async', nightly: 100, short: 1, planted: 3, run: runLostAsync },
    { name: 'preserve', nightly: 100, short: 1, planted: 10, run: runPreserve },
  ],
  postgres: [
    { name: 'kill', nightly: 300, short: 2, planted: 40, run: underLoad(runKill) },
    { name: 'crash', nightly: 300, short: 2, planted: 40, run: underLoad(runCrash) },
    { name: 'cut', nightly: 300, short: 2, planted: 40, run: underLoad(runCut) },
    { name: 'several', nightly: 100, short: 1, planted: 12, run: severalOf },
    { name: 'power', nightly: 200, short: 1, planted: 20, run: underLoad(runPower) },
    clockElsewhere,
    documents,
  ],
  dynamodb: [
    { name: 'kill', nightly: 300, short: 2, planted: 40, run: underLoad(runKill) },
    { name: 'cut', nightly: 300, short: 2, planted: 40, run: underLoad(runCut) },
    { name: 'several', nightly: 100, short: 1, planted: 12, run: severalOf },
    clockElsewhere,
    documents,
  ],
}

export const faultNames = (engine: EngineName): readonly string[] => faults[engine].map(({ name }) => name)

/** Faults by name, in the order of the table. Throws for a name that there is not. */
function chosen({ engine, only }: Pick<Wanted, 'engine' | 'only'>): readonly Fault[] {
  const unknown = only?.find((name) => !faultNames(engine).includes(name))
  if (unknown !== undefined) throw new Error(`There is no fault ${unknown} on ${engine}: choose from ${faultNames(engine).join(', ')}`)
  return faults[engine].filter(({ name }) => only === null || only.includes(name))
}

/** One database for all faults of a run, or why there is none. */
async function inDatabase<T>(
  { engine, seed }: Pick<Wanted, 'engine' | 'seed'>,
  work: (database: Database | string) => Promise<T>,
): Promise<T> {
  const problem = databaseProblem(engine)
  if (problem !== null) return work(problem)
  const database = await openDatabase(engine, randomFrom(seed))
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

/** Runs the faults one after another. The exit code: 1 when any promise was broken. */
export const runFaults = (wanted: Wanted): Promise<number> => inDatabase(wanted, (database) => runAll(wanted, database))

/** Runs each fault against the bugs planted for it: each must turn it red, and for the right reason. */
export const runControls = (wanted: Wanted): Promise<number> => inDatabase(wanted, (database) => controlAll(wanted, database))

async function runAll({ engine, cycles, only, isShort, seed, summary, say }: Wanted, database: Database | string): Promise<number> {
  sweep()
  say(`chaos on ${engine}: seed ${seed}`)
  const started = new Date().toISOString()
  const outcomes: Outcome[] = []
  for (const fault of chosen({ engine, only })) {
    if (isShort && fault.short === 0) continue
    const size = {
      cycles: cycles ?? (isShort ? fault.short : fault.nightly),
      random: randomFrom(seed),
      isShort,
      plant: null,
      hunted: null,
    }
    const outcome = emptyOutcome(fault.name)
    outcomes.push(outcome)
    await timed({ database, fault, size, outcome }, () => {
      if (!isShort) say(`… ${progress(outcome)}`)
      // whoever ends a long run before its time keeps its figures
      writeSummary(summary, { engine, seed, started, outcomes })
    })
    say(words(outcome))
    writeSummary(summary, { engine, seed, started, outcomes })
  }
  say(`summary: ${summary}`)
  const isBroken = outcomes.some(({ problems, lateStarts }) => problems.length > 0 || (lateStarts > 0 && !isShort))
  return isBroken ? 1 : 0
}

async function controlAll({ engine, cycles, only, seed, say }: Wanted, database: Database | string): Promise<number> {
  sweep()
  const names = chosen({ engine, only })
  let isProven = true
  for (const [plant, planted] of Object.entries(plants)) {
    const fault = names.find(({ name }) => name === planted.fault)
    if (fault === undefined || !(planted.engines ?? ['sqlite']).includes(engine)) continue
    const size = {
      cycles: cycles ?? fault.planted,
      random: randomFrom(seed),
      isShort: fault.name === 'steps',
      plant,
      hunted: planted.shows,
    }
    const outcome = emptyOutcome(fault.name)
    await timed({ database, fault, size, outcome }, () => {})
    const verdict = judge(planted, outcome)
    isProven &&= verdict.isProven
    say(`${verdict.words} ${fault.name} with the planted bug ${plant} (${planted.says}), ${outcome.seconds.toFixed(0)} s`)
    for (const problem of verdict.shown) say(`    - ${problem.slice(0, 300)}`)
  }
  return isProven ? 0 : 1
}

function judge({ shows }: Plant, { problems, leftOut }: Outcome): { isProven: boolean; words: string; shown: string[] } {
  const [reason] = leftOut
  if (reason !== undefined) return { isProven: true, words: `!! LEFT OUT (${reason}):`, shown: [] }
  const shown = problems.filter((problem) => shows.test(problem))
  if (shown.length > 0) return { isProven: true, words: `ok  red as it must be (${problems.length} problems):`, shown: shown.slice(0, 3) }
  return { isProven: false, words: problems.length === 0 ? '!! STAYED GREEN:' : '!! red for another reason:', shown: problems.slice(0, 5) }
}

const progressMs = 60_000

type Timed = { database: Database | string; fault: Fault; size: Size; outcome: Outcome }

async function timed({ database, fault, size, outcome }: Timed, eachMinute: () => void): Promise<void> {
  const startedMs = performance.now()
  const count = () => {
    outcome.seconds = (performance.now() - startedMs) / 1000
  }
  const timer = setInterval(() => {
    count()
    eachMinute()
  }, progressMs)
  try {
    if (typeof database === 'string') outcome.leftOut.push(database)
    else await fault.run(outcome, size, database)
  } finally {
    clearInterval(timer)
    count()
  }
}
