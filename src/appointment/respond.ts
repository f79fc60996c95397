import { patched, update } from '../kernel/change.ts'
import { operation } from '../kernel/operation.ts'
import { Appointment } from './entity.ts'
import { changeInput } from './input.ts'
import { appointmentNotFound } from './link.ts'
import { placeOf } from './place.ts'
import { answered, completed } from './rules.ts'
import { instanceView, viewOf } from './view.ts'

/** Approves or rejects what a customer booked, or marks the work as done. Errors: `appointment_not_found`, `appointment_not_changeable`; those of `placeOf`. */
export const respondToAppointment = operation({
  name: 'appointment.respond',
  summary: 'Approve, reject or complete an appointment',
  needs: 'appointment:write',
  elsewhere: true,
  input: changeInput,
  output: instanceView,
  async run(context, { instanceId, tenantId, response, status: _, ...said }) {
    const { actor, now, nowMs } = context
    const { tenant, store } = await placeOf(context, tenantId, 'write')
    const before = await store.get(Appointment, instanceId)
    if (before === null) throw appointmentNotFound()
    const patch = response === undefined ? completed(before) : answered(before, { response, ...said }, { name: actor.name, now, nowMs })
    const after = patched(Appointment, before, patch, now)
    return {
      output: viewOf(context, tenant, after),
      changes: [update(Appointment, before, after)],
      store,
      entity: { type: Appointment.name, id: instanceId },
    }
  },
})
