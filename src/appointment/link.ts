import { z } from 'zod'
import { patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { parse } from '../kernel/perform.ts'
import { countNetworkFailure, type NetworkLimit } from '../session/network-throttle.ts'
import { type FoundByToken, findByToken } from '../tenant/find-by-token.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { Appointment } from './entity.ts'
import { bookingInput } from './input.ts'
import { assertBookable, booked, isLinkOver, statuses } from './rules.ts'
import { publicView, publicViewOf } from './view.ts'

/** Absent and foreign alike. */
export const appointmentNotFound = () => new AppError('not_found', 'appointment_not_found', 'Appointment instance not found')

/** What a customer sees who follows the link. Errors: `appointment_not_found`, `token_misses`; `appointment_unavailable`, `appointment_expired`. */
export const getOfferedAppointment = operation({
  name: 'appointment.get-offered',
  summary: 'Read an appointment by its link',
  needs: 'public',
  readOnly: true,
  input: z.strictObject({ token: z.string() }),
  output: publicView,
  async run(context, { token }) {
    const { row, tenant } = await linked(context, token)
    return { output: publicViewOf(context, tenant, row) }
  },
})

/** Lays what the customer says over what was said before. The link is looked at before the body. Errors: those of `getOfferedAppointment`, `validation_failed`, `appointment_settled`. */
export const bookAppointment = operation({
  name: 'appointment.book',
  summary: 'Book an appointment by its link',
  needs: 'public',
  elsewhere: true,
  input: z.strictObject({ token: z.string(), booking: z.unknown() }),
  output: z.object({ status: z.enum(statuses) }),
  async run(context, { token, booking }): Promise<Outcome<{ status: (typeof statuses)[number] }>> {
    const { row, store } = await linked(context, token)
    const fields = parse(bookingInput, booking)
    assertBookable(row)
    const after = patched(Appointment, row, booked(row, fields, context.now), context.now)
    return {
      output: { status: after.status },
      changes: [update(Appointment, row, after)],
      store,
      entity: { type: Appointment.name, id: row.id },
    }
  },
})

/** The appointment of a link that is good now. Errors: `appointment_not_found` for an unknown token, which counts against the network; `appointment_unavailable` while the tenant's licence is not valid; `appointment_expired`. */
async function linked(context: Context, token: string): Promise<FoundByToken<typeof Appointment>> {
  const found = /^[A-Za-z0-9]{32}$/.test(token) ? await findByToken(context, Appointment, 'byToken', token) : null
  if (found === null) return miss(context)
  if (licenceProblem(found.tenant, context.nowMs) !== null)
    throw new AppError('gone', 'appointment_unavailable', 'Appointment link is not available')
  if (isLinkOver(found.row, context.nowMs)) throw new AppError('gone', 'appointment_expired', 'Appointment link has expired')
  return found
}

/** A counter of its own: these tokens are not those that set passwords. */
const missesOf = ({ services }: Context): NetworkLimit => ({
  name: 'appointment-token',
  most: services.settings.fsm.tokenMissesPerMinute,
  code: 'token_misses',
  action: 'token.miss',
})

/** Counted exactly, whoever else guesses at the same moment; beyond the limit nothing is told. */
async function miss(context: Context): Promise<never> {
  await context.once('miss', () => countNetworkFailure(context, missesOf(context)))
  throw appointmentNotFound()
}
