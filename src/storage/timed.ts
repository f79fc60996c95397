import type { Change } from '../kernel/change.ts'
import type { Storage, TenantStore } from './port.ts'
import { wrapped } from './wrapped.ts'

/** A commit that became durable, and whose it is. */
export type Committed = { tenantId: string; changes: readonly Change[] }

/** The same storage, telling how many seconds each commit took from the call until it was durable. A refused one tells `failed` alone. */
export function timed(
  storage: Storage,
  committed: (seconds: number, commit: Committed) => void,
  failed?: (tenantId: string, error: unknown) => void,
): Storage {
  const watched = <S extends TenantStore>(store: S): S => ({
    ...store,
    async commit(changes, meta) {
      const startMs = performance.now()
      const receipt = await store.commit(changes, meta).catch((error: unknown) => {
        failed?.(store.tenantId, error)
        throw error
      })
      committed((performance.now() - startMs) / 1000, { tenantId: store.tenantId, changes })
      return receipt
    },
  })
  return wrapped(storage, watched)
}
