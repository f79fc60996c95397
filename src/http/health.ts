import { AppError } from '../kernel/errors.ts'

export type HealthState = 'starting' | 'healthy' | 'suspect' | 'stopping'

/** What this process knows of itself. `/health` shows it, balancers and monitors go by it. */
export type Health = {
  state(): HealthState
  /** Requests may be served from now on. */
  ready(): void
  /** What was found of one part, `engine` or a tenant's rows and log: while any part is not sound, `/health` is 503. */
  checked(part: string, isSound: boolean): void
  /** Whether the people of a tenant are kept in files beside the database (`preserve`). It makes nothing unready. */
  preserved(tenantId: string, isGood: boolean): void
  /** Whether that went well for every tenant, as far as it was tried. */
  isPreserved(): boolean
  stopping(): void
  /** Why no request may be served now, or null. A suspect storage is no reason: sign-in, integrity, metrics and restores are how one mends it, and the engine refuses what it cannot store. */
  unready(): AppError | null
  /** Why `/health` is 503, or null. */
  problem(): AppError | null
}

const starting = () =>
  new AppError('unavailable', 'starting', 'The server is not ready yet. Try again in a moment.', { retryAfterSeconds: 1 })
const stopping = () => new AppError('unavailable', 'stopping', 'The server is stopping. Try again in a moment.', { retryAfterSeconds: 5 })
const storageSuspect = () =>
  new AppError('unavailable', 'storage_suspect', 'The stored data failed a check. An owner finds out more at /v1/integrity.', {
    retryAfterSeconds: 60,
  })

export function createHealth(): Health {
  let isReady = false
  const unsound = new Set<string>()
  const unpreserved = new Set<string>()
  let isStopping = false
  const unready = () => (isStopping ? stopping() : isReady ? null : starting())
  return {
    state: () => (isStopping ? 'stopping' : !isReady ? 'starting' : unsound.size > 0 ? 'suspect' : 'healthy'),
    ready() {
      isReady = true
    },
    checked(part, isSound) {
      if (isSound) unsound.delete(part)
      else unsound.add(part)
    },
    preserved(tenantId, isGood) {
      if (isGood) unpreserved.delete(tenantId)
      else unpreserved.add(tenantId)
    },
    isPreserved: () => unpreserved.size === 0,
    stopping() {
      isStopping = true
    },
    unready,
    problem: () => unready() ?? (unsound.size > 0 ? storageSuspect() : null),
  }
}
