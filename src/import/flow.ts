import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { AppError } from '../kernel/errors.ts'
import { sideBySide } from '../kernel/side-by-side.ts'

/**
 * Rows worked on at once, and users a commit. From a hundred objects of a kind on, which all live until their commit is done, V8 takes them for long-lived and no longer clears them
 * away quickly: 100,000 users then took 380 MiB, in batches of 300 even more, and no less time.
 */
export const batchSize = 50

/** Makes lists of `size` items out of lists of any size; the last one may be shorter. */
export async function* inBatches<T>(lists: AsyncIterable<T[]>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const list of lists) {
    batch = batch.length === 0 ? list : [...batch, ...list]
    while (batch.length >= size) {
      yield batch.slice(0, size)
      batch = batch.slice(size)
    }
  }
  if (batch.length > 0) yield batch
}

/** Turns between two breaths: some milliseconds of work. */
const turns = 50

/** To be awaited in a long loop: now and then it lets whoever else waits for this process come first. */
export function breather(): () => Promise<void> | undefined {
  let turn = 0
  return () => {
    turn += 1
    return turn % turns === 0 ? setImmediate() : undefined
  }
}

/** As many as hashes run at once: a long import keeps the processor busy and leaves the hasher's queue to people who sign in. */
const width = availableParallelism()
const pauseMs = 250

/** The password hash of every item that needs one, a few at a time. While the hasher turns work away, it waits. */
export async function hashEach<T>(items: readonly T[], hash: (item: T) => Promise<string>): Promise<string[]> {
  const results: string[] = []
  await sideBySide(items.entries(), width, async ([at, item]) => {
    results[at] = await patiently(() => hash(item))
  })
  return results
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'busy')) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}
