import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { handedOut } from './bulk.ts'
import { rules } from './hand-out.ts'
import { asked, uuid, whole } from './input.ts'
import { handOutLane } from './lane.ts'
import { placed } from './place.ts'

const filter = z.strictObject({ owner: z.union([z.literal('none'), uuid]), importId: uuid.optional(), limit: whole(1, 100_000).optional() })

/**
 * Hands contacts out by a finer rule than the sales application knows: to whoever has least (`round_robin`, `least_busy`), by weights, or back to who had a contact before (`sticky`), and where nobody did, by
 * turns. As fair, as safe to repeat and as undoable as `contact.bulk-assign`. Errors: those of it.
 */
export const handOutContacts = operation({
  name: 'contact.hand-out',
  summary: 'Hand contacts out by a rule',
  needs: 'assignment:manage',
  elsewhere: true,
  serial: handOutLane,
  input: z
    .strictObject({
      ...asked,
      rule: z.enum(rules).default('round_robin'),
      contactIds: z.array(uuid).max(1_000).optional(),
      filter: filter.optional(),
      userIds: z.array(uuid).min(1).max(1_000).optional(),
      /** How much each person gets beside the others, 0.1 to 100. */
      weights: z.record(uuid, z.number().min(0.1).max(100)).optional(),
      reassign: z.boolean().default(false),
    })
    .superRefine(({ contactIds, filter: given, rule, weights }, { addIssue }) => {
      if ((contactIds === undefined) === (given === undefined))
        addIssue({ code: 'custom', path: ['contactIds'], message: 'name either contactIds or filter', input: contactIds })
      if ((rule === 'weighted') !== (weights !== undefined))
        addIssue({ code: 'custom', path: ['weights'], message: 'are for the rule weighted', input: weights })
    }),
  output: z.object({
    created: z.int(),
    distribution: z.record(z.string(), z.int()),
    failed: z.array(z.object({ id: z.string(), code: z.string(), error: z.string() })),
    batchId: z.string().nullable(),
  }),
  async run(caller, { rule, weights, ...given }) {
    const context = await placed(caller, given, 'change')
    return handedOut(caller, context, { ...given, mode: 'round_robin', rule, ...(weights === undefined ? {} : { weights }) })
  },
})
