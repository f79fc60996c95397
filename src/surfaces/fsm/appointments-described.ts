import { z } from 'zod'
import { activitiesInput, bookingInput, changeFields } from '../../appointment/input.ts'
import { statuses } from '../../appointment/rules.ts'
import { instanceView, publicView } from '../../appointment/view.ts'
import type { RouteOptions } from '../../http/route.ts'

/** What the API description says of the routes of appointments: bodies, refusals that only the operations know, and examples. */
type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'query' | 'requestSchema' | 'responseSchema'>

const tenantId = 'Id or key of the tenant. Staff must name one; everyone else need not, and may only name their own.'
const success = z.literal(true)
const linkProblems = {
  404: ['appointment_not_found'],
  410: ['appointment_unavailable', 'appointment_expired'],
  429: ['token_misses'],
}

const activity = {
  id: 'ACT-2041',
  code: '2041',
  subject: 'Yearly inspection',
  status: 'OPEN',
  businessPartner: 'Elm Street Dental',
  object: { objectId: 'SC-77', objectType: 'SERVICECALL' },
  equipment: { code: 'EQ-9', name: 'Compressor', address: '12 Elm Street' },
  serviceCallId: 'SC-77',
  serviceCallNumber: '77',
}
const slot = { id: 'slot-1', startTime: '2026-12-01T08:00:00.000Z', endTime: '2026-12-01T10:00:00.000Z' }
const token = 'q7Zb0wTn4KdLr9XvYc2MhUa6PsEj1GfN'
const seen = {
  tenantId: '4711_1',
  instanceId: 'inst_1764064200000_b8Kq2LmZ0pXa',
  validFrom: '2026-11-25T09:50:00.000Z',
  validUntil: '2026-12-25T09:50:00.000Z',
  status: 'PENDING',
  createdAt: '2026-11-25T09:50:00.000Z',
  updatedAt: '2026-11-25T09:50:00.000Z',
  fsmActivity: activity,
  customerBooking: { status: 'draft' },
}
const instance = { ...seen, customerAccessToken: token, customerUrl: `https://booking.example.org/booking/${token}` }

export const create: Described = {
  query: { tenantId },
  requestSchema: activitiesInput,
  responseSchema: z.object({ success, data: z.object({ instances: z.array(instanceView) }), totalCreated: z.int() }),
  problems: { 404: ['tenant_not_found'] },
  example: {
    request: { activities: [activity], activityIds: ['ACT-2041'] },
    response: { success: true, data: { instances: [instance] }, totalCreated: 1 },
  },
}
export const list: Described = {
  query: {
    tenantId,
    status: `As it stands now: ${statuses.join(', ')}.`,
    limit: '1 to 200. Absent: everything, up to 5,000.',
    cursor: 'The `nextCursor` of the page before.',
  },
  responseSchema: z.object({ success, data: z.array(instanceView), nextCursor: z.string().nullable() }),
  problems: { 400: ['bad_cursor'], 404: ['tenant_not_found'], 500: ['seal_broken'] },
  example: { response: { success: true, data: [instance], nextCursor: null } },
}
export const offered: Described = {
  responseSchema: z.object({ success, data: publicView }),
  problems: linkProblems,
  example: { response: { success: true, data: seen } },
}
export const book: Described = {
  requestSchema: z.object(bookingInput.shape),
  responseSchema: z.object({ success, message: z.string(), status: z.enum(statuses) }),
  problems: { ...linkProblems, 409: ['appointment_settled'] },
  example: {
    request: { customerName: 'Iris Vale', customerPhone: '+1 555 0100', preferredTimeSlots: [slot] },
    response: { success: true, message: 'Customer booking updated successfully', status: 'SUBMITTED' },
  },
}
export const respond: Described = {
  query: { tenantId },
  requestSchema: z.object(changeFields),
  responseSchema: z.object({ success, data: instanceView }),
  problems: { 404: ['appointment_not_found', 'tenant_not_found'], 409: ['appointment_not_changeable'] },
  example: { request: { response: 'approve', selectedTimeSlot: slot, fsmMessage: 'See you then' } },
}
