import { z } from 'zod'
import { planOwners } from '../assignment/own.ts'
import { planWithoutContact } from '../assignment/remove.ts'
import { type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Lane } from '../kernel/gate.ts'
import { operation } from '../kernel/operation.ts'
import type { UserRow } from '../user/plan.ts'
import { defaultOwner, ownedBy, pinned, readOwner } from './assignee.ts'
import { blankContact, Contact, type ContactRow } from './entity.ts'
import { type LeadFields, leadInput, readLead } from './lead-input.ts'
import { isIn, withStatus } from './rules.ts'
import { assertReach, findLead, leadView, viewOf } from './view.ts'

/** Who closes and creates, as rows remember it. */
const author = ({ actor, now }: Context) => ({ id: actor.kind === 'user' ? actor.id : null, name: actor.name, now })

/** What was made may be signed with one's own name only. Errors: `creator_mismatch`. */
export function assertCreator({ actor }: Context, createdBy: unknown): void {
  if (createdBy === undefined || createdBy === null || createdBy === '') return
  if (typeof createdBy === 'string' && fold(createdBy) === fold(actor.name)) return
  throw new AppError('forbidden', 'creator_mismatch', 'You can only create in your own name.', {
    errors: [{ field: 'createdBy', message: 'must be the caller' }],
  })
}

/** A new lead's row from checked fields. Its number must be the tenant's next. */
export function newLead(context: Context, fields: LeadFields, owner: UserRow | null, number: number): ContactRow {
  const { leadStatus = 'new', ...rest } = fields
  const by = author(context)
  return create(
    Contact,
    context.newId(),
    {
      ...blankContact,
      priority: 'medium',
      score: 75,
      ...rest,
      ...withStatus(null, leadStatus, by),
      ...ownedBy(owner, context.now),
      number,
      createdById: by.id,
      createdByName: by.name,
    },
    context.now,
  )
}

/** Leads for the same person move one row of theirs: in one process they wait for each other instead of losing races. Who is named decides; nobody named is one line. */
function ownerLane({ store }: Context, { owner }: { owner?: unknown }): Lane {
  return { key: `owner ${store.tenantId} ${String(owner ?? '').slice(0, 20)}`, width: 1 }
}

/** Makes a lead, for an agent of one's own unless said otherwise. */
export const createLead = operation({
  name: 'lead.create',
  summary: 'Create a lead',
  needs: 'contact:create',
  serial: async (context, input) => ownerLane(context, input),
  input: leadInput,
  output: z.object({ lead: leadView, ownerName: z.string().nullable() }),
  async run(context, input) {
    const { store } = context
    assertCreator(context, input.createdBy)
    const fields = readLead(input, null)
    const given = await readOwner(context, input.owner, null)
    const owner = given === undefined ? await defaultOwner(context) : given
    const lead = newLead(context, fields, owner, await store.next(Contact.name))
    const output = {
      lead: {
        ...lead,
        ownerNumber: owner?.number ?? null,
        closedByNumber: lead.closedById === null ? null : (context.actor.user?.number ?? null),
      },
      ownerName: owner?.username ?? null,
    }
    const owned = await planOwners(context, [{ contact: lead, from: null, isFirst: true }])
    return { output, changes: [insert(Contact, lead), ...pinned([owner]), ...owned], entity: { type: Contact.name, id: lead.id } }
  },
})

/** Changes the fields that were sent, and no others. Errors: `lead_closed` where a closed lead would change hands. */
export const updateLead = operation({
  name: 'lead.update',
  summary: 'Change a lead',
  needs: 'contact:update',
  serial: async (context, { fields }) => (fields.owner === undefined ? null : ownerLane(context, fields)),
  input: z.object({ number: z.int().nullable(), fields: leadInput }),
  output: leadView,
  async run(context, { number, fields }) {
    const before = await findLead(context, number)
    await assertReach(context, before)
    const { leadStatus, ...rest } = readLead(fields, before)
    const owner = await readOwner(context, fields.owner, before)
    const patch = {
      ...rest,
      ...(leadStatus === undefined ? {} : withStatus(before, leadStatus, author(context))),
      ...(owner === undefined ? {} : ownedBy(owner, context.now)),
    }
    const after = patched(Contact, before, patch, context.now)
    if (owner !== undefined && isIn('closed', after.leadStatus)) throw leadClosed()
    const change = update(Contact, before, after)
    if (!changesMore(change)) return { output: await viewOf(context.store, before) }
    const owned = await planOwners(context, [{ contact: after, from: before.ownerId }])
    const changes = [change, ...pinned([owner]), ...owned]
    return { output: await viewOf(context.store, after), changes, entity: { type: Contact.name, id: before.id } }
  },
})

/** Whether an update changes anything but its own version and time. */
const changesMore = (change: Change): boolean =>
  change.op === 'update' && change.fields.some((field) => field !== 'version' && field !== 'updatedAt')

const leadClosed = () =>
  new AppError('unprocessable', 'lead_closed', 'A closed lead keeps its owner.', {
    errors: [{ field: 'owner', message: 'cannot change on a closed lead' }],
  })

export const removeLead = operation({
  name: 'lead.remove',
  summary: 'Remove a lead',
  needs: 'contact:remove',
  input: z.object({ number: z.int().nullable() }),
  output: z.null(),
  async run(context, { number }) {
    const lead = await findLead(context, number)
    await assertReach(context, lead)
    const ends = await planWithoutContact(context, lead.id)
    return { output: null, changes: [...ends, remove(Contact, lead)], entity: { type: Contact.name, id: lead.id } }
  },
})
