import { planOwners } from '../../assignment/own.ts'
import { pinned } from '../../contact/assignee.ts'
import { blankContact, Contact, type ContactRow } from '../../contact/entity.ts'
import { usersById } from '../../contact/view.ts'
import { create, insert } from '../../kernel/change.ts'
import type { Context } from '../../kernel/context.ts'
import { fold } from '../../kernel/entity.ts'
import { User } from '../../user/entity.ts'
import type { PlannedLead } from './plan-leads.ts'
import { writeRows } from './write.ts'
import type { Run } from './write-users.ts'

/** Writes leads. None is handed out. */
export function writeLeads(context: Context, planned: readonly PlannedLead[], { findings: _, ...run }: Run): Promise<void> {
  const creators = creatorsOf(context)
  return writeRows(context, planned, {
    ...run,
    type: Contact,
    action: 'lead.import',
    async changesOf(batch) {
      const rows: ContactRow[] = []
      for (const lead of batch) rows.push(rowOf(lead, run.importId, await creators(lead.old.createdByName)))
      const owned = await planOwners(
        context,
        rows.map((contact) => ({ contact, from: null, isFirst: true as const })),
      )
      const users = await usersById(
        context.store,
        batch.flatMap(({ owner, closer }) => [owner?.id ?? null, closer?.id ?? null]),
      )
      return [...rows.map((row) => insert(Contact, row)), ...pinned(users.values()), ...owned]
    },
  })
}

function rowOf({ old, id, number, owner, closer }: PlannedLead, importId: string, createdById: string | null): ContactRow {
  const { texts, docs, closing, leadStatus, priority, score, legacyId } = old
  const fields = {
    ...blankContact,
    ...texts,
    ...docs,
    ...closing,
    ...{ number, leadStatus, priority, score, legacyId, importId, createdById },
    createdByName: old.createdByName,
    ownerId: owner?.id ?? null,
    assignedAt: owner === null ? null : old.assignedAt,
    closedById: closer?.id ?? null,
    closedByName: closing.closedByName ?? closer?.username ?? null,
  }
  return { ...create(Contact, id, fields, old.createdAt), updatedAt: old.updatedAt }
}

/** The ids of users by the names that leads were signed with. */
function creatorsOf({ store }: Context): (name: string | null) => Promise<string | null> {
  const known = new Map<string, Promise<string | null>>()
  return async (name) => {
    if (name === null) return null
    const folded = fold(name)
    const found = known.get(folded) ?? store.find(User, 'username', [folded]).then((user) => user?.id ?? null)
    known.set(folded, found)
    return found
  }
}
