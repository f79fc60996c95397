/**
 * A map of at most `capacity` values that keeps what was used last: when its young half is full, the old half is forgotten and the young
 * one grows old. A value that was among the last `capacity / 2` different ones set or got is always there.
 */
export function createRecentMap<T>(capacity: number) {
  const half = Math.floor(capacity / 2)
  let young = new Map<string, T>()
  let old = new Map<string, T>()

  function set(name: string, value: T) {
    if (young.size >= half && !young.has(name)) {
      old = young
      young = new Map()
    }
    young.set(name, value)
  }

  return {
    set,
    get(name: string): T | undefined {
      const fresh = young.get(name)
      if (fresh !== undefined) return fresh
      const aged = old.get(name)
      if (aged !== undefined) set(name, aged)
      return aged
    },
    drop(name: string): void {
      young.delete(name)
      old.delete(name)
    },
    get size() {
      return young.size + old.size
    },
  }
}
