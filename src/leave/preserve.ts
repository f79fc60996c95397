import { type Change, create, insert } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { leaveTypes } from '../policy/entity.ts'
import { InvalidRow, rowReader } from '../policy/preserved-row.ts'
import { daysBetween } from '../policy/time.ts'
import type { RowTotals, WhoIs } from '../preserve/workforce.ts'
import type { TenantStore } from '../storage/port.ts'
import { periodOf, rewritten } from './book.ts'
import { durations, Leave, LeaveBook, type LeaveBookRow, type LeaveRow, leaveStatuses } from './entity.ts'

const atOnce = 200

/** Everyone's requests as a full backup has them, in the order of creation; `names` has the employee ID of every user. */
export async function exportLeave(store: TenantStore, names: ReadonlyMap<string, string>): Promise<object[]> {
  const rows = await everyRow(store, Leave, {})
  return rows.flatMap((row) => {
    const employeeId = names.get(row.userId)
    return employeeId === undefined ? [] : [exported(row, employeeId)]
  })
}

const exported = (row: LeaveRow, employeeId: string) => ({
  id: row.id,
  employee_id: employeeId,
  leave_type: row.leaveType,
  duration: row.duration,
  start_date: row.startDate,
  end_date: row.endDate,
  days_requested: row.daysRequested,
  reason: row.reason,
  status: row.status,
  applied_at: row.appliedAt,
  approved_by: row.approvedBy,
  approved_at: row.approvedAt,
  admin_remarks: row.adminRemarks,
})

type Fields = Pick<LeaveRow, Exclude<keyof LeaveRow, 'id' | 'version' | 'createdAt' | 'updatedAt' | 'userId'>>
type Read = { person: string | null; id: string | null; fields: Fields }

/** Reads one row of any form, or throws `InvalidRow`. */
function readRow(value: unknown, timeZone: string, now: string): Read {
  const row = rowReader(value, timeZone)
  const leaveType = row.oneOf('leave_type', leaveTypes)
  const status = row.oneOf('status', leaveStatuses)
  const [startDate, endDate] = [row.date('start_date'), row.date('end_date')]
  if (leaveType === null || status === null || startDate > endDate) throw new InvalidRow('row')
  const duration = row.oneOf('duration', durations) ?? 'full_day'
  return {
    person: row.person(),
    id: row.id(),
    fields: {
      leaveType,
      duration,
      startDate,
      endDate,
      daysRequested: row.number('days_requested') ?? (duration === 'half_day' ? 0.5 : daysBetween(startDate, endDate) + 1),
      reason: row.text('reason') ?? '',
      status,
      appliedAt: row.moment('applied_at') ?? now,
      approvedBy: row.name('approved_by'),
      approvedAt: row.moment('approved_at'),
      adminRemarks: row.text('admin_remarks'),
    },
  }
}

type Due = { read: Read; userId: string }
/** The same request, whatever id it has. */
const sameness = (userId: string, { leaveType, duration, startDate, endDate, status }: Fields): string =>
  [userId, leaveType, duration, startDate, endDate, status].join(' ')

/** The requests of a backup that are missing here, with the books of their people, as changes for one commit. */
export async function planLeave(
  context: Context,
  rows: readonly unknown[],
  { whoIs, timeZone }: { whoIs: WhoIs; timeZone: string },
): Promise<{ changes: Change[]; totals: RowTotals }> {
  const { store, now, newId } = context
  const totals = { created: 0, existing: 0, orphan: 0, invalid: 0 }
  const due: Due[] = []
  for (const value of rows) {
    const read = readOrNull(value, timeZone, now)
    const who = read?.person == null ? null : whoIs(read.person)
    if (read === null) totals.invalid += 1
    else if (who === null) totals.orphan += 1
    else due.push({ read, userId: who.id })
  }
  const here = await requestsHere(
    store,
    due.map(({ userId }) => userId),
  )
  const taken = await idsHere(store, due)
  const made: LeaveRow[] = []
  for (const { read, userId } of due) {
    const key = sameness(userId, read.fields)
    if (here.has(key)) {
      totals.existing += 1
      continue
    }
    here.add(key)
    const id = read.id === null || taken.has(read.id) ? newId() : read.id
    taken.add(id)
    made.push(create(Leave, id, { ...read.fields, userId }, now))
    totals.created += 1
  }
  return { changes: [...made.map((row) => insert(Leave, row)), ...(await bookChanges(context, made))], totals }
}

/** Whoever has requests that count gets them into the book. */
async function bookChanges({ store, now }: Context, made: readonly LeaveRow[]): Promise<Change[]> {
  const counting = Map.groupBy(
    made.filter(({ status }) => status !== 'rejected'),
    ({ userId }) => userId,
  )
  const ids = [...counting.keys()]
  const changes: Change[] = []
  for (let at = 0; at < ids.length; at += atOnce) {
    const some = ids.slice(at, at + atOnce)
    const books = (await store.read(some.map((id) => ({ type: LeaveBook, id })))) as (LeaveBookRow | null)[]
    for (const [index, userId] of some.entries()) {
      const book = books[index] ?? null
      changes.push(rewritten(userId, book, [...(book?.periods ?? []), ...(counting.get(userId) ?? []).map(periodOf)], now))
    }
  }
  return changes
}

function readOrNull(value: unknown, timeZone: string, now: string): Read | null {
  try {
    return readRow(value, timeZone, now)
  } catch (error) {
    if (error instanceof InvalidRow) return null
    throw error
  }
}

async function requestsHere(store: TenantStore, userIds: readonly string[]): Promise<Set<string>> {
  const here = new Set<string>()
  const ids = [...new Set(userIds)]
  for (let at = 0; at < ids.length; at += atOnce)
    for (const row of await everyRow(store, Leave, { index: 'byPerson', where: { userId: ids.slice(at, at + atOnce) } }))
      here.add(sameness(row.userId, row))
  return here
}

async function idsHere(store: TenantStore, due: readonly Due[]): Promise<Set<string>> {
  const ids = due.flatMap(({ read }) => read.id ?? [])
  const taken = new Set<string>()
  for (let at = 0; at < ids.length; at += atOnce) {
    const found = (await store.read(ids.slice(at, at + atOnce).map((id) => ({ type: Leave, id })))) as (LeaveRow | null)[]
    for (const row of found) if (row !== null) taken.add(row.id)
  }
  return taken
}
