import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { scoreOf } from './contact-plan.ts'
import { CampaignAssignment, type CampaignAssignmentRow, ContactAssignment, type ContactAssignmentRow } from './entity.ts'
import { openLedger, readAll } from './ledger.ts'
import { pairId } from './moment.ts'

/** A contact as it becomes, with its new `ownerId`, and whose it was. `isFirst`: contact or owner is made by this very commit, so that there is no row of both yet. */
export type Move = { contact: ContactRow; from: string | null; isFirst?: true }

/**
 * The assignments that a change of `ownerId` moves along, wherever it is made: who owns a contact and who is its primary owner are one fact (contracts/salesbrain.md section 3). The contact's own row is the
 * caller's, and guards the others by its version.
 */
export async function planOwners(context: Context, moves: readonly Move[]): Promise<Change[]> {
  const moved = moves.filter(({ contact, from }) => contact.ownerId !== from)
  if (moved.length === 0) return []
  const { store, now, actor } = context
  const wanted = moved.flatMap(({ contact, from, isFirst }) =>
    [from, isFirst === true ? null : contact.ownerId].flatMap((userId) => (userId === null ? [] : pairId(userId, contact.id))),
  )
  const found = await readAll<ContactAssignmentRow>(
    store,
    wanted.map((id) => ({ type: ContactAssignment, id })),
  )
  const rows = new Map(found.flatMap((row) => (row === null ? [] : [[row.id, row] as const])))
  const rowOf = (userId: string | null, contactId: string) => (userId === null ? undefined : rows.get(pairId(userId, contactId)))
  const ledger = openLedger(context)
  await ledger.read(moved.flatMap(({ contact, from }) => [contact.ownerId, from].filter((id) => id !== null)))
  const at = ledger.moment()
  const left = { isPrimaryOwner: false, batchId: null, formerOwnerId: null }
  const changes: Change[] = []
  for (const { contact, from } of moved) {
    const former = rowOf(from, contact.id)
    const row = rowOf(contact.ownerId, contact.id)
    const score = scoreOf(contact)
    const told = { at, kind: 'contact' as const, contactId: contact.id, mode: 'manual' as const }
    if (former?.status === 'active') {
      const status = contact.ownerId === null ? ('inactive' as const) : ('transferred' as const)
      const action = contact.ownerId === null ? ('unassigned' as const) : ('transferred' as const)
      const reason = { rule: contact.ownerId === null ? 'removed' : 'manual' }
      changes.push(update(ContactAssignment, former, patched(ContactAssignment, former, { ...left, status }, now)))
      ledger.move(former.userId, { contacts: -1, score: -score })
      ledger.step({ ...told, action, assignmentId: former.id, userId: former.userId, reason })
    }
    if (contact.ownerId === null) continue
    const userId = contact.ownerId
    const owned = { ...left, assignmentType: 'manual' as const, isPrimaryOwner: true, status: 'active' as const }
    if (row === undefined) {
      const fields = { ...owned, userId, contactId: contact.id, assignedBy: actor.id, assignedAt: at, ownershipPercentage: 100 }
      const rest = { lastContactedAt: null, nextFollowupAt: null, interactionsCount: 0 }
      changes.push(insert(ContactAssignment, create(ContactAssignment, pairId(userId, contact.id), { ...fields, ...rest }, now)))
    } else {
      const again = row.status === 'active' ? {} : { assignedAt: at, assignedBy: actor.id }
      changes.push(update(ContactAssignment, row, patched(ContactAssignment, row, { ...owned, ...again }, now)))
    }
    const isNew = row?.status !== 'active'
    if (isNew) ledger.move(userId, { contacts: 1, score }, at)
    const assignmentId = row?.id ?? pairId(userId, contact.id)
    ledger.step({ ...told, action: isNew ? 'assigned' : 'permissions_changed', assignmentId, userId, reason: { rule: 'manual' } })
  }
  return [...changes, ...ledger.changes()]
}

/**
 * The end of everything that is assigned to a person who goes for ever, and the contacts that are nobody's then: they come as they were and as they become, for the caller to write.
 */
export async function planWithoutUser(
  context: Context,
  userId: string,
): Promise<{ changes: Change[]; contacts: { before: ContactRow; patch: Pick<ContactRow, 'ownerId' | 'assignedAt'> }[] }> {
  const { store, now } = context
  const where = { userId, status: 'active' }
  const campaigns: CampaignAssignmentRow[] = await everyRow(store, CampaignAssignment, { index: 'byUser', where })
  const given: ContactAssignmentRow[] = await everyRow(store, ContactAssignment, { index: 'byUser', where })
  const owned: ContactRow[] = await everyRow(store, Contact, { filter: [{ field: 'ownerId', op: 'eq', value: userId }] })
  const ledger = openLedger(context)
  await ledger.read([userId])
  const at = ledger.moment()
  const reason = { rule: 'removed' }
  const changes: Change[] = []
  for (const row of campaigns) {
    changes.push(update(CampaignAssignment, row, patched(CampaignAssignment, row, { status: 'inactive' }, now)))
    ledger.step({ at, action: 'unassigned', kind: 'campaign', assignmentId: row.id, userId, campaignId: row.campaignId, reason })
  }
  const ended = { status: 'inactive' as const, isPrimaryOwner: false, batchId: null, formerOwnerId: null }
  for (const row of given) {
    changes.push(update(ContactAssignment, row, patched(ContactAssignment, row, ended, now)))
    const { id: assignmentId, contactId, assignmentType: mode } = row
    ledger.step({ at, action: 'unassigned', kind: 'contact', assignmentId, userId, contactId, mode, reason })
  }
  const load = ledger.load(userId)
  if (campaigns.length + given.length > 0) ledger.move(userId, { campaigns: -load.campaigns, contacts: -load.contacts, score: -load.score })
  return {
    changes: [...changes, ...ledger.changes()],
    contacts: owned.map((before) => ({ before, patch: { ownerId: null, assignedAt: null } })),
  }
}
