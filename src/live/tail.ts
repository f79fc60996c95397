import type { Runtime } from '../kernel/context.ts'
import type { LogEntry } from '../storage/port.ts'

const pageSize = 200

export type Tail = {
  /** Called with every entry that comes from now on, in order. Returns what ends it. */
  listen(listener: (entry: LogEntry) => void): () => void
  /** Resolves once everything that is in the log was told; null when nothing is left to tell. */
  settled(): Promise<void> | null
  stop(): void
}

/** Reads a tenant's log as it grows, once for all who follow it here. */
export function followLog({ hub, storage, services }: Runtime, tenantId: string): Tail {
  const store = storage.tenant(tenantId)
  const listeners = new Set<(entry: LogEntry) => void>()
  let sequence: number | null = null
  let reading: Promise<void> | null = null
  let isStale = true

  async function read(): Promise<void> {
    while (isStale) {
      isStale = false
      if (sequence === null) sequence = (await store.head())?.sequence ?? 0
      const page = await store.log(null, sequence, pageSize)
      for (const { entry } of page) {
        sequence = entry.sequence
        for (const listener of listeners) listener(entry)
      }
      if (page.length === pageSize) isStale = true
    }
  }
  const settled = (): Promise<void> | null => {
    if (!isStale && reading === null) return null
    reading ??= read()
      .catch((error: unknown) => {
        isStale = true
        services.log.warn({ err: error }, 'the log cannot be followed')
        // whoever waits is told by their own reading; this one tries again
        setTimeout(() => void settled(), 500).unref()
      })
      .finally(() => {
        reading = null
      })
    return reading
  }
  const unsubscribe = hub.subscribe(tenantId, () => {
    isStale = true
    void settled()
  })
  return {
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    settled,
    stop() {
      unsubscribe()
      listeners.clear()
    },
  }
}
