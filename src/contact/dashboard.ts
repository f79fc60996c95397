import { z } from 'zod'
import type { Reach } from '../access/scope.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { rate } from './rules.ts'
import { leadView, usersById, viewsOf } from './view.ts'
import { breakdown, leadsByOwner, newestLeads, visibleTo } from './visible.ts'

const most = 5

/** People, leads, the newest five of these and the best five agents, all within one's reach. */
export const getDashboard = operation({
  name: 'lead.dashboard',
  summary: 'Read the dashboard',
  needs: 'contact:read',
  readOnly: true,
  input: z.object({}),
  output: z.object({
    users: z.int(),
    activeUsers: z.int(),
    leads: z.int(),
    conversionRate: z.number(),
    recent: z.array(leadView),
    best: z.array(z.object({ user: User.public, signedUp: z.int() })),
  }),
  async run(context) {
    const visible = await visibleTo(context)
    const { counts } = await breakdown(visible)
    const [people, best, newest] = await Promise.all([
      countPeople(context, visible.reach),
      bestAgents(context, visible.reach),
      newestLeads(visible, most),
    ])
    const recent = await viewsOf(context.store, newest)
    return { output: { ...people, leads: counts.leads, conversionRate: rate(counts.signedUp, counts.leads), recent, best } }
  },
})

async function countPeople({ store }: Context, reach: Reach): Promise<{ users: number; activeUsers: number }> {
  if (reach.everyone) {
    const [users, activeUsers] = await Promise.all([
      store.count(User, { index: 'byNumber' }),
      store.count(User, { index: 'byActive', where: { isActive: true } }),
    ])
    return { users, activeUsers }
  }
  const people = [...(await usersById(store, reach.ids)).values()]
  return { users: people.length, activeUsers: people.filter(({ isActive }) => isActive).length }
}

/** Agents by signed-up leads, then by number; where few have any, those without come last. */
async function bestAgents({ store }: Context, reach: Reach): Promise<{ user: UserRow; signedUp: number }[]> {
  const counts = await leadsByOwner(store, reach.everyone ? null : [...reach.ids])
  const sellers = [...counts].filter(([, { signedUp }]) => signedUp > 0).map(([id]) => id)
  const found = await usersById(store, reach.everyone ? sellers : reach.ids)
  if (reach.everyone) {
    const first = await store.list(User, { index: 'byRole', where: { role: 'member' }, limit: most })
    for (const user of first.items) found.set(user.id, user)
  }
  return [...found.values()]
    .filter(({ role }) => role === 'member')
    .map((user) => ({ user, signedUp: counts.get(user.id)?.signedUp ?? 0 }))
    .sort((a, b) => b.signedUp - a.signedUp || a.user.number - b.user.number)
    .slice(0, most)
}
