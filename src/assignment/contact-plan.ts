import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { type AssignmentType, ContactAssignment, type ContactAssignmentRow } from './entity.ts'
import type { Ledger } from './ledger.ts'
import { pairId } from './moment.ts'

/** What a contact counts for, in hundredths. */
export const scoreOf = ({ leadScore }: Pick<ContactRow, 'leadScore'>): number => Math.round(leadScore * 100)

type Reason = Record<string, unknown>

type Give = {
  contact: ContactRow
  userId: string
  /** The row of this person and contact, and of the present primary owner and contact. */
  row: ContactAssignmentRow | null
  former: ContactAssignmentRow | null
  isPrimary: boolean
  mode: AssignmentType
  batchId: string | null
  reason: Reason
  formerReason?: Reason
}

/**
 * The changes that give a contact to somebody (contracts/salesbrain.md section 3), without those of the ledger. The former primary owner's row ends as `transferred`. What is so already changes nothing.
 */
export function planGive(context: Context, ledger: Ledger, give: Give): Change[] {
  const { contact, userId, row, former, isPrimary, mode, batchId, reason } = give
  const { now, actor } = context
  const score = scoreOf(contact)
  const wasActive = row?.status === 'active'
  const staysPrimary = wasActive && row.isPrimaryOwner
  const becomesPrimary = isPrimary && !staysPrimary
  const changes: Change[] = []
  const at = ledger.tick()

  if (becomesPrimary && former !== null && former.userId !== userId && former.status === 'active') {
    const ended = { status: 'transferred' as const, isPrimaryOwner: false, batchId: null, formerOwnerId: null }
    changes.push(update(ContactAssignment, former, patched(ContactAssignment, former, ended, now)))
    ledger.move(former.userId, { contacts: -1, score: -score })
    ledger.step({
      at,
      action: 'transferred',
      kind: 'contact',
      assignmentId: former.id,
      userId: former.userId,
      contactId: contact.id,
      mode,
      batchId,
      reason: give.formerReason ?? reason,
    })
  }
  if (becomesPrimary) {
    const owned = { ownerId: userId, assignedAt: now }
    changes.push(update(Contact, contact, patched(Contact, contact, owned, now)))
  } else changes.push(check(Contact, contact))

  const formerOwnerId = batchId !== null && becomesPrimary && contact.ownerId !== userId ? contact.ownerId : null
  const fields = { assignmentType: mode, isPrimaryOwner: isPrimary || staysPrimary, batchId, formerOwnerId }
  const told = { kind: 'contact' as const, userId, contactId: contact.id, mode, batchId, reason }
  if (row === null) {
    const made = create(
      ContactAssignment,
      pairId(userId, contact.id),
      {
        ...fields,
        userId,
        contactId: contact.id,
        assignedBy: actor.id,
        assignedAt: at,
        ownershipPercentage: 100,
        status: 'active',
        lastContactedAt: null,
        nextFollowupAt: null,
        interactionsCount: 0,
      },
      now,
    )
    changes.push(insert(ContactAssignment, made))
    ledger.move(userId, { contacts: 1, score }, at)
    ledger.step({ at, action: 'assigned', assignmentId: made.id, ...told })
  } else if (!wasActive) {
    const again = { ...fields, status: 'active' as const, assignedAt: at, assignedBy: actor.id }
    changes.push(update(ContactAssignment, row, patched(ContactAssignment, row, again, now)))
    ledger.move(userId, { contacts: 1, score }, at)
    ledger.step({ at, action: 'assigned', assignmentId: row.id, ...told })
  } else if (row.assignmentType !== mode || row.isPrimaryOwner !== fields.isPrimaryOwner) {
    changes.push(update(ContactAssignment, row, patched(ContactAssignment, row, fields, now)))
    ledger.step({ at, action: 'permissions_changed', assignmentId: row.id, ...told })
  }
  return changes
}

/** The changes that take a contact from somebody: an active row ends, and where that was the primary owner the contact has none. The ledger must have read the user. */
export function planTake(
  context: Context,
  ledger: Ledger,
  {
    contact,
    row,
    reason,
    at,
    batchId = null,
  }: { contact: ContactRow | null; row: ContactAssignmentRow; reason: Reason; at: string; batchId?: string | null },
): Change[] {
  const { now } = context
  const ended = { status: 'inactive' as const, isPrimaryOwner: false, batchId, formerOwnerId: null }
  const changes: Change[] = [update(ContactAssignment, row, patched(ContactAssignment, row, ended, now))]
  if (contact !== null && row.isPrimaryOwner && contact.ownerId === row.userId)
    changes.push(update(Contact, contact, patched(Contact, contact, { ownerId: null, assignedAt: null }, now)))
  else if (contact !== null) changes.push(check(Contact, contact))
  ledger.move(row.userId, { contacts: -1, score: contact === null ? 0 : -scoreOf(contact) })
  ledger.step({
    at,
    action: 'unassigned',
    kind: 'contact',
    assignmentId: row.id,
    userId: row.userId,
    contactId: row.contactId,
    mode: row.assignmentType,
    batchId,
    reason,
  })
  return changes
}
