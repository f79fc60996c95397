import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { rate } from './rules.ts'
import { breakdown, leadsByOwner, visibleTo } from './visible.ts'

const counts = z.array(z.object({ name: z.string(), count: z.int() }))

/** The numbers over the visible leads; for agents also how their team does and where they stand in it. */
export const getSummary = operation({
  name: 'lead.summary',
  summary: 'Summarise the visible leads',
  needs: 'contact:read',
  readOnly: true,
  input: z.object({}),
  output: z.object({
    leads: z.int(),
    signedUp: z.int(),
    active: z.int(),
    conversionRate: z.number(),
    byStatus: counts,
    byPriority: counts,
    team: z.object({ signedUp: counts, rank: z.int() }).nullable(),
  }),
  async run(context) {
    const { byStatus, byPriority, counts } = await breakdown(await visibleTo(context))
    const output = {
      leads: counts.leads,
      signedUp: counts.signedUp,
      active: counts.active,
      conversionRate: rate(counts.signedUp, counts.leads),
      byStatus: listOf(byStatus),
      byPriority: listOf(byPriority),
      team: context.actor.user?.role === 'member' ? await teamOf(context, context.actor.user) : null,
    }
    return { output }
  },
})

const listOf = (map: ReadonlyMap<string, number>) => [...map].map(([name, count]) => ({ name, count }))

/** The active agents of the same manager; those without one form a team of their own. */
async function teamOf({ store }: Context, me: { id: string; managerId: string | null }) {
  const filter = [
    { field: 'role', op: 'eq', value: 'member' },
    { field: 'isActive', op: 'eq', value: true },
  ] as const
  const members = await everyRow(store, User, { index: 'byManager', where: { managerId: me.managerId }, filter })
  const found = await leadsByOwner(
    store,
    members.map(({ id }) => id),
  )
  const signedUpOf = (id: string): number => found.get(id)?.signedUp ?? 0
  const better = members.filter(({ id }) => signedUpOf(id) > signedUpOf(me.id))
  return { signedUp: members.map(({ id, username }) => ({ name: username, count: signedUpOf(id) })), rank: 1 + better.length }
}
