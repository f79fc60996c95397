import { AppError } from '../kernel/errors.ts'
import type { Storage, TenantStore } from './port.ts'
import { wrapped } from './wrapped.ts'

export type Pause = {
  /** Lets writes go on as if nothing had been. */
  resume(): void
  /** From here on every write is refused with `storage_moved`. */
  seal(): void
}

/** A commit that meets a pause waits this long for its end, then it is refused. */
const patienceMs = 2_000

/**
 * The same storage, whose commits can be held back. `pause` resolves when no commit is under way and none begins; commits that come meanwhile wait up to two seconds, then they are
 * refused with `storage_moving`. Reads go on.
 */
export function pausable(storage: Storage): { storage: Storage; pause(): Promise<Pause> } {
  let waiting: Promise<void> | null = null
  let isSealed = false
  let active = 0
  let onIdle: (() => void) | null = null

  async function enter(): Promise<void> {
    while (waiting !== null) await Promise.race([waiting, refusal()])
    if (isSealed) throw moved()
    active += 1
  }

  function leave(): void {
    active -= 1
    if (active === 0) onIdle?.()
  }

  const gated = <S extends TenantStore>(store: S): S => ({
    ...store,
    async commit(changes, meta) {
      if (waiting !== null || isSealed) await enter()
      else active += 1
      try {
        return await store.commit(changes, meta)
      } finally {
        leave()
      }
    },
  })

  return {
    storage: wrapped(storage, gated),
    async pause() {
      if (waiting !== null || isSealed) throw moved()
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting = promise
      if (active > 0) await new Promise<void>((idle) => (onIdle = idle))
      onIdle = null
      const end = (): void => {
        waiting = null
        resolve()
      }
      return {
        resume: end,
        seal() {
          isSealed = true
          end()
        },
      }
    },
  }
}

const refusal = (): Promise<never> =>
  new Promise((_, reject) =>
    setTimeout(() => {
      reject(
        new AppError(
          'unavailable',
          'storage_moving',
          'The data is being moved to another storage. Try again in a moment; nothing was changed.',
          {
            retryAfterSeconds: 5,
          },
        ),
      )
    }, patienceMs).unref(),
  )

const moved = () =>
  new AppError(
    'unavailable',
    'storage_moved',
    'The data was moved to another storage, and this server takes no more changes. Its operator has to start it again with the new HOLDFAST_STORAGE.',
    { retryAfterSeconds: 30 },
  )
