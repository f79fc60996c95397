import { z } from 'zod'
import { type Change, create, insert } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import type { TenantStore } from '../storage/port.ts'
import { AttendancePolicy, Holiday } from './entity.ts'
import { firstOutOfOrder, policyFields } from './input.ts'
import { defaultPolicy, type Policy, policyId } from './policy.ts'
import { InvalidRow, rowReader } from './preserved-row.ts'

/** The holidays as a full backup has them, in the order of creation. */
export async function exportHolidays(store: TenantStore): Promise<object[]> {
  const rows = await everyRow(store, Holiday, {})
  return rows.map(({ id, date, name, dccb }) => ({ id, date, name, dccb }))
}

/** The policy as a full backup has it; null while nothing was decided. */
export async function exportPolicy(store: TenantStore): Promise<object | null> {
  const row = await store.get(AttendancePolicy, policyId)
  if (row === null) return null
  return Object.fromEntries(Object.keys(AttendancePolicy.fields).map((field) => [field, row[field as keyof Policy]]))
}

const preserved = z.object(policyFields)

/** The policy that holds after a restore, and the change that brings it where nothing was decided here. One that is not valid brings nothing. */
export async function planPolicy({ store, now }: Context, given: unknown): Promise<{ policy: Policy; changes: Change[] }> {
  const stored = await store.get(AttendancePolicy, policyId)
  if (stored !== null) return { policy: stored, changes: [] }
  const read = preserved.safeParse(given)
  if (!read.success || firstOutOfOrder(read.data) !== null) return { policy: defaultPolicy, changes: [] }
  const set = Object.fromEntries(Object.entries(read.data).filter(([, value]) => value !== undefined)) as Partial<Policy>
  const policy = { ...defaultPolicy, ...set }
  const row = { ...create(AttendancePolicy, policyId, policy, now), version: 2 }
  return { policy, changes: [insert(AttendancePolicy, row)] }
}

/** The holidays of a backup that are missing here. Rows that are none are passed over. */
export async function planHolidays({ store, now, newId }: Context, rows: readonly unknown[]): Promise<Change[]> {
  const here = await everyRow(store, Holiday, {})
  const held = new Set(here.map(({ date, dccb }) => `${date} ${dccb ?? ''}`))
  const taken = new Set(here.map(({ id }) => id))
  const changes: Change[] = []
  for (const value of rows) {
    const read = readHoliday(value)
    if (read === null || held.has(`${read.date} ${read.dccb ?? ''}`)) continue
    held.add(`${read.date} ${read.dccb ?? ''}`)
    const id = read.id === null || taken.has(read.id) ? newId() : read.id
    taken.add(id)
    changes.push(insert(Holiday, create(Holiday, id, { date: read.date, name: read.name, dccb: read.dccb }, now)))
  }
  return changes
}

function readHoliday(value: unknown) {
  try {
    const row = rowReader(value, 'UTC')
    return { id: row.id(), date: row.date('date'), name: row.text('name') ?? '', dccb: row.text('dccb') }
  } catch (error) {
    if (error instanceof InvalidRow) return null
    throw error
  }
}
