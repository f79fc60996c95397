import { z } from 'zod'
import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, check, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { scoreOf } from './contact-plan.ts'
import { ContactAssignment, type ContactAssignmentRow, HandOut } from './entity.ts'
import { asked } from './input.ts'
import { handOutLane } from './lane.ts'
import { openLedger, readAll } from './ledger.ts'
import { pairId } from './moment.ts'
import { placed } from './place.ts'

const chunkSize = 200

/** Takes a hand-out back: what is still as it left it ends, and who had the contact before has it again. Errors: `hand_out_not_found`, `already_undone`. */
export const undoHandOut = operation({
  name: 'contact.undo-bulk-assign',
  summary: 'Take a hand-out back',
  needs: 'assignment:manage',
  elsewhere: true,
  serial: handOutLane,
  input: z.object({ ...asked, batchId: z.string() }),
  output: z.object({ undone: z.int(), kept: z.int() }),
  async run(caller, { batchId, ...where }) {
    const context = await placed(caller, where, 'change')
    const { store, now } = context
    const batch = isUuid(batchId) ? await store.get(HandOut, batchId) : null
    if (batch === null) throw new AppError('not_found', 'hand_out_not_found', 'Hand-out not found')
    if (batch.undoneAt !== null) throw new AppError('conflict', 'already_undone', 'Hand-out was already undone')
    const before = await caller.once('undo', async () => ({ undone: 0 }))
    for (;;) {
      const { items, nextCursor } = await store.list(ContactAssignment, { index: 'byBatch', where: { batchId }, limit: chunkSize })
      const { changes, undone } = await planUndo(context, items)
      if (nextCursor === null) {
        const total = before.undone + undone
        return {
          output: { undone: total, kept: batch.assignments - total },
          changes: [...changes, update(HandOut, batch, patched(HandOut, batch, { undoneAt: now }, now))],
          store,
          entity: { type: HandOut.name, id: batchId },
        }
      }
      // a lost race ends this run, and the next one goes on with what is left
      await store.commit(
        [...changes, check(HandOut, batch)],
        metaOf(context, undoHandOut.name, { entity: { type: HandOut.name, id: batchId } }),
      )
      before.undone += undone
    }
  },
})

async function planUndo(context: Context, rows: readonly ContactAssignmentRow[]): Promise<{ changes: Change[]; undone: number }> {
  const { store, now } = context
  const contacts = await readAll<ContactRow>(
    store,
    rows.map(({ contactId }) => ({ type: Contact, id: contactId })),
  )
  const formers = rows.map(({ formerOwnerId, userId }) => formerOwnerId ?? userId)
  const owners = await readAll<UserRow>(
    store,
    formers.map((id) => ({ type: User, id })),
  )
  const formerRows = await readAll<ContactAssignmentRow>(
    store,
    rows.map(({ contactId }, at) => ({ type: ContactAssignment, id: pairId(formers[at] as string, contactId) })),
  )
  const ledger = openLedger(context)
  await ledger.read([...rows.map(({ userId }) => userId), ...formers])
  await ledger.readClock()
  const changes: Change[] = []
  let undone = 0
  for (const [at, row] of rows.entries()) {
    const contact = contacts[at] ?? null
    const left = { batchId: null, formerOwnerId: null }
    // given to nobody: the person has it again, unless somebody has it by now or the person is gone
    if (row.status === 'inactive' && contact !== null && contact.ownerId === null && owners[at]?.isActive === true) {
      const user = owners[at]
      const moment = ledger.moment()
      const about = { at: moment, kind: 'contact' as const, contactId: contact.id, mode: row.assignmentType, batchId: row.batchId }
      changes.push(
        update(ContactAssignment, row, patched(ContactAssignment, row, { ...left, status: 'active', isPrimaryOwner: true }, now)),
        update(Contact, contact, patched(Contact, contact, { ownerId: user.id, assignedAt: now }, now)),
        check(User, user),
      )
      ledger.move(user.id, { contacts: 1, score: scoreOf(contact) })
      ledger.step({ action: 'assigned', assignmentId: row.id, userId: user.id, ...about, reason: { rule: 'undo' } })
      undone += 1
      continue
    }
    const isKept = row.status !== 'active' || !row.isPrimaryOwner || contact?.ownerId !== row.userId
    if (isKept || contact === null) {
      changes.push(update(ContactAssignment, row, patched(ContactAssignment, row, left, now)))
      continue
    }
    const former = row.formerOwnerId === null ? null : (owners[at] ?? null)
    const back = former?.isActive === true ? (formerRows[at] ?? null) : null
    const moment = ledger.tick()
    const about = {
      at: moment,
      kind: 'contact' as const,
      contactId: contact.id,
      mode: row.assignmentType,
      batchId: row.batchId,
      reason: { rule: 'undo' },
    }
    changes.push(
      update(ContactAssignment, row, patched(ContactAssignment, row, { ...left, status: 'inactive', isPrimaryOwner: false }, now)),
      update(
        Contact,
        contact,
        patched(
          Contact,
          contact,
          former?.isActive === true ? { ownerId: former.id, assignedAt: now } : { ownerId: null, assignedAt: null },
          now,
        ),
      ),
    )
    ledger.move(row.userId, { contacts: -1, score: -scoreOf(contact) })
    ledger.step({ action: 'undone', assignmentId: row.id, userId: row.userId, ...about })
    if (back !== null && former !== null && back.id !== row.id) {
      const wasActive = back.status === 'active'
      changes.push(
        update(ContactAssignment, back, patched(ContactAssignment, back, { status: 'active', isPrimaryOwner: true }, now)),
        check(User, former),
      )
      if (!wasActive) ledger.move(former.id, { contacts: 1, score: scoreOf(contact) })
      ledger.step({ action: 'assigned', assignmentId: back.id, userId: former.id, ...about })
    }
    undone += 1
  }
  return { changes: dedupedChecks([...changes, ...ledger.changes()]), undone }
}

/** One row may be named once in a commit. */
function dedupedChecks(changes: readonly Change[]): Change[] {
  const seen = new Set<string>()
  return changes.filter((change) => {
    if (change.op !== 'check') return true
    const key = `${change.entity.name} ${change.id}`
    return !seen.has(key) && seen.add(key) !== undefined
  })
}
