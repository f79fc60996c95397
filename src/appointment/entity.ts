import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'
import { customerBooking, fsmActivity, fsmResponse } from './parts.ts'
import { statuses } from './rules.ts'

const time = z.iso.datetime({ precision: 3 })

/** An offer to a customer to book a time for one activity in the field, by a link that lives thirty days. Its id is the instanceId. Times are business time. */
export const Appointment = entity('appointment', {
  table: 'appointments',
  id: 'text',
  fields: {
    /** SHA-256 of the token in the customer's link. */
    customerAccessToken: z.string(),
    /** The token itself, sealed, for people who copy the link. */
    sealedToken: z.string(),
    validFrom: time,
    validUntil: time,
    /** What was last done. EXPIRED is never done: it is what the clock says (`statusAt`). */
    status: z.enum(statuses),
    fsmActivity,
    customerBooking,
    fsmResponse: fsmResponse.nullable(),
    /** Seconds since the Unix epoch after which the row may go; null once somebody has booked. */
    ttl: z.int().nullable(),
  },
  indexes: { byStatus: ['status'], byTtl: ['ttl'] },
  directory: { byToken: { fields: ['customerAccessToken'], unique: true } },
  secret: ['customerAccessToken', 'sealedToken'],
  sealed: ['sealedToken'],
  internal: ['ttl'],
})

export type AppointmentRow = Entity<typeof Appointment>

/**
 * Which appointment of an activity is the newest. Its id is the SHA-256 of the activity's, so that of many who make one for the same activity at once a guard lets one through, and one that
 * has expired or ended stands in nobody's way: the row moves on with the next. When its time has come it is worth nothing, because the appointment it names has long ended.
 */
export const NewestAppointment = entity('newest_appointment', {
  table: 'newest_appointments',
  id: 'text',
  fields: { instanceId: z.string(), ttl: z.int() },
  indexes: { byTtl: ['ttl'] },
  internal: ['ttl'],
})
