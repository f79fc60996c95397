import { z } from 'zod'
import { leaveTypes, weekdays } from './entity.ts'
import { isTimeZone } from './time.ts'

const clock = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day, HH:MM')
const metres = z.number().min(1, 'must be at least 1 metre').max(100_000, 'must be at most 100000 metres')

/** Names that people choose from: each once. */
const names = (read: z.ZodType<string, string>) =>
  z
    .array(read)
    .max(1000)
    .refine((list) => new Set(list).size === list.length, 'must name each once')
const name = z.string().trim().min(1).max(50)

const order = ['onTimeUntil', 'lateUntil', 'halfDayUntil', 'checkOutFrom', 'checkOutUntil'] as const

/** A whole policy as people write it. What clients of the contract do not know may be left out, and stays as it is. */
export const policyFields = {
  timeZone: z.string().refine(isTimeZone, 'must be a time zone of the IANA database, such as Asia/Kolkata'),
  onTimeUntil: clock,
  lateUntil: clock,
  halfDayUntil: clock,
  checkOutFrom: clock,
  checkOutUntil: clock,
  weeklyOff: z
    .array(z.enum(weekdays))
    .max(7)
    .refine((list) => new Set(list).size === list.length, 'must name each once'),
  gpsRequired: z.boolean(),
  maxAccuracyM: metres,
  radiusM: metres,
  enforceGeofence: z.boolean(),
  dccbs: names(name.toUpperCase()),
  departments: names(name),
  offlineHours: z.int().min(0).max(720).optional(),
  leaveDaysPerYear: z
    .partialRecord(z.enum(leaveTypes), z.number().min(0).max(366).multipleOf(0.5, 'must be whole or half days'))
    .optional(),
}

type Times = Readonly<Record<(typeof order)[number], string>>

/** The first time of day that does not come after the one before it, or null. */
export const firstOutOfOrder = (times: Times): (typeof order)[number] | null =>
  order.find((field, at) => at > 0 && times[field] <= times[order[at - 1] ?? field]) ?? null
