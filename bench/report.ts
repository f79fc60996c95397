import type { Measured } from './load.ts'

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
      say(what, `${round(value)} ${unit}`.trim(), bound, holds(value, bound)),
    ratio: (what: string, value: number, bound: Bound) => say(what, `${round(value)} ×`, bound, holds(value, bound)),
    compared(scenario: string, users: number, { before, ours, after }: { before: Measured; ours: Measured; after: Measured }) {
      const reference = (before.perSecond + after.perSecond) / 2
      const ratio = ours.perSecond / reference
      const min = ratios[scenario] ?? 0
      const detail = `${round(ratio)} × (${round(ours.perSecond)}/s, p50 ${round(ours.p50)} p99 ${round(ours.p99)} ms; reference ${round(before.perSecond)} and ${round(after.perSecond)}/s, p50 ${round(before.p50)} p99 ${round(before.p99)} ms)`
      say(`${scenario}, ${users} users`, detail, { min }, ratio >= min)
      if (ours.failed + before.failed + after.failed > 0)
        say(`${scenario}: failed requests`, `${ours.failed} ours, ${before.failed + after.failed} reference`, { max: 0 }, false)
      return { ours, total: ours.ok }
    },
    text: () => ['| what | measured | wanted | |', '| --- | --- | --- | --- |', ...lines].join('\n'),
  }
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
