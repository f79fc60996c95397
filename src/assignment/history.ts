import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { AssignmentStep } from './entity.ts'

const id = z.string().max(64).optional()
const item = AssignmentStep.public.omit({ createdAt: true, updatedAt: true, version: true })

const indexes = { contactId: 'byContact', batchId: 'byBatch', campaignId: 'byCampaign', userId: 'byUser' } as const

/** The steps of assignments to a contact, a campaign, a user or a hand-out, the newest first. They outlive what they speak of. Errors: `validation_failed` without any of them. */
export const listHistory = operation({
  name: 'assignment.history',
  summary: 'List the history of assignments',
  needs: 'assignment:history',
  readOnly: true,
  input: z.strictObject({ ...pageInput, contactId: id, campaignId: id, userId: id, batchId: id }),
  output: pageOf(item),
  async run({ store }, { limit = 50, cursor, ...wanted }) {
    const named = (Object.keys(indexes) as (keyof typeof indexes)[]).filter((field) => wanted[field] !== undefined)
    const [first, ...others] = named
    if (first === undefined)
      throw new AppError(
        'unprocessable',
        'validation_failed',
        'contactId: name at least one of contactId, campaignId, userId and batchId',
        {
          errors: [{ field: 'contactId', message: 'name at least one of contactId, campaignId, userId and batchId' }],
        },
      )
    if (named.some((field) => !isUuid(wanted[field] ?? ''))) return { output: { items: [], nextCursor: null } }
    const page = await store.list(AssignmentStep, {
      index: indexes[first],
      where: { [first]: wanted[first] as string },
      filter: others.map((field) => ({ field, op: 'eq' as const, value: wanted[field] as string })),
      order: 'desc',
      cursor: cursor ?? null,
      limit,
    })
    return { output: { items: page.items.map((row) => ({ ...row, at: `${row.at.slice(0, 23)}Z` })), nextCursor: page.nextCursor } }
  },
})
