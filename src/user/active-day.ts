import { add, type Change } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Entity } from '../kernel/entity.ts'
import { localTime, midnightAfter } from '../policy/time.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import type { Credential } from './entity.ts'

/** Counts the people who signed in, or stayed signed in, on a day (`YYYY-MM-DD`, in the tenant's time zone). */
export const activeCounter = (date: string): string => `active ${date}`

type Noted = { patch: Partial<Entity<typeof Credential>>; changes: Change[] }

/** What a sign-in or a renewed token changes when it is the person's first of the day: the credential, so that it is the only one, and the day's count. The staff is in no tenant and counts nowhere. */
export function firstOfDay(
  store: TenantStore,
  { activeUntil }: Entity<typeof Credential>,
  { realMs, now, timeZone }: { realMs: number; now: string; timeZone: string },
): Noted {
  if (store.tenantId === platformTenant || (activeUntil != null && realMs < Date.parse(activeUntil))) return { patch: {}, changes: [] }
  const { date } = localTime(realMs, timeZone)
  return { patch: { activeUntil: toTime(midnightAfter(realMs, timeZone)) }, changes: [add(activeCounter(date), 1, now)] }
}
