/** What the jobs of this process did since it began. */
export type JobStats = { done: number; failed: number; dead: number; running: number }

const counts: JobStats = { done: 0, failed: 0, dead: 0, running: 0 }

export const count = (what: 'done' | 'failed' | 'dead'): void => {
  counts[what] += 1
}

export const noteRunning = (by: 1 | -1): void => {
  counts.running += by
}

export const jobStats = (): JobStats => ({ ...counts })
