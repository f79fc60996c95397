import { createAppointments } from '../../appointment/create.ts'
import { bookAppointment, getOfferedAppointment } from '../../appointment/link.ts'
import { listAppointments } from '../../appointment/list.ts'
import { respondToAppointment } from '../../appointment/respond.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'
import * as described from './appointments-described.ts'
import { bodyOf } from './body.ts'

/** Lists of times are long. */
const bodyLimit = 1024 * 1024

/** Body, query and path together; what the address names, the body may not name again. */
function inputOf(request: WireRequest): Record<string, unknown> {
  const body = bodyOf(request)
  const named = { ...request.query, ...request.params }
  const twice = ['tenantId', ...Object.keys(named)].find((name) => Object.hasOwn(body, name))
  if (twice === undefined) return { ...body, ...named }
  const errors = [{ field: twice, message: 'is not a known field' }]
  throw new AppError('unprocessable', 'validation_failed', `${twice}: is not a known field`, { errors })
}

/** Appointments (contracts/fsm.md, section 7). */
export const appointmentRoutes: readonly Route[] = [
  route('POST', '/fsm/appointments', createAppointments, {
    ...described.create,
    bodyLimit,
    input: inputOf,
    reply: ({ instances, totalCreated }) => ({ body: { success: true, data: { instances }, totalCreated } }),
  }),
  route('GET', '/fsm/appointments', listAppointments, {
    ...described.list,
    input: ({ query }) => query,
    reply: ({ items, nextCursor }) => ({ body: { success: true, data: items, nextCursor } }),
  }),
  route('GET', '/fsm/appointments/token/:token', getOfferedAppointment, {
    ...described.offered,
    input: ({ params }) => params,
    reply: (data) => ({ body: { success: true, data } }),
  }),
  route('PUT', '/fsm/appointments/token/:token', bookAppointment, {
    ...described.book,
    bodyLimit,
    input: (request) => ({ ...request.params, booking: bodyOf(request) }),
    reply: ({ status }) => ({ body: { success: true, message: 'Customer booking updated successfully', status } }),
  }),
  route('PUT', '/fsm/appointments/:instanceId', respondToAppointment, {
    ...described.respond,
    bodyLimit,
    input: inputOf,
    reply: (data) => ({ body: { success: true, data } }),
  }),
]
