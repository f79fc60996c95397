import type { Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { LogKeys } from '../kernel/services.ts'
import { sideBySide } from '../kernel/side-by-side.ts'
import type { Head, LoggedEntry, Storage } from '../storage/port.ts'
import { covering, listSegments } from './coverage.ts'
import type { BackupKeys } from './keys.ts'
import { headName, segmentName } from './names.ts'
import { packSegment } from './segment.ts'
import type { Target } from './target.ts'

/** Streams that are shipped at once: enough to hide a distant target's latency, few enough to bound memory. */
const atOnce = 8
const entriesPerSegment = 1_000
/** A segment ends after this much text, so that a few huge entries do not fill the memory. */
const segmentLength = 8 * 1024 * 1024
/** DESIGN.md section 7: heads stand in every target at most 60 s or 1,000 entries apart. */
const headEveryMs = 50_000
const headEveryEntries = 1_000

export type ShipParts = {
  storage: Storage
  logKeys: Pick<LogKeys, 'signHead' | 'logKeys'>
  keys: BackupKeys
  clock: Clock
  /** Other processes ship the same log: what they have brought there is looked at first, and not written again. */
  isShared?: boolean
}

type Progress = {
  tenantId: string
  /** The last sequence that is durable in the target. */
  shipped: number
  /** When the oldest entry that is not was seen, or null. */
  behindSinceMs: number | null
  head: { sequence: number; writtenMs: number }
}

type Waiter = { stream: string; sequence: number; done(): void }

export type TargetShipper = {
  readonly target: Target
  /** Reads what the target has. Until it resolves nothing is shipped. */
  catchUp(): Promise<void>
  /** Ships what a stream has. Errors: those of the target; `backup_ahead`. */
  ship(streams: ReadonlyMap<string, string>): Promise<void>
  /** Writes the heads that are due, or all that moved. */
  writeHeads(all: boolean): Promise<void>
  /** Resolves when the entry is durable in the target. */
  reached(stream: string, sequence: number): Promise<void>
  /** Seconds since the oldest entry that is not in the target was seen; 0 when none is. */
  lagSeconds(): number
  noticed(stream: string, tenantId: string): void
}

/** Brings the log to one target, stream by stream, each without a gap. It remembers nothing on disk: what the target has is read from the target. */
export function targetShipper(target: Target, { storage, logKeys, keys, clock, isShared = false }: ShipParts): TargetShipper {
  const { signer } = keys.current
  const streams = new Map<string, Progress>()
  let waiters: Waiter[] = []
  let covered: ReadonlyMap<string, number> | null = null

  function progressOf(stream: string, tenantId: string): Progress {
    const known = streams.get(stream)
    if (known !== undefined) return known
    const shipped = covered?.get(stream) ?? 0
    const made = { tenantId, shipped, behindSinceMs: null, head: { sequence: shipped, writtenMs: clock.realMs() } }
    streams.set(stream, made)
    return made
  }

  async function shipStream(stream: string, tenantId: string): Promise<void> {
    const store = storage.tenant(tenantId)
    const progress = progressOf(stream, tenantId)
    if (isShared) await lookAgain(stream, progress)
    const head = await store.head(stream)
    if (head === null) return
    if (progress.shipped > head.sequence) throw ahead(target, stream, progress.shipped, head.sequence)
    while (progress.shipped < head.sequence) {
      const page = await store.log(stream, progress.shipped, Math.min(entriesPerSegment, head.sequence - progress.shipped))
      const entries = fitting(page)
      const last = entries.at(-1)
      if (last === undefined) throw new Error(`The log of ${stream} ends before its head`)
      const { sequence } = last.entry
      if (sequence !== progress.shipped + entries.length) throw damaged(stream, progress.shipped + 1, sequence)
      const signed = sequence === head.sequence ? head : logKeys.signHead({ stream, sequence, hash: last.hash, time: last.entry.time })
      const segment = packSegment({ tenantId, entries, head: signed }, keys.recipients)
      await target.put(segmentName(stream, progress.shipped + 1, sequence), segment)
      progress.shipped = sequence
      settle()
    }
    progress.behindSinceMs = null
    if (progress.shipped - progress.head.sequence >= headEveryEntries) await writeHead(stream, progress)
  }

  /** What others have shipped since. A segment that reaches further begins at most its own length before. */
  async function lookAgain(stream: string, progress: Progress): Promise<void> {
    const from = segmentName(stream, Math.max(1, progress.shipped - entriesPerSegment), 1)
    const found = await listSegments(target, stream, from)
    progress.shipped = covering(found.get(stream) ?? [], progress.shipped).end
    settle()
  }

  function settle(): void {
    const open = waiters.filter(({ stream, sequence, done }) => {
      if ((streams.get(stream)?.shipped ?? 0) < sequence) return true
      done()
      return false
    })
    waiters = open
  }

  async function writeHead(stream: string, progress: Progress): Promise<void> {
    const head = await shippedHead(stream, progress)
    if (head === null) return
    await target.put(headName(stream, head.sequence), Buffer.from(`${JSON.stringify(signer.sign(anchored(head, logKeys)))}\n`))
    progress.head = { sequence: head.sequence, writtenMs: clock.realMs() }
  }

  /** The newest head whose entries are in the target: one that is ahead of them would look like a log that was cut. */
  async function shippedHead(stream: string, { tenantId, shipped: sequence }: Progress): Promise<Head | null> {
    const store = storage.tenant(tenantId)
    const newest = await store.head(stream)
    if (newest === null || newest.sequence <= sequence) return newest
    const [last] = await store.log(stream, sequence - 1, 1)
    return last === undefined ? null : logKeys.signHead({ stream, sequence, hash: last.hash, time: last.entry.time })
  }

  return {
    target,
    async catchUp() {
      const found = await listSegments(target)
      covered = new Map([...found].map(([stream, segments]) => [stream, covering(segments).end]))
      for (const [stream, progress] of streams) progress.shipped = covered.get(stream) ?? 0
      settle()
    },
    async ship(wanted) {
      const failures: unknown[] = []
      // a stream that fails holds up no other
      await sideBySide(wanted, atOnce, (each) => shipStream(...each).catch((error: unknown) => void failures.push(error)))
      if (failures.length > 0) throw failures[0]
    },
    async writeHeads(all) {
      await sideBySide(streams, atOnce, async ([stream, progress]) => {
        const isDue = all || clock.realMs() - progress.head.writtenMs >= headEveryMs
        if (isDue && progress.shipped > progress.head.sequence) await writeHead(stream, progress)
      })
    },
    reached(stream, sequence) {
      if ((streams.get(stream)?.shipped ?? 0) >= sequence) return Promise.resolve()
      return new Promise((done) => void waiters.push({ stream, sequence, done }))
    },
    lagSeconds() {
      const since = [...streams.values()].flatMap(({ behindSinceMs }) => behindSinceMs ?? [])
      return since.length === 0 ? 0 : Math.max(0, clock.realMs() - Math.min(...since)) / 1000
    },
    noticed(stream, tenantId) {
      progressOf(stream, tenantId).behindSinceMs ??= clock.realMs()
    },
  }
}

/** As many of the entries as fit into one segment. */
function fitting(entries: readonly LoggedEntry[]): LoggedEntry[] {
  const chosen: LoggedEntry[] = []
  let length = 0
  for (const entry of entries) {
    if (length > segmentLength) break
    chosen.push(entry)
    length += entry.text.length + (entry.secrets?.length ?? 0)
  }
  return chosen
}

/** A head as it stands in a target: with the public key that it can be checked with. */
function anchored(head: Head, keys: Pick<LogKeys, 'logKeys'>): { head: Head; publicKey: string | null } {
  const key = keys.logKeys().get(head.kid)
  return { head, publicKey: key === undefined ? null : String(key.export({ format: 'jwk' }).x) }
}

const ahead = (target: Target, stream: string, shipped: number, here: number): AppError =>
  new AppError(
    'conflict',
    'backup_ahead',
    `${target.url} holds ${shipped} entries of stream ${stream}, the database ${here}: it was set back, or this is another instance's target. Nothing more of it is shipped. Run bin/holdfast restore, or name another target.`,
  )

const damaged = (stream: string, from: number, to: number): AppError =>
  new AppError(
    'internal',
    'log_damaged',
    `Between entries ${from} and ${to} of the log's stream ${stream} some are missing, so nothing more of it is shipped. Run: bin/holdfast audit verify`,
  )
