import { z } from 'zod'
import { Contact } from '../contact/entity.ts'
import { type Change, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import { planTake } from './contact-plan.ts'
import { CampaignAssignment, type CampaignAssignmentRow, ContactAssignment, type ContactAssignmentRow } from './entity.ts'
import { asked, uuid } from './input.ts'
import { handOutLane } from './lane.ts'
import { openLedger } from './ledger.ts'
import { pairId } from './moment.ts'
import { placed, theUser } from './place.ts'

const notActive = () => new AppError('not_found', 'assignment_not_active', 'Assignment not found or already inactive')

/** Errors: `user_not_found`, `assignment_not_active`, those of `placed`. */
export const removeCampaignAssignment = operation({
  name: 'campaign.unassign',
  summary: 'Take a campaign from a user',
  needs: 'assignment:manage',
  elsewhere: true,
  input: z.object({ ...asked, userId: uuid, campaignId: uuid }),
  output: z.null(),
  async run(caller, { userId, campaignId, ...where }) {
    const context = await placed(caller, where, 'change')
    await theUser(context, userId)
    const row = await context.store.get(CampaignAssignment, pairId(userId, campaignId))
    if (row?.status !== 'active') throw notActive()
    const changes = await planEndOfCampaign(context, [row], { rule: 'removed' })
    return { output: null, changes, store: context.store, entity: { type: 'user', id: userId } }
  },
})

/** Errors: `user_not_found`, `assignment_not_active`, those of `placed`. */
export const removeContactAssignment = operation({
  name: 'contact.unassign',
  summary: 'Take a contact from a user',
  needs: 'assignment:manage',
  elsewhere: true,
  serial: handOutLane,
  input: z.object({ ...asked, userId: uuid, contactId: uuid }),
  output: z.null(),
  async run(caller, { userId, contactId, ...where }) {
    const context = await placed(caller, where, 'change')
    await theUser(context, userId)
    const row = await context.store.get(ContactAssignment, pairId(userId, contactId))
    if (row?.status !== 'active') throw notActive()
    const contact = await context.store.get(Contact, contactId)
    const ledger = openLedger(context)
    await ledger.read([userId])
    const changes = planTake(context, ledger, { contact, row, reason: { rule: 'removed' }, at: ledger.moment() })
    return { output: null, changes: [...changes, ...ledger.changes()], store: context.store, entity: { type: 'user', id: userId } }
  },
})

async function planEndOfCampaign(
  context: Context,
  rows: readonly CampaignAssignmentRow[],
  reason: Record<string, unknown>,
): Promise<Change[]> {
  const ledger = openLedger(context)
  await ledger.read(rows.map(({ userId }) => userId))
  const changes = rows.map((row) => {
    ledger.move(row.userId, { campaigns: -1 })
    const { id: assignmentId, userId, campaignId } = row
    ledger.step({ at: ledger.moment(), action: 'unassigned', kind: 'campaign', assignmentId, userId, campaignId, reason })
    return update(CampaignAssignment, row, patched(CampaignAssignment, row, { status: 'inactive' }, context.now))
  })
  return [...changes, ...ledger.changes()]
}

/** Everybody's assignments to a campaign that goes, those that ended too: they go with it, as SQL clients know it of a foreign key. What happened stays in the steps. */
export async function planWithoutCampaign(context: Context, campaignId: string): Promise<Change[]> {
  const rows: CampaignAssignmentRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<CampaignAssignmentRow> = await context.store.list(CampaignAssignment, {
      index: 'byCampaign',
      where: { campaignId },
      cursor,
      limit: 200,
    })
    rows.push(...page.items)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  const active = rows.filter(({ status }) => status === 'active')
  const ledger = openLedger(context)
  await ledger.read(active.map(({ userId }) => userId))
  for (const { id: assignmentId, userId } of active) {
    ledger.move(userId, { campaigns: -1 })
    ledger.step({
      at: ledger.moment(),
      action: 'unassigned',
      kind: 'campaign',
      assignmentId,
      userId,
      campaignId,
      reason: { rule: 'removed' },
    })
  }
  return [...rows.map((row) => remove(CampaignAssignment, row)), ...ledger.changes()]
}

/** Everybody's assignments to a contact that goes, likewise. The contact's own row is the caller's. */
export async function planWithoutContact(context: Context, contactId: string): Promise<Change[]> {
  const rows: ContactAssignmentRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<ContactAssignmentRow> = await context.store.list(ContactAssignment, {
      index: 'byContact',
      where: { contactId },
      cursor,
      limit: 200,
    })
    rows.push(...page.items)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  if (rows.length === 0) return []
  const contact = await context.store.get(Contact, contactId)
  const active = rows.filter(({ status }) => status === 'active')
  const ledger = openLedger(context)
  await ledger.read(active.map(({ userId }) => userId))
  const score = contact === null ? 0 : Math.round(contact.leadScore * 100)
  for (const { id: assignmentId, userId, assignmentType: mode } of active) {
    ledger.move(userId, { contacts: -1, score: -score })
    const about = { kind: 'contact', assignmentId, userId, contactId, mode } as const
    ledger.step({ at: ledger.moment(), action: 'unassigned', ...about, reason: { rule: 'removed' } })
  }
  return [...rows.map((row) => remove(ContactAssignment, row)), ...ledger.changes()]
}

/** What another score of a contact makes of the loads of those who have it. */
export const planScore = (context: Context, contactId: string, by: number): Promise<Change[]> =>
  planScores(context, new Map([[contactId, by]]))

/** The same for several contacts of one commit, in hundredths by contact: whoever has two of them has one row that moves. */
export async function planScores(context: Context, moved: ReadonlyMap<string, number>): Promise<Change[]> {
  const ids = [...moved].flatMap(([id, by]) => (by === 0 ? [] : [id]))
  if (ids.length === 0) return []
  const rows: ContactAssignmentRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<ContactAssignmentRow> = await context.store.list(ContactAssignment, {
      index: 'byContact',
      where: { contactId: ids, status: 'active' },
      cursor,
      limit: 200,
    })
    rows.push(...page.items)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  const ledger = openLedger(context)
  await ledger.read(rows.map(({ userId }) => userId))
  for (const { userId, contactId } of rows) ledger.move(userId, { score: moved.get(contactId) ?? 0 })
  return ledger.changes()
}
