import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { isManager } from './agent-input.ts'
import { leadsByOwner, noLeads, sum } from './visible.ts'

const counts = z.object({ leads: z.int(), active: z.int(), signedUp: z.int(), won: z.int() })
const agent = z.object({ user: User.public, counts })
export type AgentNumbers = z.output<typeof agent>
const team = agent.extend({ agents: z.array(agent) })
export type TeamNumbers = z.output<typeof team>

/** Managers and their agents, deactivated ones too, with their numbers; a manager's are the sums over the agents. By number. */
export const getSalesTeams = operation({
  name: 'organization.sales-teams',
  summary: 'Read the sales teams and their numbers',
  needs: 'organization:report',
  readOnly: true,
  input: z.object({}),
  output: z.object({
    admins: z.int(),
    managers: z.int(),
    agents: z.int(),
    teams: z.array(team),
    withoutTeam: z.array(agent),
    at: z.string(),
  }),
  async run(context) {
    return { output: { ...(await salesTeams(context)), at: context.now } }
  },
})

/** How much each manager's agents sold, most first. */
export const getManagerSales = operation({
  name: 'report.manager-sales',
  summary: 'Report the sales of each manager',
  needs: 'organization:report',
  readOnly: true,
  input: z.object({}),
  output: z.object({ teams: z.array(team), at: z.string() }),
  async run(context) {
    const { teams } = await salesTeams(context)
    return { output: { teams: teams.sort((a, b) => b.counts.won - a.counts.won || a.user.number - b.user.number), at: context.now } }
  },
})

async function salesTeams({ store }: Context) {
  const users = await everyRow(store, User, { index: 'byNumber' })
  const found = await leadsByOwner(store, null)
  const managers = users.filter(isManager)
  const agents = users.filter(({ role }) => role === 'member').map((user) => ({ user, counts: found.get(user.id) ?? noLeads }))
  const teams = new Map(managers.map((manager) => [manager.id, [] as typeof agents]))
  const withoutTeam: typeof agents = []
  for (const one of agents) (teams.get(one.user.managerId ?? '') ?? withoutTeam).push(one)
  return {
    admins: users.filter(({ role }) => role === 'owner' || role === 'admin').length,
    managers: managers.length,
    agents: agents.length,
    teams: managers.map((user) => ({
      user,
      agents: teams.get(user.id) ?? [],
      counts: sum((teams.get(user.id) ?? []).map((one) => one.counts)),
    })),
    withoutTeam,
  }
}

/** The active managers by number, each with the number of their agents, active or not. */
export const listManagers = operation({
  name: 'organization.managers',
  summary: 'List the active managers',
  needs: 'organization:report',
  readOnly: true,
  input: z.object({}),
  output: z.array(z.object({ user: User.public, agents: z.int() })),
  async run({ store }) {
    const filter = [{ field: 'isActive', op: 'eq', value: true }] as const
    const managers = await everyRow(store, User, { index: 'byRole', where: { role: ['manager', 'supervisor'] }, filter })
    const tallied = await store.tally(User, { index: 'byManager' }, ['managerId', 'role'])
    const agents = new Map(tallied.filter(({ values }) => values[1] === 'member').map(({ values, count }) => [values[0], count]))
    return { output: managers.sort((a, b) => a.number - b.number).map((user) => ({ user, agents: agents.get(user.id) ?? 0 })) }
  },
})
