import { planOwners } from '../assignment/own.ts'
import { type Change, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { ownedBy } from './assignee.ts'
import { Contact } from './entity.ts'
import { handoutSize } from './rules.ts'

/** The best unassigned leads for a new agent, as changes for the commit that makes the agent. Whoever loses a race for one of them runs again and gets the next ones. */
export async function handOut(context: Context, agent: { id: string }): Promise<{ leads: number; changes: Change[] }> {
  const { store, now } = context
  const { items } = await store.list(Contact, { index: 'byHandout', limit: handoutSize })
  const given = items.map((lead) => ({
    before: lead,
    contact: patched(Contact, lead, ownedBy(agent, now), now),
    from: null,
    isFirst: true as const,
  }))
  const owned = await planOwners(context, given)
  return { leads: given.length, changes: [...given.map(({ before, contact }) => update(Contact, before, contact)), ...owned] }
}
