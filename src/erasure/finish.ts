import { patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { Conflict } from '../storage/port.ts'
import { everyRowWhere } from '../tenant/every.ts'
import { Erasure, type ErasureRow } from './entity.ts'
import { eraseFromLog } from './log.ts'

/** Lets the log forget a person whose rows are empty already, and says so in the tombstone. Whoever else does the same at the same moment does no harm. */
export async function finishErasure(runtime: Runtime, tenantId: string, userId: string): Promise<ErasureRow | null> {
  const { storage, services, clock } = runtime
  const store = storage.tenant(tenantId)
  const entries = await eraseFromLog({ storage, services, now: toTime(clock.realMs()) }, tenantId, userId)
  for (;;) {
    const row = await store.get(Erasure, userId)
    if (row === null || row.state === 'done') return row
    const now = toTime(clock.realMs())
    const after = patched(Erasure, row, { state: 'done', entries, completedAt: now }, now)
    const actor = { id: system.id, kind: system.kind, name: system.name }
    try {
      await store.commit([update(Erasure, row, after)], {
        actor,
        action: 'user.erased',
        entity: { type: 'user', id: userId },
        requestId: null,
        time: now,
      })
      return after
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
    }
  }
}

/**
 * Ends erasures that were cut off. `everyone`: also those that were done, because the log was rebuilt from backups that are older than they are. What fails is told and tried again at the next start.
 */
export async function resumeErasures(runtime: Runtime, { everyone }: { everyone: boolean }): Promise<void> {
  for (const value of everyone ? ['pending', 'done'] : ['pending'])
    for await (const { tenantId, row } of everyRowWhere(runtime, Erasure, { directory: 'byState', value }))
      await finishErasure(runtime, tenantId, row.id).catch((error: unknown) =>
        runtime.services.log.error({ err: error, tenantId, userId: row.id }, 'an erasure could not be finished'),
      )
}
