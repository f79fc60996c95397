import { type Change, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { ownedBy } from './assignee.ts'
import { Contact } from './entity.ts'
import { handoutSize } from './rules.ts'

/** The best unassigned leads for a new agent, as changes for the commit that makes the agent. Whoever loses a race for one of them runs again and gets the next ones. */
export async function handOut({ store, now }: Context, agent: { id: string }): Promise<Change[]> {
  const { items } = await store.list(Contact, { index: 'byHandout', limit: handoutSize })
  return items.map((lead) => update(Contact, lead, patched(Contact, lead, ownedBy(agent, now), now)))
}
