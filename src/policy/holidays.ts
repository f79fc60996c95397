import { z } from 'zod'
import { isDate } from '../employee/rules.ts'
import { create, insert, remove } from '../kernel/change.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import type { Filter, TenantStore } from '../storage/port.ts'
import { Holiday, type HolidayRow } from './entity.ts'
import { policyOf } from './policy.ts'

const date = z.string().refine(isDate, 'must be a date, YYYY-MM-DD')
const dccb = z.string().trim().toUpperCase().min(1).max(50)
const shown = Holiday.public

/** Holidays by date. */
export const listHolidays = operation({
  name: 'holiday.list',
  summary: 'List holidays',
  needs: 'policy:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, from: date.optional(), to: date.optional(), dccb: dccb.optional() }),
  output: pageOf(shown),
  async run({ store }, { limit, cursor, from, to, dccb: only }) {
    const filter: Filter[] = [...between(from, to), ...(only === undefined ? [] : [{ field: 'dccb', op: 'eq' as const, value: only }])]
    return { output: await store.list(Holiday, { index: 'byDate', filter, limit: limit ?? 50, cursor: cursor ?? null }) }
  },
})

const between = (from: string | undefined, to: string | undefined): Filter[] => [
  ...(from === undefined ? [] : [{ field: 'date', op: 'gte' as const, value: from }]),
  ...(to === undefined ? [] : [{ field: 'date', op: 'lte' as const, value: to }]),
]

/** Makes a day a holiday, of everyone or of one dccb. Rows of the past stay. Errors: `validation_failed`, `holiday_taken`. */
export const createHoliday = operation({
  name: 'holiday.create',
  summary: 'Make a day a holiday',
  needs: 'policy:manage',
  input: z.strictObject({ date, name: z.string().trim().min(1).max(100), dccb: dccb.nullish() }),
  output: shown,
  conflicts: { 'holiday.day': ['holiday_taken', 'There is a holiday on this day already.', 'date'] },
  async run({ store, now, newId }, given) {
    if (given.dccb != null && !(await policyOf(store)).dccbs.includes(given.dccb)) {
      const message = 'must be one of the policy'
      throw new AppError('unprocessable', 'validation_failed', `dccb: ${message}`, { errors: [{ field: 'dccb', message }] })
    }
    const row = create(Holiday, newId(), { ...given, dccb: given.dccb ?? null }, now)
    return { output: row, changes: [insert(Holiday, row)], entity: { type: Holiday.name, id: row.id } }
  },
})

/** Takes a holiday back, by its id, or by its date and dccb. Rows of the past stay. Errors: `not_found`. */
export const removeHoliday = operation({
  name: 'holiday.remove',
  summary: 'Take a holiday back',
  needs: 'policy:manage',
  input: z.strictObject({ id: z.string().optional(), date: date.optional(), name: z.string().optional(), dccb: dccb.nullish() }),
  output: z.null(),
  async run({ store }, { id, date: day, dccb: whose }) {
    const row = id === undefined ? await onDay(store, day, whose ?? null) : isUuid(id) ? await store.get(Holiday, id) : null
    if (row === null) throw notFound()
    return { output: null, changes: [remove(Holiday, row)], entity: { type: Holiday.name, id: row.id } }
  },
})

const onDay = async (store: TenantStore, day: string | undefined, whose: string | null): Promise<HolidayRow | null> =>
  day === undefined ? null : store.find(Holiday, 'day', [`${day} ${whose ?? ''}`])

/** All holidays of a time, in the order of their dates. */
export async function holidaysBetween(store: TenantStore, from: string, to: string): Promise<HolidayRow[]> {
  const rows: HolidayRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: { items: HolidayRow[]; nextCursor: string | null } = await store.list(Holiday, {
      index: 'byDate',
      filter: between(from, to),
      limit: 200,
      cursor,
    })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}
