import { Appointment, NewestAppointment } from '../appointment/entity.ts'
import { ExportLink } from '../export/entity.ts'
import { remove } from '../kernel/change.ts'
import { type Clock, toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import type { AnyEntity, BaseRow } from '../kernel/entity.ts'
import { Idempotency } from '../kernel/idempotency.ts'
import type { Page } from '../kernel/page.ts'
import { OnboardingVisit, OnboardingVisitor } from '../onboarding/entity.ts'
import { Conflict, platformTenant, type TenantStore } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { PasswordReset, RefreshToken, Session, Throttle, Ticket } from './entity.ts'

type Expiry = { index: string; isOver(row: BaseRow, clock: Clock): boolean }

/** Real time: tokens, locks, answers. */
const byExpiry: Expiry = {
  index: 'byExpiry',
  isOver: (row, clock) => Date.parse((row as BaseRow & { expiresAt: string }).expiresAt) <= clock.realMs(),
}
/** Business time, in seconds: records. */
const byTtl: Expiry = { index: 'byTtl', isOver: (row, clock) => (row as BaseRow & { ttl: number }).ttl * 1000 <= clock.businessMs() }

/** Visits of links are kept ninety days (contracts/salesbrain.md section 5). */
const visited: Expiry = {
  index: 'byTime',
  isOver: (row, clock) => Date.parse((row as BaseRow & { accessedAt: string }).accessedAt) + 90 * 86_400_000 <= clock.businessMs(),
}

/** What is worth nothing once it has expired. */
const expiring = new Map<AnyEntity, Expiry>([
  ...[Session, RefreshToken, Throttle, PasswordReset, Idempotency, OnboardingVisitor, Ticket, ExportLink].map(
    (type): [AnyEntity, Expiry] => [type, byExpiry],
  ),
  [OnboardingVisit, visited],
  [Appointment, byTtl],
  [NewestAppointment, byTtl],
])

/** Rows a commit: small, so that nobody waits long behind one, and within a transaction of every engine. */
const batch = 50

/**
 * Removes expired sessions, refresh tokens, throttles, password resets, stored answers and appointments that nobody booked, of every tenant, in small commits of the system (`maintenance.prune`). Resolves with the number of
 * rows removed. Rows that someone else changes at the same moment are left for the next time. Errors: those of a commit.
 */
export async function pruneExpired(runtime: Runtime): Promise<number> {
  let removed = await pruneTenant(runtime, platformTenant)
  for (let cursor: string | null = null; ; ) {
    const page: Page<{ tenantId: string }> = await runtime.storage.platform().listAll(Tenant, 'byId', { cursor, limit: 200 })
    for (const { tenantId } of page.items) removed += await pruneTenant(runtime, tenantId)
    if (page.nextCursor === null) return removed
    cursor = page.nextCursor
  }
}

async function pruneTenant(runtime: Runtime, tenantId: string): Promise<number> {
  const store = runtime.storage.tenant(tenantId)
  let removed = 0
  for (const [type, expiry] of expiring) removed += await pruneEntity(runtime, store, type, expiry)
  // where there are many tenants, requests get their turn in between
  await new Promise((resolve) => setImmediate(resolve))
  return removed
}

/** The index goes by expiry, so the first row that still lives ends the search. */
async function pruneEntity({ clock }: Runtime, store: TenantStore, type: AnyEntity, { index, isOver }: Expiry): Promise<number> {
  let removed = 0
  for (let cursor: string | null = null; ; ) {
    const page: Page<unknown> = await store.list(type, { index, cursor, limit: batch })
    const expired = (page.items as BaseRow[]).filter((row) => isOver(row, clock))
    if (expired.length > 0) removed += await removeRows(store, type, expired, toTime(clock.realMs()))
    if (page.nextCursor === null || expired.length < page.items.length) return removed
    cursor = page.nextCursor
  }
}

async function removeRows(store: TenantStore, type: AnyEntity, rows: readonly BaseRow[], time: string): Promise<number> {
  const actor = { id: system.id, kind: system.kind, name: system.name }
  const changes = rows.map((row) => remove(type, row))
  try {
    await store.commit(changes, { actor, action: 'maintenance.prune', entity: null, requestId: null, time })
    return rows.length
  } catch (error) {
    if (error instanceof Conflict) return 0
    throw error
  }
}
