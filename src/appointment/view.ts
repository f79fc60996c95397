import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { Appointment, type AppointmentRow } from './entity.ts'
import { fsmResponse } from './parts.ts'
import type { Place } from './place.ts'
import { statusAt } from './rules.ts'

const { validFrom, validUntil, status, fsmActivity, customerBooking } = Appointment.fields
const { createdAt, updatedAt } = Appointment.public.shape

/** What the customer sees who holds the link: nothing that only the people of the tenant should know. */
export const publicView = z.object({
  tenantId: z.string(),
  instanceId: z.string(),
  validFrom,
  validUntil,
  status,
  createdAt,
  updatedAt,
  fsmActivity,
  customerBooking,
  fsmResponse: fsmResponse.omit({ technicianNotes: true, respondedBy: true }).optional(),
})

/** What the people of the tenant see. The token is in the clear, so that they can pass the link on. */
export const instanceView = publicView.extend({
  customerAccessToken: z.string(),
  customerUrl: z.string(),
  fsmResponse: fsmResponse.optional(),
})
export type InstanceView = z.output<typeof instanceView>

const sealedAt = (tenant: string, id: string) => ({ tenant, entity: Appointment.name, id, field: 'sealedToken' })

/** The sealed copy of a token, for one appointment alone. */
export const sealToken = ({ services }: Context, tenant: string, id: string, token: string): string =>
  services.sealer.seal(token, sealedAt(tenant, id))

/** A tenant is shown by its key, and by its id where it has none. */
const nameOf = ({ key, id }: Place['tenant']): string => key ?? id

/** The row as it stands at this moment, for the customer. What the schema does not name does not leave. */
export function publicViewOf({ nowMs }: Context, tenant: Place['tenant'], row: AppointmentRow): z.output<typeof publicView> {
  const { id, fsmResponse: response, ...rest } = row
  return {
    ...rest,
    tenantId: nameOf(tenant),
    instanceId: id,
    status: statusAt(row, nowMs),
    ...(response === null ? {} : { fsmResponse: response }),
  }
}

/** The row as it stands at this moment, for the people of its tenant. Errors: `seal_broken`, `wrong_key`. */
export function viewOf(context: Context, tenant: Place['tenant'], row: AppointmentRow): InstanceView {
  const { sealer, settings } = context.services
  const token = sealer.open(row.sealedToken, sealedAt(tenant.id, row.id))
  const { domain } = settings.fsm
  const origin = domain === null ? settings.publicUrl : `https://${domain}`
  return {
    ...(publicViewOf(context, tenant, row) as InstanceView),
    ...(row.fsmResponse === null ? {} : { fsmResponse: row.fsmResponse }),
    customerAccessToken: token,
    customerUrl: `${origin}/booking/${token}`,
  }
}
