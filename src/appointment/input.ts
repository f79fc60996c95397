import { z } from 'zod'
import { pageInput } from '../kernel/page.ts'
import type { FsmActivity } from './parts.ts'
import { statuses } from './rules.ts'

const longest = 2_000
const text = z.string().max(longest, `must be at most ${longest} characters`)
const id = text.refine((given) => given.trim() !== '', 'must not be blank')
const part = text.nullish()

/** An activity as it is sent. Clients send what field service gave them, so parts beyond these are passed over and not kept. */
const activity = z
  .object({
    id: id.nullish(),
    activityId: id.nullish(),
    code: part,
    activityCode: part,
    subject: part,
    status: part,
    businessPartner: part,
    object: z.object({ objectId: part, objectType: part }).nullish(),
    equipment: z.object({ code: part, name: part, address: part }).nullish(),
    serviceCallId: part,
    serviceCallNumber: part,
  })
  .refine((given) => (given.id ?? given.activityId) != null, { path: ['id'], error: 'is required' })

/** The activity as it is kept: `activityId` and `activityCode` are other names of id and code, absent parts are null. */
export function activityOf(sent: z.output<typeof activity>): FsmActivity {
  const { object, equipment } = sent
  return {
    id: sent.id ?? sent.activityId ?? '',
    code: sent.code ?? sent.activityCode ?? null,
    subject: sent.subject ?? null,
    status: sent.status ?? null,
    businessPartner: sent.businessPartner ?? null,
    object: object == null ? null : { objectId: object.objectId ?? null, objectType: object.objectType ?? null },
    equipment:
      equipment == null ? null : { code: equipment.code ?? null, name: equipment.name ?? null, address: equipment.address ?? null },
    serviceCallId: sent.serviceCallId ?? null,
    serviceCallNumber: sent.serviceCallNumber ?? null,
  }
}

/** Id or key of the tenant that is meant; one's own when absent. */
export const tenantId = z.string().min(1).max(200).optional()

const most = 100

export const activitiesInput = z.strictObject({
  activities: z.array(activity).min(1, 'must not be empty').max(most, `must be at most ${most}`),
  activityIds: z.array(id).nullish(),
})

export const listInput = z.strictObject({ tenantId, status: z.enum(statuses).optional(), ...pageInput })

const slot = z.strictObject({
  id: text,
  startTime: text,
  endTime: text,
  isAvailable: z.boolean().optional(),
  isSelected: z.boolean().optional(),
})

const mostSlots = 50

/** What a customer may say, in one call or in several: each lays its fields over what was said before. */
export const bookingInput = z.strictObject({
  customerName: text.optional(),
  customerEmail: text.optional(),
  customerPhone: text.optional(),
  preferredTimeSlots: z.array(slot).max(mostSlots, `must be at most ${mostSlots}`).optional(),
  customerMessage: text.optional(),
  specialRequirements: text.optional(),
  requestedDateTime: text.optional(),
})
export type BookingFields = z.output<typeof bookingInput>

const given = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined)

const answer = {
  response: z.enum(['approve', 'reject']).optional(),
  selectedTimeSlot: given(z.union([slot, text])),
  fsmMessage: given(text),
  technicianNotes: given(text),
}
export type ResponseFields = { response: 'approve' | 'reject' } & Partial<
  z.output<z.ZodObject<Pick<typeof answer, 'selectedTimeSlot' | 'fsmMessage' | 'technicianNotes'>>>
>

/** What may be sent: an answer to the customer, or the end of the work. */
export const changeFields = { ...answer, status: z.literal('COMPLETED').optional() }

export const changeInput = z
  .strictObject({ instanceId: z.string(), tenantId, ...changeFields })
  .refine(({ response, status }) => (response === undefined) !== (status === undefined), {
    path: ['response'],
    error: 'or status must be sent, and not both',
  })
  .refine(
    ({ status, selectedTimeSlot, fsmMessage, technicianNotes }) =>
      status === undefined || (selectedTimeSlot ?? fsmMessage ?? technicianNotes) === undefined,
    { path: ['status'], error: 'goes without other fields' },
  )
