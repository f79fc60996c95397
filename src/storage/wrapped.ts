import type { Storage, TenantStore } from './port.ts'

/** The same storage with every store wrapped, each once: requests ask for the same ones again and again. */
export function wrapped(storage: Storage, wrap: <S extends TenantStore>(store: S) => S): Storage {
  const known = new WeakMap<TenantStore, TenantStore>()
  const once = <S extends TenantStore>(store: S): S => {
    const before = known.get(store) as S | undefined
    if (before !== undefined) return before
    const made = wrap(store)
    known.set(store, made)
    return made
  }
  return { ...storage, tenant: (id) => once(storage.tenant(id)), platform: () => once(storage.platform()) }
}
