import { patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import type { Page } from '../kernel/page.ts'
import { policyOf } from '../policy/policy.ts'
import { localTime } from '../policy/time.ts'
import { Conflict, type TenantStore } from '../storage/port.ts'
import { everyTenantId } from '../tenant/every.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { isDayOver, missedCheckOut } from './rules.ts'

/** What was found the last time: the day that it was, and how far the tenant's log went. While neither moves on there is nothing to look for. */
type Seen = { upTo: string; sequence: number }

/** Commits under way at once: they share what a commit costs. */
const atOnce = 16

/**
 * Ends the working days of every tenant: who checked in, never checked out, and cannot any more, has half a day. Each row is one commit of the system (`attendance.auto-half-day`) under the
 * guard of its version, so that however many processes do this at once, or die at it, each row is done once. Resolves with the number of rows. Errors: those of the store; what was done until then stays done.
 */
export function createDayEnd(runtime: Runtime): () => Promise<number> {
  const seen = new Map<string, Seen>()
  return async () => {
    let closed = 0
    for await (const tenantId of everyTenantId(runtime)) {
      // what is being restored is looked at when it is back
      if (runtime.closures.isClosed(tenantId)) continue
      const store = runtime.storage.tenant(tenantId)
      // requests get their turn in between
      await new Promise((resolve) => setImmediate(resolve))
      const sequence = (await store.head())?.sequence ?? 0
      const { upTo } = await endOf(runtime, store)
      const known = seen.get(store.tenantId)
      if (known?.upTo === upTo && known.sequence === sequence) continue
      closed += await closeTenant(runtime, store)
      seen.set(store.tenantId, { upTo, sequence: (await store.head())?.sequence ?? 0 })
    }
    return closed
  }
}

async function endOf({ clock }: Runtime, store: TenantStore) {
  const policy = await policyOf(store)
  const now = localTime(clock.businessMs(), policy.timeZone)
  return { policy, now, upTo: `${now.date} ${isDayOver(now.date, now, policy)}` }
}

async function closeTenant(runtime: Runtime, store: TenantStore): Promise<number> {
  const { policy, now } = await endOf(runtime, store)
  let closed = 0
  for (let cursor: string | null = null; ; ) {
    const page: Page<AttendanceRow> = await store.list(Attendance, { index: 'byOpen', cursor, limit: 200 })
    const due = page.items.filter(({ date }) => isDayOver(date, now, policy))
    for (let at = 0; at < due.length; at += atOnce) {
      const done = await Promise.all(due.slice(at, at + atOnce).map((row) => closeDay(runtime, store, row)))
      closed += done.filter(Boolean).length
    }
    if (page.nextCursor === null || due.length < page.items.length) return closed
    cursor = page.nextCursor
  }
}

/** Whether this call did it: someone else who changed the row meanwhile is right. */
async function closeDay({ clock }: Runtime, store: TenantStore, row: AttendanceRow): Promise<boolean> {
  const now = toTime(clock.businessMs())
  const remarks = row.remarks === null ? missedCheckOut : `${row.remarks}; ${missedCheckOut}`
  const after = patched(Attendance, row, { status: 'half_day', remarks, closedAt: now }, now)
  try {
    await store.commit([update(Attendance, row, after)], {
      actor: { id: system.id, kind: system.kind, name: system.name },
      action: 'attendance.auto-half-day',
      entity: { type: Attendance.name, id: row.id },
      requestId: null,
      time: toTime(clock.realMs()),
    })
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}
