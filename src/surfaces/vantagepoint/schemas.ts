import { z } from 'zod'
import { leadStatuses, priorities } from '../../contact/rules.ts'

/** The bodies of this dialect as the API description shows them. Tests hold every answer against them, to the last field. */
const id = z.int().min(1)
const text = z.string()
const time = z.iso.datetime({ precision: 3 })
const count = z.int().min(0)
const percent = z.number()
const digits = z.string().regex(/^\d{1,15}$/)
const role = z.enum(['admin', 'manager', 'agent', 'auditor'])
const optional = <T extends z.ZodType>(schema: T) => schema.nullish()

const person = { id, username: text, email: text, role, full_name: text, manager_id: id.nullable() }
const account = { ...person, is_active: z.boolean(), created_at: time }
const user = z.strictObject(account)

const leadTexts = {
  practice_name: text,
  owner_name: text,
  practice_phone: text,
  email: text,
  address: text,
  city: text,
  state: text,
  zip_code: text,
  specialty: text,
  ptan: text,
  ein_tin: text,
  npi: text,
  fax: text,
  owner_phone: text,
  source: text,
  lead_type: text,
}
const status = z.enum(leadStatuses)
const priority = z.enum(priorities)
const lead = z.strictObject({
  id,
  ...leadTexts,
  priority,
  status,
  score: z.int(),
  assigned_user_id: id.nullable(),
  assigned_at: time.nullable(),
  docs_sent: z.boolean(),
  docs_sent_at: time.nullable(),
  docs_sent_by: text,
  closed_at: time.nullable(),
  closed_by_user_id: id.nullable(),
  closed_by_username: text,
  auto_converted: z.boolean(),
  conversion_reason: text,
  created_by: text,
  created_at: time,
  updated_at: time,
})
const leads = z.array(lead)

const number = z.union([z.int(), digits])
const writable = z.object({
  ...leadTexts,
  priority: text,
  status: text,
  score: number,
  assigned_user_id: number.nullable(),
  created_by: text,
})
const wanted = { practice_name: true, owner_name: true, practice_phone: true } as const
const newLead = writable.partial().required(wanted)

const login = z.strictObject(person)
const self = z.strictObject(account)
const someone = { id, username: text, full_name: text }
const colleague = { ...someone, email: text, is_active: z.boolean(), created_at: time }
const agent = z.strictObject({ ...colleague, lead_count: count, sales_count: count })

export const requests = {
  login: z.object({ username: text, password: text, tenant: optional(text) }),
  changePassword: z.object({ current_password: text, new_password: text }),
  newUser: z.object({
    username: text,
    full_name: optional(text),
    role: optional(z.enum(['admin', 'manager', 'agent'])),
    password: text,
    manager_id: optional(number),
    email: optional(text),
    created_by: optional(text),
  }),
  user: z.object({ full_name: text, email: text, manager_id: number.nullable(), is_active: z.boolean(), password: text }).partial(),
  newLead,
  lead: writable.omit({ created_by: true }).partial(),
  bulk: z.object({ leads: z.array(newLead).min(1).max(1000) }),
}

export const responses = {
  message: z.strictObject({ message: text }),
  login: z.strictObject({
    access_token: text,
    token_type: z.literal('bearer'),
    expires_in: z.int(),
    user: login,
    data: z.strictObject({ access_token: text, user: login }),
  }),
  me: z.strictObject({ ...account, data: self }),
  newUser: z.strictObject({ message: text, user, leads_assigned: count }),
  user: z.strictObject({ message: text, user }),
  users: z.strictObject({ users: z.array(user), total_count: count, message: text }),
  managers: z.strictObject({ managers: z.array(z.strictObject({ ...someone, agent_count: count })) }),
  organization: z.strictObject({
    total_admins: count,
    total_managers: count,
    total_agents: count,
    managers: z.array(
      z.strictObject({
        ...colleague,
        agent_count: count,
        team_leads: count,
        team_sales: count,
        team_conversion_rate: percent,
        agents: z.array(agent),
      }),
    ),
    unassigned_agents: z.array(agent),
  }),
  leads: z.strictObject({ leads, total: count, next_cursor: text.nullable().optional() }),
  found: z.strictObject({ leads, total: count, query: text, searched_in: count }),
  newLead: z.strictObject({ message: text, lead, assigned_to: text.nullable() }),
  lead: z.strictObject({ message: text, lead }),
  bulk: z.strictObject({
    message: text,
    created_count: count,
    failed_count: z.literal(0),
    failed_leads: z.array(z.unknown()),
    lead_ids: z.array(id),
  }),
  sent: z.strictObject({ message: text, email_used: text, external_user_id: text, sent_at: time, lead }),
  summary: z.strictObject({
    total_leads: count,
    practices_signed_up: count,
    active_leads: count,
    conversion_rate: percent,
    new_leads: count,
    contacted_leads: count,
    qualified_leads: count,
    user_role: role,
    status_breakdown: z.record(text, count),
    priority_breakdown: z.record(text, count),
    team_performance: z.record(text, count).optional(),
    your_rank: z.int().optional(),
  }),
  managerSales: z.strictObject({
    success: z.literal(true),
    analytics: z.strictObject({
      manager_sales: z.array(
        z.strictObject({
          manager_id: id,
          manager_name: text,
          manager_username: text,
          team_size: count,
          total_leads: count,
          closed_won: count,
          conversion_rate: percent,
          agents: z.array(z.strictObject({ ...someone, leads_assigned: count, closed_won: count })),
        }),
      ),
    }),
    meta: z.strictObject({ generated_at: time }),
  }),
  dashboard: z.strictObject({
    data: z.strictObject({
      totalUsers: count,
      activeUsers: count,
      totalLeads: count,
      conversionRate: percent,
      recentLeads: z.array(z.strictObject({ name: text, email: text, status })),
      topPerformers: z.array(z.strictObject({ name: text, role, leadsConverted: count })),
    }),
  }),
  commission: z.strictObject({
    success: z.literal(true),
    summary: z.strictObject({
      total_sales: count,
      auto_sales: count,
      manual_sales: count,
      date_range: z.strictObject({ start: text.nullable(), end: text.nullable() }),
    }),
    user_summary: z.array(z.strictObject({ user_id: id.nullable(), username: text, total_sales: count, total_amount: z.literal(0) })),
    sales_records: z.array(
      z.strictObject({
        lead_id: id,
        practice_name: text,
        owner_name: text,
        city: text,
        state: text,
        closed_by_user_id: id.nullable(),
        closed_by_username: text,
        closed_at: time,
        docs_sent: z.boolean(),
        docs_sent_at: time.nullable(),
        auto_converted: z.boolean(),
        conversion_reason: text,
        lead_score: z.int(),
        lead_priority: priority,
        days_to_close: count,
      }),
    ),
    filters_applied: z.strictObject({
      start_date: text.nullable(),
      end_date: text.nullable(),
      user_id: text.nullable(),
      role_filter: role,
    }),
  }),
}
