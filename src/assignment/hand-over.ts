import { z } from 'zod'
import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import type { UserRow } from '../user/plan.ts'
import { handedOut } from './bulk.ts'
import { planTake } from './contact-plan.ts'
import { ContactAssignment, type ContactAssignmentRow, HandOut, type HandOutRow } from './entity.ts'
import { asked } from './input.ts'
import { handOutLane } from './lane.ts'
import { openLedger, readAll } from './ledger.ts'
import { pairId } from './moment.ts'
import { assertActive, placed, theUser } from './place.ts'

/** Contacts of one commit; more are a chain of them. */
const chunkSize = 500

/**
 * What becomes of the contacts of somebody who leaves: they go to the manager, to everybody else who may be chosen, or back to the pool of contacts without an owner. Whatever it was, the hand-out can be undone
 * (`undoHandOut`). Errors: `user_not_found`, `no_manager`, `user_not_active`, `no_eligible_user`, those of `placed`.
 */
export const handOver = operation({
  name: 'user.hand-over',
  summary: "Hand a user's contacts over",
  needs: 'assignment:manage',
  elsewhere: true,
  serial: handOutLane,
  input: z.strictObject({ ...asked, id: z.string(), to: z.enum(['manager', 'others', 'pool']) }),
  output: z.object({ moved: z.int(), distribution: z.record(z.string(), z.int()), batchId: z.string().nullable() }),
  async run(caller, { id, to, ...where }) {
    const context = await placed(caller, where, 'change')
    const user = await theUser(context, id)
    if (to === 'pool') return released(caller, context, user)
    if (to === 'manager' && user.managerId === null)
      throw new AppError('conflict', 'no_manager', 'This user has no manager to take the contacts.')
    const { output, ...done } = await handedOut(caller, context, {
      ...where,
      mode: to === 'manager' ? 'manual' : 'round_robin',
      filter: { owner: id },
      ...(to === 'manager' ? { userIds: [user.managerId as string] } : {}),
      reassign: true,
      anyStatus: true,
    })
    return { ...done, output: { moved: output.created, distribution: output.distribution, batchId: output.batchId } }
  },
})

/** A hand-out of contacts to nobody. Undoing it gives them back, which it could not to somebody who is inactive. */
async function released(caller: Context, context: Context, user: UserRow) {
  assertActive(user)
  const { store, now, actor } = context
  const progress = await caller.once('release', async () => ({ batchId: context.newId(), row: null as HandOutRow | null, moved: 0 }))
  const { batchId } = progress
  const entity = { type: HandOut.name, id: batchId }
  const owned: ContactRow[] = await everyRow(store, Contact, { filter: [{ field: 'ownerId', op: 'eq', value: user.id }] })
  for (let at = 0; ; at += chunkSize) {
    const some = owned.slice(at, at + chunkSize)
    const changes = await planRelease(context, user, some, batchId)
    const { row: before } = progress
    const assignments = progress.moved + some.length
    const fields = { mode: 'manual' as const, byId: actor.id, assignments, undoneAt: null }
    const row = before === null ? create(HandOut, batchId, fields, now) : patched(HandOut, before, fields, now)
    const all = some.length === 0 ? [] : [...changes, before === null ? insert(HandOut, row) : update(HandOut, before, row)]
    if (at + chunkSize >= owned.length)
      return {
        output: { moved: assignments, distribution: {}, batchId: assignments === 0 ? null : batchId },
        changes: all,
        store,
        entity,
      }
    // a lost race ends this run, and the next one goes on with what is left
    await store.commit(all, metaOf(context, handOver.name, { entity }))
    progress.row = row
    progress.moved = assignments
  }
}

async function planRelease(context: Context, user: UserRow, contacts: readonly ContactRow[], batchId: string): Promise<Change[]> {
  const { store, now } = context
  const rows = await readAll<ContactAssignmentRow>(
    store,
    contacts.map(({ id }) => ({ type: ContactAssignment, id: pairId(user.id, id) })),
  )
  const ledger = openLedger(context)
  await ledger.read([user.id])
  const at = ledger.moment()
  const changes = contacts.flatMap((contact, place) => {
    const row = rows[place] ?? null
    // a lead from before leads had assignments is let go all the same
    if (row?.status !== 'active') return [update(Contact, contact, patched(Contact, contact, { ownerId: null, assignedAt: null }, now))]
    return planTake(context, ledger, { contact, row, reason: { rule: 'removed' }, at, batchId })
  })
  return [...changes, ...ledger.changes()]
}
