import type { Storage } from '../storage/port.ts'

export type Hub = {
  /** Calls `wake` when the tenant's log may have grown, and once more when the hub closes. Returns what unsubscribes. */
  subscribe(tenantId: string, wake: () => void): () => void
  isClosed(): boolean
  close(): void
}

/** Wakes whoever follows a tenant's log. It carries no data: followers read the log, so that nothing is lost or doubled. */
export function createHub(storage: Storage): Hub {
  const followers = new Map<string, Set<() => void>>()
  let closed = false
  const stop = storage.watch(({ tenantId }) => {
    for (const wake of followers.get(tenantId) ?? []) wake()
  })
  return {
    subscribe(tenantId, wake) {
      const mine = followers.get(tenantId) ?? new Set()
      followers.set(tenantId, mine.add(wake))
      return () => {
        mine.delete(wake)
        if (mine.size === 0) followers.delete(tenantId)
      }
    },
    isClosed: () => closed,
    close() {
      closed = true
      stop()
      for (const mine of followers.values()) for (const wake of mine) wake()
    },
  }
}
