import { writeFileSync } from 'node:fs'

/** What one kind of fault came to. */
export type Outcome = {
  fault: string
  /** How often it struck. */
  cycles: number
  acknowledged: number
  /** Operations whose reply was lost, and what became of each was found. */
  settled: number
  /** Those of them that were sent again with the same `Idempotency-Key`. */
  repeated: number
  starts: number
  slowestReadyMs: number
  /** Starts over three seconds, and refusals over five: told in any case, and wrong in a whole run. */
  lateStarts: number
  seconds: number
  /** Anything that a promise forbids: losses first of all. */
  problems: string[]
  /** Why it did not run, or not whole. */
  leftOut: string[]
  /** Facts worth telling. */
  notes: string[]
}

export const latestReadyMs = 3_000

export const emptyOutcome = (fault: string): Outcome => ({
  fault,
  cycles: 0,
  acknowledged: 0,
  settled: 0,
  repeated: 0,
  starts: 0,
  slowestReadyMs: 0,
  lateStarts: 0,
  seconds: 0,
  problems: [],
  leftOut: [],
  notes: [],
})

export function countStart(outcome: Outcome, readyMs: number): void {
  outcome.starts += 1
  outcome.slowestReadyMs = Math.max(outcome.slowestReadyMs, readyMs)
  if (readyMs > latestReadyMs) outcome.lateStarts += 1
}

/** A negative control has seen what it was after. Without one nothing is hunted. */
export const isCaught = ({ problems }: Outcome, hunted: RegExp | null): boolean =>
  hunted !== null && problems.some((problem) => hunted.test(problem))

/** With 95 % confidence the rate is below 3/n when n tries had no loss (the rule of three). */
const bound = (n: number): string => (n < 10 ? 'nothing yet' : `3/${n} = ${((3 / n) * 100).toPrecision(2)} %`)

export const progress = ({ fault, cycles, acknowledged, problems, slowestReadyMs }: Outcome): string =>
  `${fault}: struck ${cycles} times, ${acknowledged} acknowledged, ${problems.length} problems, slowest ready ${(slowestReadyMs / 1000).toFixed(2)} s`

export function words(outcome: Outcome): string {
  const { fault, cycles, acknowledged, settled, repeated, starts, slowestReadyMs, lateStarts, seconds, problems, leftOut, notes } = outcome
  const lines = leftOut.map((reason) => `!! ${fault} LEFT OUT: ${reason}`)
  if (cycles > 0) {
    lines.push(
      `${problems.length === 0 ? 'ok ' : 'RED'} ${fault}: struck ${cycles} times, ${acknowledged} writes acknowledged, ${settled} without a reply settled (${repeated} sent again with their key), ` +
        `${starts} starts, slowest ready ${(slowestReadyMs / 1000).toFixed(2)} s${lateStarts === 0 ? '' : ` (${lateStarts} LATE)`}, ${problems.length} problems, ${seconds.toFixed(0)} s`,
    )
    if (problems.length === 0)
      lines.push(
        `    0 of ${cycles} bounds the rate at about ${bound(cycles)} a fault${acknowledged === 0 ? '' : `, 0 of ${acknowledged} at about ${bound(acknowledged)} a write`}`,
      )
  }
  lines.push(...notes.map((note) => `    ${note}`))
  lines.push(...problems.slice(0, 20).map((problem) => `    - ${problem}`))
  if (problems.length > 20) lines.push(`    … and ${problems.length - 20} more`)
  return lines.join('\n')
}

export function writeSummary(file: string, run: { engine: string; seed: number; started: string; outcomes: readonly Outcome[] }): void {
  const total = (of: (outcome: Outcome) => number) => run.outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
  const summary = {
    ...run,
    cycles: total(({ cycles }) => cycles),
    acknowledged: total(({ acknowledged }) => acknowledged),
    problems: total(({ problems }) => problems.length),
    slowestReadyMs: Math.max(0, ...run.outcomes.map(({ slowestReadyMs }) => slowestReadyMs)),
  }
  writeFileSync(file, `${JSON.stringify(summary, null, 2)}\n`)
}
