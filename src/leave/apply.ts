import { z } from 'zod'
import { actingOfficer } from '../attendance/people.ts'
import { create, insert } from '../kernel/change.ts'
import { operation } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { bookOf, periodOf, rewritten } from './book.ts'
import { Leave } from './entity.ts'
import { assertBalance, assertFree, readRequest } from './rules.ts'
import { leaveView, viewOf } from './view.ts'

/** Asks for leave. Errors: `forbidden` for all but field officers; those of `readRequest`; `leave_overlap`, `leave_balance`. */
export const applyLeave = operation({
  name: 'leave.apply',
  summary: 'Ask for leave',
  needs: 'leave:apply',
  input: z.strictObject({
    type: z.unknown().optional(),
    duration: z.unknown().optional(),
    startDate: z.unknown().optional(),
    endDate: z.unknown().optional(),
    reason: z.unknown().optional(),
  }),
  output: leaveView,
  async run(context, given) {
    const { store, now, newId, origin } = context
    const officer = await actingOfficer(context)
    const { days, ...request } = readRequest(given)
    const book = await bookOf(store, officer.id)
    const periods = book?.periods ?? []
    assertFree(periods, request)
    assertBalance(periods, { ...request, days }, await policyOf(store))
    const row = create(
      Leave,
      newId(),
      {
        ...request,
        userId: officer.id,
        daysRequested: days,
        status: 'pending',
        appliedAt: now,
        approvedBy: null,
        approvedAt: null,
        adminRemarks: null,
      },
      now,
    )
    return {
      output: viewOf(row, officer),
      changes: [insert(Leave, row), rewritten(officer.id, book, [...periods, periodOf(row)], now)],
      entity: { type: Leave.name, id: row.id },
      detail: { network: origin.network },
    }
  },
})
