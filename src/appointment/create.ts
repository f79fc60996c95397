import { z } from 'zod'
import { sha256 } from '../kernel/canonical.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { digestToken, linkToken } from '../session/tokens.ts'
import type { TenantStore } from '../storage/port.ts'
import { Appointment, type AppointmentRow, NewestAppointment } from './entity.ts'
import { activitiesInput, activityOf, tenantId } from './input.ts'
import type { FsmActivity } from './parts.ts'
import { placeOf } from './place.ts'
import { isOpen, ttlOf, validMs } from './rules.ts'
import { instanceView, sealToken, viewOf } from './view.ts'

/**
 * Makes an appointment for each activity that has no open one, and answers with the open one of each, in the order of the activities. All or nothing. However many ask at once for the same
 * activity, one appointment comes of it. Errors: `validation_failed`; those of `placeOf`.
 */
export const createAppointments = operation({
  name: 'appointment.create',
  summary: 'Offer appointments for activities',
  needs: 'appointment:write',
  elsewhere: true,
  input: activitiesInput.extend({ tenantId }),
  output: z.object({ instances: z.array(instanceView), totalCreated: z.int() }),
  async run(context, input) {
    const activities = input.activities.map(activityOf)
    assertIds(input.activityIds, activities)
    const { tenant, store } = await placeOf(context, input.tenantId, 'write')
    const known = await newestOf(store, activities)
    const open = new Map<string, AppointmentRow>()
    const changes: Change[] = []
    let totalCreated = 0
    const rows = activities.map((activity) => {
      const { newest, row } = known.get(activity.id) ?? nothing
      const current = open.get(activity.id) ?? (row !== null && isOpen(row, context.nowMs) ? row : null)
      if (current !== null) return current
      const made = newAppointment(context, tenant.id, activity)
      changes.push(insert(Appointment, made), pointed(context, newest, made))
      open.set(activity.id, made)
      totalCreated += 1
      return made
    })
    const [only] = rows
    return {
      output: { instances: rows.map((row) => viewOf(context, tenant, row)), totalCreated },
      changes,
      store,
      ...(rows.length === 1 && only !== undefined ? { entity: { type: Appointment.name, id: only.id } } : {}),
    }
  },
})

function assertIds(ids: readonly string[] | null | undefined, activities: readonly FsmActivity[]): void {
  if (ids == null) return
  const [named, sent] = [new Set(ids), new Set(activities.map(({ id }) => id))]
  if (named.size === sent.size && ids.every((id) => sent.has(id))) return
  const message = 'must be the ids of the activities'
  throw new AppError('unprocessable', 'validation_failed', `activityIds: ${message}`, { errors: [{ field: 'activityIds', message }] })
}

type Known = { newest: Entity<typeof NewestAppointment> | null; row: AppointmentRow | null }
const nothing: Known = { newest: null, row: null }

/** An id may be longer than keys are on some engines. */
const pointerId = (activityId: string): string => sha256(activityId)

/** The newest appointment of each activity, by the activity's id, in two round trips. */
async function newestOf(store: TenantStore, activities: readonly FsmActivity[]): Promise<Map<string, Known>> {
  const ids = [...new Set(activities.map(({ id }) => id))]
  const pointers = (await store.read(ids.map((id) => ({ type: NewestAppointment, id: pointerId(id) })))) as Known['newest'][]
  const named = pointers.flatMap((pointer) => (pointer === null ? [] : [{ type: Appointment, id: pointer.instanceId }]))
  const rows = named.length === 0 ? [] : ((await store.read(named)) as Known['row'][])
  const byId = new Map(rows.map((row) => [row?.id, row]))
  return new Map(
    ids.map((id, at) => {
      const newest = pointers[at] ?? null
      return [id, { newest, row: byId.get(newest?.instanceId) ?? null }]
    }),
  )
}

function newAppointment(context: Context, tenant: string, fsmActivity: FsmActivity): AppointmentRow {
  const { now, nowMs, random } = context
  const id = `inst_${nowMs}_${linkToken(random).slice(0, 12)}`
  const token = linkToken(random)
  const validUntilMs = nowMs + validMs
  return create(
    Appointment,
    id,
    {
      customerAccessToken: digestToken(token),
      sealedToken: sealToken(context, tenant, id, token),
      validFrom: now,
      validUntil: toTime(validUntilMs),
      status: 'PENDING',
      fsmActivity,
      customerBooking: { status: 'draft' },
      fsmResponse: null,
      ttl: ttlOf(validUntilMs),
    },
    now,
  )
}

/** Makes this the activity's newest one, unless someone else did so meanwhile: then the guard misses and the whole call is looked at again. */
function pointed({ now }: Context, before: Known['newest'], row: AppointmentRow): Change {
  const fields = { instanceId: row.id, ttl: ttlOf(Date.parse(row.validUntil)) }
  if (before !== null) return update(NewestAppointment, before, patched(NewestAppointment, before, fields, now))
  return insert(NewestAppointment, create(NewestAppointment, pointerId(row.fsmActivity.id), fields, now))
}
