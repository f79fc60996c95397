import type { Storage } from '../storage/port.ts'

export type Hub = {
  /** Calls `wake` when a stream may have grown, a tenant's (of its own name) or a document's, and once more when the hub closes. Returns what unsubscribes. */
  subscribe(stream: string, wake: () => void): () => void
  isClosed(): boolean
  close(): void
}

/** Wakes whoever follows a stream of the log. It carries no data: followers read the log, so that nothing is lost or doubled. */
export function createHub(storage: Storage): Hub {
  const followers = new Map<string, Set<() => void>>()
  let closed = false
  const stop = storage.watch(({ stream }) => {
    for (const wake of followers.get(stream) ?? []) wake()
  })
  return {
    subscribe(stream, wake) {
      const mine = followers.get(stream) ?? new Set()
      followers.set(stream, mine.add(wake))
      return () => {
        mine.delete(wake)
        if (mine.size === 0) followers.delete(stream)
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
