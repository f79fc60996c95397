import type { AnyEntity } from '../kernel/entity.ts'
import type { Services } from '../kernel/services.ts'
import type { LoggedEntry, Storage, TenantStore } from '../storage/port.ts'
import { followPerson } from './person.ts'

const pageSize = 200
/** What a storage takes at once. */
const atOnce = 100

/** Which rows were a person's, and which repeat the name, as the tenant's whole log tells. */
export async function rowsOf(store: TenantStore, entities: readonly AnyEntity[], userId: string) {
  const person = followPerson(entities, userId)
  await walk(store, (logged) => void person.without(logged))
  return { own: [...person.own.values()], named: [...person.named.values()] }
}

/**
 * Empties every entry of a tenant's log that tells something of a person. Interrupted, it is run again: what is empty already stays as it is. Resolves to how many entries are empty now.
 */
export async function eraseFromLog(
  { storage, services, now }: { storage: Storage; services: Pick<Services, 'entities' | 'keys'>; now: string },
  tenantId: string,
  userId: string,
): Promise<number> {
  const person = followPerson(services.entities, userId)
  let emptied = 0
  let batch: LoggedEntry[] = []
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await storage.erase(tenantId, batch)
    batch = []
  }
  await walk(storage.tenant(tenantId), async (logged) => {
    const rest = person.without(logged)
    if (rest === null) return
    emptied += 1
    batch.push(services.keys.signErased(logged, { ...rest, time: now }))
    if (batch.length >= atOnce) await flush()
  })
  await flush()
  return emptied
}

async function walk(store: TenantStore, each: (logged: LoggedEntry) => void | Promise<void>): Promise<void> {
  for (let after = 0; ; ) {
    const page = await store.log(null, after, pageSize)
    for (const logged of page) await each(logged)
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return
    after = last.entry.sequence
    await new Promise((resolve) => setImmediate(resolve))
  }
}
