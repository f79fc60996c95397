import { z } from 'zod'
import { bookingStatuses } from './rules.ts'

/** Nested parts of an appointment, as they are stored and shown. */

const text = z.string()
const time = z.iso.datetime({ precision: 3 })
const part = z.string().nullable()

/** What is to be done, as field service knows it. Absent parts are null. */
export const fsmActivity = z.object({
  id: text,
  code: part,
  subject: part,
  status: part,
  businessPartner: part,
  object: z.object({ objectId: part, objectType: part }).nullable(),
  equipment: z.object({ code: part, name: part, address: part }).nullable(),
  serviceCallId: part,
  serviceCallNumber: part,
})
export type FsmActivity = z.output<typeof fsmActivity>

export const timeSlot = z.object({
  id: text,
  startTime: text,
  endTime: text,
  isAvailable: z.boolean().optional(),
  isSelected: z.boolean().optional(),
})

/** What the customer wants. Parts that were never sent are absent. */
export const customerBooking = z.object({
  status: z.enum(bookingStatuses),
  customerName: text.optional(),
  customerEmail: text.optional(),
  customerPhone: text.optional(),
  preferredTimeSlots: z.array(timeSlot).optional(),
  customerMessage: text.optional(),
  specialRequirements: text.optional(),
  requestedDateTime: text.optional(),
  submittedAt: time.optional(),
  lastModifiedAt: time.optional(),
})

/** What was answered. `respondedBy` is the name of who did. */
export const fsmResponse = z.object({
  response: z.enum(['approve', 'reject']),
  selectedTimeSlot: z.union([timeSlot, text]).optional(),
  fsmMessage: text.optional(),
  technicianNotes: text.optional(),
  respondedAt: time,
  respondedBy: text,
})
