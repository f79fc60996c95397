/** What is kept: the newest of each of so many hours, days, weeks and months that have a proven snapshot. */
export type Keep = { hourly: number; daily: number; weekly: number; monthly: number }

/** `order` rises from snapshot to snapshot whatever the clock says: the platform's log sequence. */
export type Dated = { id: string; createdAt: string; order: number; isProven: boolean }

const newestFirst = (a: Dated, b: Dated): number =>
  b.order - a.order || (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : a.id < b.id ? 1 : -1)

/** Proven snapshots that a schedule never removes, whatever the clock says. */
const alwaysKept = 3

const dayMs = 24 * 60 * 60_000

const periods: Record<keyof Keep, (time: string) => string> = {
  hourly: (time) => time.slice(0, 13),
  daily: (time) => time.slice(0, 10),
  weekly: (time) => String(Math.floor((Date.parse(time) + 3 * dayMs) / (7 * dayMs))), // weeks begin on Monday; 1970-01-01 was a Thursday
  monthly: (time) => time.slice(0, 7),
}

/**
 * The snapshots that may go. Only proven ones count and are counted; one that is not proven goes when a newer one is. The three newest proven ones stay in any case, by their order and not by
 * the clock: one that was set wrong removes nothing that matters.
 */
export function superfluous(snapshots: readonly Dated[], keep: Keep): string[] {
  const sorted = [...snapshots].sort(newestFirst)
  const proven = sorted.filter(({ isProven }) => isProven)
  const kept = new Set(proven.slice(0, alwaysKept).map(({ id }) => id))
  for (const [kind, periodOf] of Object.entries(periods) as [keyof Keep, (time: string) => string][]) {
    const seen = new Set<string>()
    for (const { id, createdAt } of proven) {
      const period = periodOf(createdAt)
      if (seen.has(period) || seen.size >= keep[kind]) continue
      seen.add(period)
      kept.add(id)
    }
  }
  const newestProven = proven[0]
  return sorted
    .filter((each) => (each.isProven ? !kept.has(each.id) : newestProven !== undefined && newestFirst(newestProven, each) < 0))
    .map(({ id }) => id)
}

/** By hand: all but the newest `count` proven ones; at least one stays. */
export function beyondNewest(snapshots: readonly Dated[], count: number): string[] {
  const all = { hourly: 0, daily: 0, weekly: 0, monthly: 0 }
  const proven = snapshots.filter(({ isProven }) => isProven).sort(newestFirst)
  const kept = new Set(proven.slice(0, Math.max(1, count)).map(({ id }) => id))
  const old = new Set(superfluous(snapshots, all))
  return snapshots.filter(({ id, isProven }) => (isProven ? !kept.has(id) : old.has(id))).map(({ id }) => id)
}
