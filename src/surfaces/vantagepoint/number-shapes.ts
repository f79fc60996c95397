import type { z } from 'zod'
import type { Role } from '../../access/permissions.ts'
import type { getCommission } from '../../contact/commission.ts'
import type { getDashboard } from '../../contact/dashboard.ts'
import { rate } from '../../contact/rules.ts'
import type { getSummary } from '../../contact/summary.ts'
import type { AgentNumbers, getSalesTeams, TeamNumbers } from '../../contact/teams.ts'
import { shown } from '../../contact/text-rules.ts'
import { leadShape } from './shapes.ts'
import { wireRole } from './words.ts'

type Counts = readonly { name: string; count: number }[]
const asObject = (counts: Counts) => Object.fromEntries(counts.map(({ name, count }) => [name, count]))
const countOf = (counts: Counts, name: string): number => counts.find((one) => one.name === name)?.count ?? 0

export const summaryShape = (summary: z.output<typeof getSummary.output>, role: Role) => ({
  total_leads: summary.leads,
  practices_signed_up: summary.signedUp,
  active_leads: summary.active,
  conversion_rate: summary.conversionRate,
  new_leads: countOf(summary.byStatus, 'new'),
  contacted_leads: countOf(summary.byStatus, 'contacted'),
  qualified_leads: countOf(summary.byStatus, 'qualified'),
  user_role: wireRole(role),
  status_breakdown: asObject(summary.byStatus),
  priority_breakdown: asObject(summary.byPriority),
  ...(summary.team === null ? {} : { team_performance: asObject(summary.team.signedUp), your_rank: summary.team.rank }),
})

type Someone = AgentNumbers['user']

const someone = ({ number, username, fullName }: Someone) => ({ id: number, username: shown(username), full_name: shown(fullName) })
const colleague = (user: Someone) => ({ ...someone(user), email: shown(user.email), is_active: user.isActive, created_at: user.createdAt })
const agentShape = ({ user, counts }: AgentNumbers) => ({ ...colleague(user), lead_count: counts.leads, sales_count: counts.signedUp })

export const organizationShape = ({ admins, managers, agents, teams, withoutTeam }: z.output<typeof getSalesTeams.output>) => ({
  total_admins: admins,
  total_managers: managers,
  total_agents: agents,
  managers: teams.map((team) => ({
    ...colleague(team.user),
    agent_count: team.agents.length,
    team_leads: team.counts.leads,
    team_sales: team.counts.signedUp,
    team_conversion_rate: rate(team.counts.signedUp, team.counts.leads),
    agents: team.agents.map(agentShape),
  })),
  unassigned_agents: withoutTeam.map(agentShape),
})

export const managerShape = ({ user, agents }: { user: Someone; agents: number }) => ({ ...someone(user), agent_count: agents })

export const managerSalesShape = ({ user, agents, counts }: TeamNumbers) => ({
  manager_id: user.number,
  manager_name: shown(user.fullName) || shown(user.username),
  manager_username: shown(user.username),
  team_size: agents.length,
  total_leads: counts.leads,
  closed_won: counts.won,
  conversion_rate: rate(counts.won, counts.leads),
  agents: agents.map((agent) => ({ ...someone(agent.user), leads_assigned: agent.counts.leads, closed_won: agent.counts.won })),
})

export const dashboardShape = (dashboard: z.output<typeof getDashboard.output>) => ({
  totalUsers: dashboard.users,
  activeUsers: dashboard.activeUsers,
  totalLeads: dashboard.leads,
  conversionRate: dashboard.conversionRate,
  recentLeads: dashboard.recent.map((lead) => ({
    name: shown(lead.practiceName),
    email: shown(lead.email),
    status: lead.leadStatus ?? '',
  })),
  topPerformers: dashboard.best.map(({ user, signedUp }) => ({
    name: shown(user.fullName) || shown(user.username),
    role: wireRole(user.role),
    leadsConverted: signedUp,
  })),
})

export const commissionShape = (report: z.output<typeof getCommission.output>, role: Role) => ({
  success: true,
  summary: {
    total_sales: report.sales.length,
    auto_sales: report.auto,
    manual_sales: report.sales.length - report.auto,
    date_range: { start: report.filters.start ?? report.first, end: report.filters.end ?? report.last },
  },
  user_summary: report.closers.map(({ number, username, sales }) => ({
    user_id: number,
    username: shown(username),
    total_sales: sales,
    total_amount: 0,
  })),
  sales_records: report.sales.map(saleShape),
  filters_applied: {
    start_date: report.filters.start,
    end_date: report.filters.end,
    user_id: report.filters.closer,
    role_filter: wireRole(role),
  },
})

function saleShape({ lead, daysToClose }: z.output<typeof getCommission.output>['sales'][number]) {
  const shape = leadShape(lead)
  return {
    lead_id: shape.id,
    practice_name: shape.practice_name,
    owner_name: shape.owner_name,
    city: shape.city,
    state: shape.state,
    closed_by_user_id: shape.closed_by_user_id,
    closed_by_username: shape.closed_by_username,
    closed_at: shape.closed_at,
    docs_sent: shape.docs_sent,
    docs_sent_at: shape.docs_sent_at,
    auto_converted: shape.auto_converted,
    conversion_reason: shape.conversion_reason,
    lead_score: shape.score,
    lead_priority: shape.priority,
    days_to_close: daysToClose,
  }
}
