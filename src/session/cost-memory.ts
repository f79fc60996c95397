const keptSamples = 15
const keptMs = 10 * 60_000

/**
 * How long each kind of work has been taking lately, in milliseconds: the median of its latest fifteen times, forgotten ten minutes after
 * the last.
 */
export function createCostMemory(nowMs: () => number) {
  const seen = new Map<string, { samples: number[]; lastMs: number }>()
  return {
    record(kind: string, tookMs: number) {
      const samples = [...(seen.get(kind)?.samples ?? []), tookMs].slice(-keptSamples)
      seen.set(kind, { samples, lastMs: nowMs() })
    },
    /** The median of the dearest kind; 0 when nothing is remembered. */
    dearestMs(): number {
      const recent = [...seen.values()].filter(({ lastMs }) => nowMs() - lastMs < keptMs)
      return Math.max(0, ...recent.map(({ samples }) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0))
    },
  }
}
