import type { Storage } from '../storage/port.ts'

export type Hub = {
  /** Calls `wake` when the stream may have grown, and `end` when the session has to be looked at again. Returns what unsubscribes. */
  subscribe(tenantId: string, wake: () => void): () => void
  close(): void
}

/** Wakes whoever follows a tenant's log. It carries no data: followers read the log, so that nothing is lost or doubled. */
export function createHub(storage: Storage): Hub {
  const followers = new Map<string, Set<() => void>>()
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
    close: stop,
  }
}
