import { type Closures, closed } from '../kernel/closures.ts'
import type { Storage, TenantStore } from './port.ts'
import { wrapped } from './wrapped.ts'

/** The same storage, in which single tenants can be closed to writes while the others go on. */
export function closable(storage: Storage): { storage: Storage; closures: Closures } {
  const closedTenants = new Set<string>()
  const active = new Map<string, number>()
  const idle = new Map<string, () => void>()

  const gated = <S extends TenantStore>(store: S): S => ({
    ...store,
    async commit(changes, meta) {
      const { tenantId } = store
      if (closedTenants.has(tenantId)) throw closed()
      active.set(tenantId, (active.get(tenantId) ?? 0) + 1)
      try {
        return await store.commit(changes, meta)
      } finally {
        const left = (active.get(tenantId) ?? 1) - 1
        if (left > 0) active.set(tenantId, left)
        else {
          active.delete(tenantId)
          idle.get(tenantId)?.()
        }
      }
    },
  })

  return {
    storage: wrapped(storage, gated),
    closures: {
      isClosed: (tenantId) => closedTenants.has(tenantId),
      async close(tenantId) {
        if (closedTenants.has(tenantId)) throw closed()
        closedTenants.add(tenantId)
        if (active.has(tenantId)) await new Promise<void>((done) => idle.set(tenantId, done))
        idle.delete(tenantId)
        return { store: storage.tenant(tenantId), open: () => void closedTenants.delete(tenantId) }
      },
    },
  }
}
