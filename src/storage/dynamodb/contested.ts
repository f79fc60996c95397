import { createRecentMap } from '../../kernel/recent-map.ts'

/** Items of which is kept how they are used. */
const kept = 20_000
/** How long an item that another process changed too is read before it is changed. */
const contestedMs = 10_000

/** Items that another process changed a moment ago, so that what this one remembers of them is no good guess. */
export function contestedItems() {
  const untilMs = createRecentMap<number>(kept)
  return {
    note: (name: string): void => untilMs.set(name, performance.now() + contestedMs),
    has: (name: string): boolean => performance.now() < (untilMs.get(name) ?? 0),
  }
}
