import type { AnyEntity } from '../kernel/entity.ts'
import type { TenantStore } from '../storage/port.ts'

/** Raises an entity's sequence so that the numbers it gives out from now on are above `least`. */
export async function raiseNumbers(store: TenantStore, type: AnyEntity, least: number): Promise<void> {
  if (least < 1) return
  const first = await store.next(type.name)
  if (first < least) await store.next(type.name, least - first)
}

/** The next `n` numbers of an entity, all above `least`. */
export async function numbersAbove(store: TenantStore, type: AnyEntity, least: number, n: number): Promise<number[]> {
  if (n === 0) return []
  const first = await store.next(type.name)
  if (first > least) return [first, ...(n === 1 ? [] : await run(store, type, n - 1))]
  if (first < least) await store.next(type.name, least - first)
  return run(store, type, n)
}

async function run(store: TenantStore, type: AnyEntity, n: number): Promise<number[]> {
  const first = await store.next(type.name, n)
  return Array.from({ length: n }, (_, at) => first + at)
}
