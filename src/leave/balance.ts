import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { leaveTypes } from '../policy/entity.ts'
import { policyOf } from '../policy/policy.ts'
import { localTime } from '../policy/time.ts'
import { bookOf } from './book.ts'
import { daysTaken } from './rules.ts'

const item = z.object({
  type: z.enum(leaveTypes),
  /** Pending or approved. */
  taken: z.number(),
  /** Null: no limit. */
  allowed: z.number().nullable(),
  left: z.number().nullable(),
})

/** One's own days of leave of a calendar year: taken, and left where the policy sets a number. */
export const getLeaveBalance = operation({
  name: 'leave.balance',
  summary: 'Read my balance of leave',
  needs: 'attendance:own',
  readOnly: true,
  input: z.strictObject({
    year: z
      .string()
      .regex(/^\d{4}$/, 'must be a year, YYYY')
      .optional(),
  }),
  output: z.object({ year: z.int(), items: z.array(item) }),
  async run({ store, actor, nowMs }, given) {
    const { timeZone, leaveDaysPerYear } = await policyOf(store)
    const year = Number(given.year ?? localTime(nowMs, timeZone).date.slice(0, 4))
    const periods = actor.kind === 'user' && actor.id !== null ? ((await bookOf(store, actor.id))?.periods ?? []) : []
    const items = leaveTypes.map((type) => {
      const taken = daysTaken(periods, type, year)
      const allowed = leaveDaysPerYear[type] ?? null
      return { type, taken, allowed, left: allowed === null ? null : Math.max(0, allowed - taken) }
    })
    return { output: { year, items } }
  },
})
