import type { OwnedEntry } from './streams.ts'

export type Progress = { done: number; total: number }

/** How far a move is, in rows and entries: each is copied once and compared once. How many rows there will be is learnt from the log. */
export function createProgress(entries: number, told: (progress: Progress) => void) {
  let total = 2 * entries
  let done = 0
  const tell = (): void => told({ done, total: Math.max(done, total) })
  return {
    done(count: number): void {
      done += count
      tell()
    },
    entries(copied: readonly OwnedEntry[]): void {
      for (const { entry } of copied)
        for (const { op, fields } of entry.changes) {
          if (op === 'insert' || (op === 'add' && fields.version === 1)) total += 2
          else if (op === 'remove') total -= 2
        }
      done += copied.length
      tell()
    },
  }
}

export type Counter = ReturnType<typeof createProgress>
