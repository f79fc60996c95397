import { z } from 'zod'
import { create, insert, patched, update } from '../kernel/change.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { AttendancePolicy } from './entity.ts'
import { firstOutOfOrder, policyFields } from './input.ts'
import { defaultPolicy, policyId } from './policy.ts'

const version = z.int().min(1)
const output = z.object({ ...AttendancePolicy.fields, version })

/** Reads the tenant's policy, or, while nothing was decided, what holds then: its version is 1. */
export const getPolicy = operation({
  name: 'policy.get',
  summary: 'Read the attendance policy',
  needs: 'policy:read',
  readOnly: true,
  input: z.strictObject({}),
  output,
  async run({ store }) {
    return { output: (await store.get(AttendancePolicy, policyId)) ?? { ...defaultPolicy, version: 1 } }
  },
})

/** Replaces the policy. It holds from the next request on, and no row of the past is looked at again. Errors: `validation_failed`, `version_conflict`. */
export const updatePolicy = operation({
  name: 'policy.update',
  summary: 'Replace the attendance policy',
  needs: 'policy:manage',
  input: z.strictObject({ ...policyFields, version }),
  output,
  async run({ store, now }, { version: seen, ...given }) {
    const late = firstOutOfOrder(given)
    if (late !== null) {
      const message = 'must be later than the time before it: onTimeUntil, lateUntil, halfDayUntil, checkOutFrom, checkOutUntil'
      throw new AppError('unprocessable', 'validation_failed', `${late}: ${message}`, { errors: [{ field: late, message }] })
    }
    const stored = await store.get(AttendancePolicy, policyId)
    if (seen !== (stored?.version ?? 1))
      throw new AppError(
        'conflict',
        'version_conflict',
        'The policy was changed by someone else in the meantime. Read it again and repeat the change.',
      )
    const entity = { type: AttendancePolicy.name, id: policyId }
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<Policy>
    if (stored !== null) {
      const after = patched(AttendancePolicy, stored, set, now)
      return { output: after, changes: [update(AttendancePolicy, stored, after)], entity }
    }
    // the one that nobody had written is version 1
    const row = { ...create(AttendancePolicy, policyId, { ...defaultPolicy, ...set }, now), version: 2 }
    return { output: row, changes: [insert(AttendancePolicy, row)], entity }
  },
})
type Policy = Entity<typeof AttendancePolicy>
