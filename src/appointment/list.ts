import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { type Page, pageLimit } from '../kernel/page.ts'
import type { Query } from '../storage/port.ts'
import { Appointment, type AppointmentRow } from './entity.ts'
import { listInput } from './input.ts'
import { placeOf } from './place.ts'
import { type Status, storedAs } from './rules.ts'
import { type InstanceView, instanceView, viewOf } from './view.ts'

/** Appointments of an answer without a limit. */
const most = 5_000
/** Characters of one: bookings can be long, and an answer has to fit into memory many times over. A longer list goes on with its cursor. */
const mostCharacters = 64 * 1024 * 1024

/** Appointments of a tenant, newest first; those by status as it stands at this moment. Without a limit everything, up to 5,000. Errors: those of `placeOf`; `bad_cursor`. */
export const listAppointments = operation({
  name: 'appointment.list',
  summary: 'List appointments',
  needs: 'appointment:read',
  readOnly: true,
  input: listInput,
  output: z.object({ items: z.array(instanceView), nextCursor: z.string().nullable() }),
  async run(context, { tenantId, status, limit, cursor }) {
    const { tenant, store } = await placeOf(context, tenantId, 'read')
    const query = queryOf(status, context.now)
    const wanted = limit ?? most
    const items: InstanceView[] = []
    let characters = 0
    for (let after = cursor ?? null; ; ) {
      const pageSize = Math.min(pageLimit.max, wanted - items.length)
      const page: Page<AppointmentRow> = await store.list(Appointment, { ...query, cursor: after, limit: pageSize })
      for (const row of page.items) {
        const view = viewOf(context, tenant, row)
        characters += JSON.stringify(view).length
        items.push(view)
      }
      after = page.nextCursor
      if (after === null || items.length >= wanted || characters > mostCharacters) return { output: { items, nextCursor: after } }
      await new Promise((resolve) => setImmediate(resolve))
    }
  },
})

/** The id begins with the time of creation, so that the order of ids is that of creation. */
function queryOf(status: Status | undefined, now: string): Query {
  if (status === undefined) return { order: 'desc' }
  const { stored, isPast } = storedAs(status)
  const filter = isPast === null ? [] : [{ field: 'validUntil', op: isPast ? ('lt' as const) : ('gte' as const), value: now }]
  return { index: 'byStatus', where: { status: stored }, filter, order: 'desc' }
}
