import { setTimeout as after } from 'node:timers/promises'
import type { LogEntry, Storage } from '../storage/port.ts'

export type Following = {
  /** Reads what is still to be read, and nothing after it. */
  stop(): Promise<void>
}

type FollowOptions = {
  /** Entities of interest: an entry that changes none of them is not even parsed. */
  types: readonly string[]
  /** Called for each entry that changes one of them, in the order of the log, one at a time for a tenant. */
  onEntry(tenantId: string, entry: LogEntry): Promise<void>
  /** The log of a tenant could not be read, or `onEntry` threw: the next commit of the tenant goes on where it stood. */
  onError(tenantId: string, error: unknown): void
}

/** Commits that come within this many milliseconds are read together: a read for each was half of what a busy server did. */
const gatherMs = 100
const entriesAtOnce = 200

/** Follows the logs of all tenants from now on. It costs a commit next to nothing: entries are read many at once, a little later. */
export function followLog(storage: Storage, { types, onEntry, onError }: FollowOptions): Following {
  // a stored entry is canonical JSON, where this text says what a change is of; in a value its quotes would be escaped
  const marks = types.map((type) => `"type":${JSON.stringify(type)}`)
  const read = new Map<string, number>()
  const newest = new Map<string, number>()
  const reading = new Map<string, Promise<void>>()
  const hurry = new AbortController()

  async function catchUp(tenantId: string): Promise<void> {
    const store = storage.tenant(tenantId)
    for (;;) {
      const from = read.get(tenantId) ?? 0
      if (from >= (newest.get(tenantId) ?? 0)) return
      const entries = await store.log(null, from, entriesAtOnce)
      if (entries.length === 0) return void read.set(tenantId, newest.get(tenantId) ?? from)
      for (const logged of entries) {
        if (marks.some((mark) => logged.text.includes(mark))) await onEntry(tenantId, logged.entry)
      }
      read.set(tenantId, from + entries.length)
    }
  }

  async function readSoon(tenantId: string): Promise<void> {
    await after(gatherMs, null, { signal: hurry.signal }).catch(() => {})
    const isRead = await catchUp(tenantId).then(
      () => true,
      (error: unknown) => void onError(tenantId, error),
    )
    reading.delete(tenantId)
    // what was told while the last page was on its way back would wait for the next commit
    if (isRead === true) begin(tenantId)
  }

  function begin(tenantId: string): void {
    const isBehind = (read.get(tenantId) ?? 0) < (newest.get(tenantId) ?? 0)
    if (isBehind && !reading.has(tenantId)) reading.set(tenantId, readSoon(tenantId))
  }

  const stopWatching = storage.watch(({ tenantId, stream, sequence }) => {
    if (stream !== tenantId) return
    if (!read.has(tenantId)) read.set(tenantId, sequence - 1)
    newest.set(tenantId, Math.max(sequence, newest.get(tenantId) ?? 0))
    begin(tenantId)
  })

  return {
    async stop() {
      stopWatching()
      hurry.abort()
      while (reading.size > 0) await Promise.all(reading.values())
    },
  }
}
