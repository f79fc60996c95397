import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { Attendance, type AttendanceRow } from './entity.ts'
import { employeesOf, nameOfActor } from './people.ts'
import { needsDc } from './rules.ts'

const most = 1000
const text = z.string().nullable()

const blocked = z.object({ id: z.string(), employeeId: text, date: text, reason: z.enum(['DC confirmation required', 'Not found']) })
type Blocked = z.output<typeof blocked>

/**
 * Approves days, at most 1,000 at once, in one commit. Those of MT and Support need a DC's confirmation first; those that wait for it, and ids that name nothing, are told and the others
 * go on. What is approved already is passed over. Errors: `nothing_selected`, `validation_failed`.
 */
export const approveAttendance = operation({
  name: 'attendance.approve',
  summary: 'Approve days',
  needs: 'attendance:manage',
  input: z.strictObject({ ids: z.unknown() }),
  output: z.object({ approved: z.int(), blocked: z.array(blocked) }),
  async run(context, { ids }) {
    const { blocked: left, changes } = await planApproval(context, readIds(ids))
    return {
      output: { approved: changes.length, blocked: left },
      changes,
      ...(changes.length === 1 && changes[0]?.op === 'update' ? { entity: { type: Attendance.name, id: changes[0].row.id } } : {}),
      detail: { approved: changes.length, blocked: left.length, network: context.origin.network },
    }
  },
})

function readIds(ids: unknown): string[] {
  if (!Array.isArray(ids) || ids.length === 0) throw new AppError('unprocessable', 'nothing_selected', 'No attendance records selected')
  const invalid = (message: string) =>
    new AppError('unprocessable', 'validation_failed', `ids: ${message}`, { errors: [{ field: 'ids', message }] })
  if (ids.length > most) throw invalid(`must be at most ${most}`)
  if (!ids.every((id) => typeof id === 'string' || typeof id === 'number')) throw invalid('must be texts')
  return [...new Set(ids.map(String))]
}

async function planApproval(context: Context, ids: readonly string[]): Promise<{ blocked: Blocked[]; changes: Change[] }> {
  const { store, now } = context
  const named = ids.filter(isUuid)
  const rows = named.length === 0 ? [] : ((await store.read(named.map((id) => ({ type: Attendance, id })))) as (AttendanceRow | null)[])
  const byId = new Map(rows.flatMap((row) => (row === null ? [] : [[row.id, row] as const])))
  const people = await employeesOf(
    store,
    [...byId.values()].map(({ userId }) => userId),
  )
  const approvedByAdmin = await nameOfActor(context)
  const left: Blocked[] = []
  const changes: Change[] = []
  for (const id of ids) {
    const row = byId.get(id)
    const person = row === undefined ? undefined : people.get(row.userId)
    if (row === undefined) left.push({ id, employeeId: null, date: null, reason: 'Not found' })
    else if (row.isApprovedByAdmin) continue
    else if (!row.isConfirmedByDc && needsDc(person?.designation ?? null))
      left.push({ id, employeeId: person?.employeeId ?? null, date: row.date, reason: 'DC confirmation required' })
    else {
      const status = row.status === 'auto_not_marked' ? ('absent' as const) : row.status
      const after = patched(Attendance, row, { status, isApprovedByAdmin: true, approvedByAdmin, adminApprovedAt: now }, now)
      changes.push(update(Attendance, row, after))
    }
  }
  return { blocked: left, changes }
}
