import { z } from 'zod'
import type { EmployeeRow } from '../employee/entity.ts'
import { isDate } from '../employee/rules.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { holidaysBetween } from '../policy/holidays.ts'
import { type Policy, policyOf } from '../policy/policy.ts'
import { datesFrom, daysBetween, localTime } from '../policy/time.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { emptyDay, oneRowADay } from './mark.ts'
import { actingOfficer, teamOf } from './people.ts'
import { assertDate, between } from './read.ts'
import { isAbsentBy, offDay, unfit } from './rules.ts'

const mostDays = 31
/** People asked about in one list. */
const atOnce = 100

/** Errors: `date_invalid`, `range_reversed`, `range_in_future`, `range_too_long`. */
export function readRange(given: { from?: unknown; to?: unknown }, today: string): { from: string; to: string } {
  const [from, to] = [assertDate(given.from), assertDate(given.to)]
  if (from > to) throw unfit('range_reversed', 'Start date cannot be after end date')
  if (to > today) throw unfit('range_in_future', 'Date range cannot be in the future')
  if (daysBetween(from, to) + 1 > mostDays) throw unfit('range_too_long', 'Date range too long')
  return { from, to }
}

/**
 * A DC confirms the days of the active MT and Support of the own dccb: what is there keeps its status, what is missing on a working day becomes an absence, today only once nobody can check
 * in any more. All of it is one commit; what is confirmed already stays as it is. Errors: `dc_required`; those of `readRange`.
 */
export const confirmAttendance = operation({
  name: 'attendance.confirm',
  summary: "Confirm a team's attendance",
  needs: 'attendance:confirm',
  rereads: oneRowADay,
  input: z.strictObject({ from: z.unknown(), to: z.unknown() }),
  /** Days, and people of whom at least one was confirmed. */
  output: z.object({ confirmed: z.int(), people: z.int() }),
  async run(context, given) {
    const { store, nowMs, origin } = context
    const dc = await actingOfficer(context)
    if (dc.designation !== 'DC') throw new AppError('forbidden', 'dc_required', 'Access denied. DC privileges required.')
    const policy = await policyOf(store)
    const range = readRange(given, localTime(nowMs, policy.timeZone).date)
    const team = (await teamOf(store, dc)).filter(({ isActive }) => isActive)
    const changes = await planConfirmation(context, { dc, team, policy, ...range })
    return {
      output: { confirmed: changes.length, people: new Set(changes.map(({ row }) => row.userId)).size },
      changes: changes.map(({ change }) => change),
      entity: { type: 'user', id: dc.id },
      detail: { ...range, confirmed: changes.length, network: origin.network },
    }
  },
})

type Confirmed = { row: AttendanceRow; change: Change }
type Asked = { dc: EmployeeRow; team: readonly EmployeeRow[]; policy: Policy; from: string; to: string }

async function planConfirmation({ store, now, nowMs, newId }: Context, { dc, team, policy, from, to }: Asked): Promise<Confirmed[]> {
  const today = localTime(nowMs, policy.timeZone)
  const holidays = await holidaysBetween(store, from, to)
  const rows = new Map<string, AttendanceRow>()
  for (let at = 0; at < team.length; at += atOnce) {
    const userId = team.slice(at, at + atOnce).map(({ id }) => id)
    for (const row of await everyRow(store, Attendance, { index: 'byPerson', where: { userId }, filter: between(from, to) }))
      rows.set(`${row.userId} ${row.date}`, row)
  }
  const confirmed = { isConfirmedByDc: true, confirmedByDc: dc.employeeId, dcConfirmedAt: now }
  const changes: Confirmed[] = []
  for (const person of team)
    for (const date of datesFrom(from, to)) {
      if (date < joinedOn(person, policy.timeZone) || offDay(date, person, policy, holidays) !== null) continue
      const before = rows.get(`${person.id} ${date}`)
      if (before !== undefined) {
        if (!before.isConfirmedByDc) {
          const row = patched(Attendance, before, confirmed, now)
          changes.push({ row, change: update(Attendance, before, row) })
        }
      } else if (isAbsentBy(date, today, policy)) {
        const absent = { ...emptyDay, ...confirmed, status: 'absent' as const, userId: person.id, date, markedAt: now }
        const row = create(Attendance, newId(), absent, now)
        changes.push({ row, change: insert(Attendance, row) })
      }
    }
  return changes
}

/** The first day on which somebody could work: that of joining, or else that on which the employee was made here. */
function joinedOn({ dateOfJoining, dateJoined }: EmployeeRow, timeZone: string): string {
  if (dateOfJoining !== null && isDate(dateOfJoining)) return dateOfJoining
  const ms = Date.parse(dateJoined)
  return Number.isNaN(ms) ? '' : localTime(ms, timeZone).date
}
