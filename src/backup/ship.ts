import type { Logger } from '../kernel/services.ts'
import { identify } from './instance.ts'
import type { Target } from './target.ts'
import { type ShipParts, type TargetShipper, targetShipper } from './target-shipper.ts'

/** Commits of this long go into one segment; together with writing it they stay below the second that DESIGN.md section 8 allows. */
const gatherMs = 250
const headTimerMs = 10_000
const retryMs = { first: 1_000, longest: 30_000 }

export type Shipper = {
  /** Begins to ship by itself, whether or not the targets can be reached. Until then commits are only noted. */
  start(): void
  /** Resolves when the entry is durable in at least one target. Rejects when the shipper stops before. */
  reached(stream: string, sequence: number): Promise<void>
  /** Ships everything that is committed now, and writes all heads, to each target. Rejects with the first target's error. */
  flush(): Promise<void>
  /** Ships what it knows of as far as it can, then stops. */
  stop(): Promise<void>
  /** Seconds that the target furthest behind is behind. */
  lagSeconds(): number
  /** What each target suffers from, or null. */
  problems(): readonly { url: string; problem: string | null }[]
}

type Parts = ShipParts & { targets: readonly Target[]; mode: 'async' | 'sync'; log: Logger }

/** Ships the log of every stream to every target while the server runs (DESIGN.md section 8). A target that fails holds up no other. */
export function createShipper(parts: Parts): Shipper {
  const lanes = parts.targets.map((target) => lane(target, parts))
  const unwatch = parts.storage.watch(({ tenantId, stream }) => {
    for (const each of lanes) each.wake(stream, tenantId)
  })
  return {
    start() {
      for (const each of lanes) each.start()
    },
    reached: (stream, sequence) => Promise.any(lanes.map(({ shipper }) => shipper.reached(stream, sequence))),
    flush: async () => void (await Promise.all(lanes.map((each) => each.flush()))),
    async stop() {
      unwatch()
      await Promise.all(lanes.map((each) => each.stop()))
    },
    lagSeconds: () => Math.max(0, ...lanes.map(({ shipper }) => shipper.lagSeconds())),
    problems: () => lanes.map(({ shipper, problem }) => ({ url: shipper.target.url, problem: problem() })),
  }
}

type Lane = {
  shipper: TargetShipper
  wake(stream: string, tenantId: string): void
  start(): void
  flush(): Promise<void>
  stop(): Promise<void>
  problem(): string | null
}

/** One target's loop: gather, ship, and after a failure wait a little longer each time. */
function lane(target: Target, parts: Parts): Lane {
  const { storage, log, mode } = parts
  const shipper = targetShipper(target, parts)
  let dirty = new Map<string, string>()
  let isOpen = false
  let isStarted = false
  let isStopped = false
  let problem: string | null = null
  let waitMs = retryMs.first
  let timer: NodeJS.Timeout | null = null
  let turn: Promise<void> = Promise.resolve()

  /** One round after the other, whoever asks for it. */
  function round(work: () => Promise<void>): Promise<void> {
    const next = turn.then(work)
    turn = next.catch(() => {})
    return next
  }

  async function shipAll(): Promise<void> {
    if (!isOpen) {
      await target.open()
      await identify(target, parts)
      await shipper.catchUp()
      for await (const { stream, tenantId } of allStreams(storage)) notice(stream, tenantId)
      isOpen = true
    }
    const taken = dirty
    dirty = new Map()
    try {
      await shipper.ship(taken)
    } catch (error) {
      for (const [stream, tenantId] of taken) dirty.set(stream, tenantId)
      throw error
    }
  }

  /** Several processes that hear of a commit at once take turns by chance: the first ships it, the others find it there. */
  const gather = (): number => (mode === 'sync' ? 0 : parts.isShared === true ? gatherMs * (0.5 + Math.random()) : gatherMs)

  function notice(stream: string, tenantId: string): void {
    dirty.set(stream, tenantId)
    shipper.noticed(stream, tenantId)
  }

  function schedule(afterMs: number): void {
    if (timer !== null || isStopped || !isStarted) return
    timer = setTimeout(() => {
      timer = null
      void round(attempt)
    }, afterMs)
    timer.unref()
  }

  async function attempt(): Promise<void> {
    try {
      await shipAll()
      await shipper.writeHeads(false)
      recovered()
      if (dirty.size > 0) schedule(gather())
    } catch (error) {
      failed(error)
      schedule(waitMs)
      waitMs = Math.min(waitMs * 2, retryMs.longest)
    }
  }

  function failed(error: unknown): void {
    const words = error instanceof Error ? error.message : String(error)
    if (problem !== words) log.error({ err: error, target: target.url }, 'backup: the log cannot be shipped')
    problem = words
  }

  function recovered(): void {
    if (problem !== null) log.info({ target: target.url }, 'backup: the log is shipped again')
    problem = null
    waitMs = retryMs.first
  }

  const heads = setInterval(() => isOpen && problem === null && void round(() => shipper.writeHeads(false).catch(failed)), headTimerMs)
  heads.unref()

  async function flush(): Promise<void> {
    await round(async () => {
      for await (const { stream, tenantId } of allStreams(storage)) notice(stream, tenantId)
      await shipAll()
      await shipper.writeHeads(true)
      recovered()
    })
  }

  return {
    shipper,
    wake(stream, tenantId) {
      notice(stream, tenantId)
      if (problem === null) schedule(gather())
    },
    start() {
      if (isStarted) return
      isStarted = true
      schedule(0)
    },
    flush,
    async stop() {
      isStopped = true
      clearInterval(heads)
      if (timer !== null) clearTimeout(timer)
      if (isStarted || isOpen || dirty.size > 0) await flush().catch(failed)
    },
    problem: () => problem,
  }
}

async function* allStreams(storage: ShipParts['storage']): AsyncGenerator<{ stream: string; tenantId: string }> {
  const platform = storage.platform()
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof platform.heads>> = await platform.heads({ cursor, limit: 200 })
    yield* page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}
