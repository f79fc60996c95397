import { sha256 } from '../kernel/canonical.ts'
import { AppError } from '../kernel/errors.ts'
import type { Page } from '../kernel/page.ts'
import type { Head, Load, LoggedEntry, Storage } from '../storage/port.ts'

export type OwnedHead = Head & { tenantId: string }
export type OwnedEntry = LoggedEntry & { tenantId: string }

/** Lets the requests of a serving process go first: an embedded engine never waits by itself. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export async function* headsOf(storage: Storage): AsyncGenerator<OwnedHead> {
  for (let cursor: string | null = null; ; ) {
    const page: Page<OwnedHead> = await storage.platform().heads({ cursor, limit: 200 })
    yield* page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
    await breathe()
  }
}

/** The last entry of a stream that the target has. Entries are loaded before their head, so a killed load may have left more of them than the head says. */
export async function positionOf(target: Storage, tenantId: string, stream: string, headSequence: number): Promise<number> {
  const isThere = async (sequence: number): Promise<boolean> => (await target.tenant(tenantId).log(stream, sequence - 1, 1)).length > 0
  if (!(await isThere(headSequence + 1))) return headSequence
  let low = headSequence + 1
  let step = 1
  for (; await isThere(low + step); step *= 2) low += step
  for (let high = low + step; high - low > 1; ) {
    const middle = (low + high) >>> 1
    if (await isThere(middle)) low = middle
    else high = middle
  }
  return low
}

/** Bounds of what is read, held and loaded at once. */
const most = { items: 900, characters: 4_000_000 }

type Batch = { entries: OwnedEntry[]; heads: OwnedHead[]; characters: number }

export type StreamCopy = {
  source: Storage
  target: Storage
  /** Streams that the target has; absent ones are looked up. `isNew`: there are none. */
  known: Map<string, { entries: number; head: number }>
  isNew: boolean
  /** Called with every batch before its entries are loaded. */
  before(entries: readonly OwnedEntry[]): Promise<void>
  load(batch: Load): Promise<void>
}

/** Brings every stream of the target to the head that the source has when it is looked at. Resolves to the number of entries copied. */
export async function copyStreams(copy: StreamCopy): Promise<number> {
  const { source, known } = copy
  let batch: Batch = { entries: [], heads: [], characters: 0 }
  let copied = 0

  async function flush(): Promise<void> {
    const { entries, heads } = batch
    batch = { entries: [], heads: [], characters: 0 }
    if (entries.length + heads.length === 0) return
    await copy.before(entries)
    await copy.load({ entries, heads })
    copied += entries.length
    await breathe()
  }

  const isFull = (): boolean => batch.entries.length + batch.heads.length >= most.items || batch.characters >= most.characters

  for await (const head of headsOf(source)) {
    const { tenantId, stream, sequence } = head
    const there = known.get(stream) ?? (copy.isNew ? { entries: 0, head: 0 } : await lookUp(copy.target, head))
    if (there.entries > sequence) throw diverged(stream)
    for (let limit = 100; there.entries < sequence; ) {
      const room = most.items - batch.entries.length - batch.heads.length
      const page = await source.tenant(tenantId).log(stream, there.entries, Math.min(limit, room, sequence - there.entries))
      if (page.length === 0) throw damagedLog(stream, there.entries + 1)
      let characters = 0
      for (const entry of page) {
        assertWhole(entry, stream, there.entries + 1)
        batch.entries.push({ tenantId, ...entry })
        characters += entry.text.length + (entry.secrets?.length ?? 0)
        there.entries += 1
      }
      batch.characters += characters
      // long entries, such as those of imports, come in small pages
      limit = Math.max(5, Math.min(most.items, Math.floor((most.characters * page.length) / (2 * characters + 1))))
      if (isFull()) await flush()
    }
    if (there.head < sequence) batch.heads.push(head)
    known.set(stream, { entries: sequence, head: sequence })
    if (isFull()) await flush()
  }
  await flush()
  return copied
}

async function lookUp(target: Storage, { tenantId, stream }: OwnedHead): Promise<{ entries: number; head: number }> {
  const head = (await target.tenant(tenantId).head(stream))?.sequence ?? 0
  return { entries: await positionOf(target, tenantId, stream, head), head }
}

function assertWhole({ entry, text, hash, secrets }: LoggedEntry, stream: string, sequence: number): void {
  const isWhole =
    entry.stream === stream &&
    entry.sequence === sequence &&
    sha256(entry.previousHash + text) === hash &&
    (entry.secrets ?? null) === (secrets === null ? null : sha256(secrets))
  if (!isWhole) throw damagedLog(stream, sequence)
}

const damagedLog = (stream: string, sequence: number) =>
  new AppError(
    'internal',
    'move_source_damaged',
    `Entry ${sequence} of the log's stream ${stream} is missing or was changed, so nothing is moved. Run: bin/holdfast audit verify`,
  )

const diverged = (stream: string) =>
  new AppError(
    'conflict',
    'storage_not_empty',
    `The target has more of the stream ${stream} than the source: it holds data of its own, and nothing is written over it.`,
  )
