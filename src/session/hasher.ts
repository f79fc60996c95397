export type HashPolicy = {
  /** Memory of one hash, in KiB. */
  memoryKib: number
  /** Passes over the memory. */
  iterations: number
  /** Lanes. */
  parallelism: number
  /** Hashes at work at once; default the number of cores, never more than twice that. */
  concurrency?: number
  /** Hashes waiting, at most; default 100. */
  queue?: number
}

export type HasherStats = {
  /** Hashes at work now. */
  active: number
  /** Hashes waiting now. */
  queued: number
  /** Calls turned away because the queue was full. */
  refused: number
  /** Finished verifications by scheme (`schemeOf`). */
  outcomes: Record<string, { match: number; mismatch: number }>
}

export type Hasher = {
  hash(password: string): Promise<string>
  verify(stored: string, password: string): Promise<boolean>
  needsRehash(stored: string): boolean
  burn(): Promise<void>
  wrap(stored: string): Promise<string>
  stats(): HasherStats
}

export function createHasher(_policy: HashPolicy): Hasher {
  throw new Error('not written yet')
}
