import type { Measured } from './load.ts'

export type Round = { before: Measured; ours: Measured; after: Measured }

type Bound = { min?: number; max?: number }

/** What each ratio has to reach at 64 clients. */
const ratios: Record<string, number> = { 'sign-in': 0.92, 'read-one': 0.6, 'list-20': 0.75, create: 0.55 }

export type Report = ReturnType<typeof createReport>

/** Collects figures with their bounds and prints them as they come and as one table. */
export function createReport() {
  const lines: string[] = []
  const say = (what: string, value: string, bound: Bound, good: boolean) => {
    const wanted = bound.min === undefined ? (bound.max === undefined ? '' : `≤ ${bound.max}`) : `≥ ${bound.min}`
    const line = `| ${what} | ${value} | ${wanted} | ${wanted === '' ? '' : good ? 'reached' : '**missed**'} |`
    lines.push(line)
    console.log(line)
  }
  const holds = (value: number, { min, max }: Bound) => (min === undefined || value >= min) && (max === undefined || value <= max)
  return {
    plain: (what: string, value: number, unit: string, bound: Bound = {}) =>
      say(what, `${show(value)} ${unit}`.trim(), bound, holds(value, bound)),
    ratio: (what: string, value: number, bound: Bound) => say(what, `${show(value)} ×`, bound, holds(value, bound)),
    compared(scenario: string, users: number, rounds: readonly Round[]) {
      const ratioOf = ({ before, ours, after }: Round) => (2 * ours.perSecond) / (before.perSecond + after.perSecond)
      const sorted = rounds.toSorted((a, b) => ratioOf(a) - ratioOf(b))
      const middle = sorted[Math.floor(sorted.length / 2)] as Round
      const ratio = ratioOf(middle)
      const min = ratios[scenario] ?? 0
      const [lowest, highest] = [sorted[0] as Round, sorted.at(-1) as Round].map((round) => show(ratioOf(round)))
      const { before, ours } = middle
      const detail = `${show(ratio)} × (${lowest} to ${highest} in ${rounds.length} rounds; the middle one ${show(ours.perSecond)}/s, p50 ${show(ours.p50)} p99 ${show(ours.p99)} ms; reference ${show(before.perSecond)}/s, p50 ${show(before.p50)} p99 ${show(before.p99)} ms)`
      say(`${scenario}, ${users} users`, detail, { min }, ratio >= min)
      const failed = rounds.reduce((sum, round) => sum + round.ours.failed + round.before.failed, 0)
      if (failed > 0) say(`${scenario}: failed requests`, String(failed), { max: 0 }, false)
      const medianOf = (pick: (measured: Measured) => number) =>
        rounds.map((round) => pick(round.ours)).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] as number
      return {
        total: rounds.reduce((sum, round) => sum + round.ours.ok, 0),
        /** Of our p50 against the reference's, so that a slower minute of the machine does not look like a slower store. */
        p50: rounds.map((round) => round.ours.p50 / round.before.p50).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] as number,
        spread: medianOf((measured) => measured.p99 / measured.p50),
      }
    },
    text: () => ['| what | measured | wanted | |', '| --- | --- | --- | --- |', ...lines].join('\n'),
  }
}

const show = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
