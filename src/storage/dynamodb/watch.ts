import { tellAll } from '../heard.ts'
import type { Log } from './log.ts'

/** How often the streams that somebody follows are looked at for what other processes appended, and how long after the last reading of its log a stream counts as followed. */
const lookMs = 500
const followedMs = 5_000
/** Streams that are looked at: who follows more finds the rest when it next reads the log. */
const mostFollowed = 200

type Told = { tenantId: string; stream: string; sequence: number }

/**
 * Tells listeners of commits: our own at once, those of other processes by looking at the newest entry of the streams whose log is being read here. Nothing is asked while nobody follows,
 * so an idle process costs nothing.
 */
export function watchers(log: Log, onProblem: (error: Error) => void) {
  const listeners = new Set<(told: Told) => void>()
  const followed = new Map<string, { tenantId: string; sequence: number; untilMs: number }>()
  let timer: NodeJS.Timeout | null = null
  let isLooking = false

  function tell(told: Told): void {
    const known = followed.get(told.stream)
    if (known !== undefined) {
      if (told.sequence <= known.sequence) return
      known.sequence = told.sequence
    }
    tellAll(listeners, told, onProblem)
  }

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    const now = performance.now()
    try {
      for (const [stream, { untilMs }] of followed) if (untilMs < now) followed.delete(stream)
      await Promise.all(
        [...followed].map(async ([stream, { tenantId }]) => {
          const item = await log.newest(stream)
          const sequence = Number(item?.sequence?.N ?? 0)
          if (item?.tenantId?.S === tenantId && sequence > (followed.get(stream)?.sequence ?? sequence))
            tell({ tenantId, stream, sequence })
        }),
      )
    } catch {
      // an outage is told to whoever reads or writes; the next look finds out whether it is over
    } finally {
      isLooking = false
      if (followed.size === 0) rest()
    }
  }

  function rest(): void {
    if (timer !== null) clearInterval(timer)
    timer = null
  }

  return {
    tell,
    watch(listener: (told: Told) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    /** The log of a stream was read up to a sequence. */
    follow(tenantId: string, stream: string, sequence: number): void {
      if (listeners.size === 0) return
      const known = followed.get(stream)
      if (known === undefined && followed.size >= mostFollowed) return
      followed.set(stream, { tenantId, sequence: Math.max(sequence, known?.sequence ?? 0), untilMs: performance.now() + followedMs })
      timer ??= setInterval(() => void look(), lookMs).unref()
    },
    stop(): void {
      rest()
      listeners.clear()
      followed.clear()
    },
  }
}

export type Watchers = ReturnType<typeof watchers>
