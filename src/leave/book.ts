import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { TenantStore } from '../storage/port.ts'
import { LeaveBook, type LeaveBookRow, type LeaveRow, type Period } from './entity.ts'

/** A person's book, or null before the first request. */
export const bookOf = (store: TenantStore, userId: string): Promise<LeaveBookRow | null> => store.get(LeaveBook, userId)

export const periodOf = ({ id, leaveType, startDate, endDate, daysRequested }: LeaveRow): Period => ({
  leaveId: id,
  leaveType,
  startDate,
  endDate,
  days: daysRequested,
})

/** The book with other periods in it, under the guard of what was read. */
export function rewritten(userId: string, before: LeaveBookRow | null, periods: Period[], now: string): Change {
  if (before !== null) return update(LeaveBook, before, patched(LeaveBook, before, { periods }, now))
  return insert(LeaveBook, create(LeaveBook, userId, { periods }, now))
}
