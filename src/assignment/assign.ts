import { z } from 'zod'
import { Campaign, type CampaignRow } from '../campaign/entity.ts'
import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { planGive } from './contact-plan.ts'
import {
  assignmentTypes,
  CampaignAssignment,
  type CampaignAssignmentRow,
  ContactAssignment,
  type ContactAssignmentRow,
  campaignRoles,
} from './entity.ts'
import { asked, uuid } from './input.ts'
import { handOutLane } from './lane.ts'
import { openLedger, readAll } from './ledger.ts'
import { pairId } from './moment.ts'
import { assertActive, placed, theUser } from './place.ts'

export const mostAtOnce = 1_000

const failure = z.object({ id: z.string(), code: z.string(), error: z.string() })
export type Failure = z.output<typeof failure>
const outcome = z.object({ succeeded: z.int(), failed: z.array(failure) })

/** Gives campaigns to a person; each that can be given is. Errors: `user_not_found`, `user_not_active`, those of `placed`. */
export const assignCampaigns = operation({
  name: 'campaign.assign',
  summary: 'Assign campaigns to a user',
  needs: 'assignment:manage',
  elsewhere: true,
  input: z.object({
    ...asked,
    userId: uuid,
    campaignIds: z.array(uuid).max(mostAtOnce),
    role: z.enum(campaignRoles).default('member'),
    canEdit: z.boolean().default(false),
    canViewStats: z.boolean().default(true),
    canManageContacts: z.boolean().default(false),
  }),
  output: outcome,
  async run(caller, { userId, campaignIds, role, canEdit, canViewStats, canManageContacts, ...where }) {
    const context = await placed(caller, where, 'change')
    const { store, now, actor } = context
    const user = await theUser(context, userId)
    assertActive(user)
    const ids = [...new Set(campaignIds)]
    const found = await readAll<CampaignRow | CampaignAssignmentRow>(store, [
      ...ids.map((id) => ({ type: Campaign, id })),
      ...ids.map((id) => ({ type: CampaignAssignment, id: pairId(userId, id) })),
    ])
    const ledger = openLedger(context)
    await ledger.read([userId])
    const changes: Change[] = []
    const failed: Failure[] = []
    const rights = { role, canEdit, canViewStats, canManageContacts }
    for (const [at, id] of ids.entries()) {
      const campaign = found[at] as CampaignRow | null
      const row = found[ids.length + at] as CampaignAssignmentRow | null
      if (campaign === null) {
        failed.push({ id, code: 'campaign_not_found', error: 'Campaign not found' })
        continue
      }
      const moment = ledger.moment()
      const told = { at: moment, kind: 'campaign' as const, userId, campaignId: id, reason: { rule: 'manual' } }
      changes.push(check(Campaign, campaign))
      if (row === null) {
        const made = create(
          CampaignAssignment,
          pairId(userId, id),
          { ...rights, userId, campaignId: id, assignedBy: actor.id, assignedAt: moment, status: 'active' },
          now,
        )
        changes.push(insert(CampaignAssignment, made))
        ledger.move(userId, { campaigns: 1 })
        ledger.step({ action: 'assigned', assignmentId: made.id, ...told })
      } else if (row.status !== 'active') {
        const again = { ...rights, status: 'active' as const, assignedAt: moment, assignedBy: actor.id }
        changes.push(update(CampaignAssignment, row, patched(CampaignAssignment, row, again, now)))
        ledger.move(userId, { campaigns: 1 })
        ledger.step({ action: 'assigned', assignmentId: row.id, ...told })
      } else if (Object.entries(rights).some(([field, value]) => row[field as keyof typeof rights] !== value)) {
        changes.push(update(CampaignAssignment, row, patched(CampaignAssignment, row, rights, now)))
        ledger.step({ action: 'permissions_changed', assignmentId: row.id, ...told })
      }
    }
    return settled(context, { succeeded: ids.length - failed.length, failed }, [...changes, ...ledger.changes()], user)
  },
})

type Settled = z.output<typeof outcome>

/** The user is pinned, so that nobody is given anything while being deactivated. What changes nothing writes nothing. */
const settled = (context: Context, output: Settled, changes: readonly Change[], user: Parameters<typeof check>[1] & { id: string }) => {
  const writes = changes.some(({ op }) => op !== 'check')
  return {
    output,
    ...(writes ? { changes: [...changes, check(User, user as never)] } : {}),
    store: context.store,
    entity: { type: User.name, id: user.id },
  }
}

/** Gives contacts to a person; each that can be given is. Errors: as those of `assignCampaigns`. */
export const assignContacts = operation({
  name: 'contact.assign',
  summary: 'Assign contacts to a user',
  needs: 'assignment:manage',
  elsewhere: true,
  serial: handOutLane,
  input: z.object({
    ...asked,
    userId: uuid,
    contactIds: z.array(uuid).max(mostAtOnce),
    assignmentType: z.enum(assignmentTypes).default('manual'),
    isPrimaryOwner: z.boolean().default(true),
  }),
  output: outcome,
  async run(caller, { userId, contactIds, assignmentType, isPrimaryOwner, ...where }) {
    const context = await placed(caller, where, 'change')
    const { store } = context
    const user = await theUser(context, userId)
    assertActive(user)
    const ids = [...new Set(contactIds)]
    const contacts = await readAll<ContactRow>(
      store,
      ids.map((id) => ({ type: Contact, id })),
    )
    const owners = contacts.map((contact) => contact?.ownerId ?? userId)
    const rows = await readAll<ContactAssignmentRow>(store, [
      ...ids.map((id) => ({ type: ContactAssignment, id: pairId(userId, id) })),
      ...ids.map((id, at) => ({ type: ContactAssignment, id: pairId(owners[at] as string, id) })),
    ])
    const ledger = openLedger(context)
    await ledger.read([userId, ...owners])
    await ledger.readClock()
    const changes: Change[] = []
    const failed: Failure[] = []
    for (const [at, id] of ids.entries()) {
      const contact = contacts[at] ?? null
      if (contact === null) failed.push({ id, code: 'contact_not_found', error: 'Contact not found' })
      else
        changes.push(
          ...planGive(context, ledger, {
            contact,
            userId,
            row: rows[at] ?? null,
            former: rows[ids.length + at] ?? null,
            isPrimary: isPrimaryOwner,
            mode: assignmentType,
            batchId: null,
            reason: { rule: 'manual' },
          }),
        )
    }
    const writes = changes.some(({ op }) => op !== 'check')
    return settled(context, { succeeded: ids.length - failed.length, failed }, writes ? [...changes, ...ledger.changes()] : [], user)
  },
})
