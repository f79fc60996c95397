import type { Role } from '../../access/permissions.ts'
import { changeOwnPassword, getAgent, signIn } from '../../contact/account.ts'
import { createLeads } from '../../contact/bulk.ts'
import { getCommission } from '../../contact/commission.ts'
import { createAgent } from '../../contact/create-agent.ts'
import { getDashboard } from '../../contact/dashboard.ts'
import { listAgents } from '../../contact/list-agents.ts'
import { listLeads, searchLeads } from '../../contact/read-leads.ts'
import { sendDocs } from '../../contact/send-docs.ts'
import { getSummary } from '../../contact/summary.ts'
import { getManagerSales, getSalesTeams, listManagers } from '../../contact/teams.ts'
import { updateAgent } from '../../contact/update-agent.ts'
import { createLead, removeLead, updateLead } from '../../contact/write-leads.ts'
import { route, type Surface, type WireRequest } from '../../http/route.ts'
import { revokeCurrentSession } from '../../session/operations.ts'
import * as described from './described.ts'
import { commissionShape, dashboardShape, managerSalesShape, managerShape, organizationShape, summaryShape } from './number-shapes.ts'
import { problem } from './problem.ts'
import { leadShape, personShape, userShape } from './shapes.ts'
import { bodyOf, fieldsOf, idOf, roleOf } from './words.ts'

const nothing = () => ({})
const saying = (message: string) => () => ({ body: { message } })
const roleIn = ({ principal }: WireRequest): Role => principal.role as Role

const me = {
  ...described.me,
  unlimited: true,
  input: nothing,
  reply(user: Parameters<typeof userShape>[0]) {
    const { id, username, role, email, full_name, manager_id, is_active, created_at } = userShape(user)
    const body = { id, username, role, email, full_name, manager_id, is_active, created_at }
    return { body: { ...body, data: body } }
  },
} as const

/** A sales CRM's dialect (contracts/vantagepoint.md). */
export const vantagepoint: Surface = {
  name: 'vantagepoint',
  prefix: '/api/v1',
  bodyLimit: 1024 * 1024,
  emptyBody: 'object',
  anyMediaType: true,
  wrongMethod: 404,
  problem,
  routes: [
    route('POST', '/api/v1/auth/login', signIn, {
      ...described.login,
      notIdempotent: true,
      input(request) {
        const { username, password, tenant } = bodyOf(request)
        return { login: username, password, tenant: tenant === '' ? null : tenant }
      },
      reply({ accessToken, expiresInSeconds, user: person }) {
        const user = personShape(person)
        const data = { access_token: accessToken, user }
        return { body: { access_token: accessToken, token_type: 'bearer', expires_in: expiresInSeconds, user, data } }
      },
    }),
    route('GET', '/api/v1/auth/me', getAgent, me),
    route('GET', '/api/v1/auth/profile', getAgent, me),
    route('POST', '/api/v1/auth/logout', revokeCurrentSession, {
      ...described.logout,
      input: nothing,
      reply: saying('Logged out successfully'),
    }),
    route('POST', '/api/v1/auth/change-password', changeOwnPassword, {
      ...described.changePassword,
      input: (request) => fieldsOf(bodyOf(request)),
      reply: saying('Password changed successfully'),
    }),

    route('POST', '/api/v1/users', createAgent, {
      ...described.userCreate,
      status: 201,
      input(request) {
        const body = bodyOf(request)
        return { ...fieldsOf(body), role: roleOf(body.role) }
      },
      reply: ({ user, leadsAssigned }) => ({
        body: { message: 'User created successfully', user: userShape(user), leads_assigned: leadsAssigned },
      }),
    }),
    route('GET', '/api/v1/users', listAgents, {
      ...described.users,
      input: nothing,
      reply: (users) => ({ body: { users: users.map(userShape), total_count: users.length, message: 'Users retrieved successfully' } }),
    }),
    route('PUT', '/api/v1/users/:id', updateAgent, {
      ...described.userUpdate,
      input: (request) => ({ number: idOf(request), fields: fieldsOf(bodyOf(request)) }),
      reply: (user) => ({ body: { message: 'User updated successfully', user: userShape(user) } }),
    }),
    route('GET', '/api/v1/managers', listManagers, {
      ...described.managers,
      input: nothing,
      reply: (managers) => ({ body: { managers: managers.map(managerShape) } }),
    }),
    route('GET', '/api/v1/organization', getSalesTeams, {
      ...described.organization,
      input: nothing,
      reply: (teams) => ({ body: organizationShape(teams) }),
    }),

    route('GET', '/api/v1/leads', listLeads, {
      ...described.leads,
      compress: true,
      input: ({ query }) => query,
      reply: ({ items, total, nextCursor, isPaged }) => ({
        body: { leads: items.map(leadShape), total, ...(isPaged ? { next_cursor: nextCursor } : {}) },
      }),
    }),
    route('GET', '/api/v1/leads/search', searchLeads, {
      ...described.search,
      compress: true,
      input: ({ query }) => query,
      reply: ({ items, query, searchedIn }) => ({
        body: { leads: items.map(leadShape), total: items.length, query, searched_in: searchedIn },
      }),
    }),
    route('POST', '/api/v1/leads', createLead, {
      ...described.leadCreate,
      status: 201,
      input: (request) => fieldsOf(bodyOf(request)),
      reply: ({ lead, ownerName }) => ({ body: { message: 'Lead created successfully', lead: leadShape(lead), assigned_to: ownerName } }),
    }),
    route('POST', '/api/v1/leads/bulk', createLeads, {
      ...described.leadsCreate,
      status: 201,
      bodyLimit: 16 * 1024 * 1024,
      input(request) {
        const { leads } = bodyOf(request)
        return { leads: Array.isArray(leads) ? leads.map(rowOf) : leads }
      },
      reply: ({ numbers }) => ({
        body: {
          message: `${numbers.length} leads created`,
          created_count: numbers.length,
          failed_count: 0,
          failed_leads: [],
          lead_ids: numbers,
        },
      }),
    }),
    route('PUT', '/api/v1/leads/:id', updateLead, {
      ...described.leadUpdate,
      input: (request) => ({ number: idOf(request), fields: fieldsOf(bodyOf(request)) }),
      reply: (lead) => ({ body: { message: 'Lead updated successfully', lead: leadShape(lead) } }),
    }),
    route('DELETE', '/api/v1/leads/:id', removeLead, {
      ...described.leadRemove,
      input: (request) => ({ number: idOf(request) }),
      reply: saying('Lead deleted successfully'),
    }),
    route('POST', '/api/v1/leads/:id/send-docs', sendDocs, {
      ...described.sendDocs,
      input: (request) => ({ number: idOf(request) }),
      reply: ({ lead, email, externalId, sentAt }) => ({
        body: {
          message: 'Documents sent successfully',
          email_used: email,
          external_user_id: externalId,
          sent_at: sentAt,
          lead: leadShape(lead),
        },
      }),
    }),

    route('GET', '/api/v1/summary', getSummary, {
      ...described.summary,
      input: nothing,
      reply: (summary, request) => ({ body: summaryShape(summary, roleIn(request)) }),
    }),
    route('GET', '/api/v1/admin/analytics', getManagerSales, {
      ...described.managerSales,
      input: nothing,
      reply: ({ teams, at }) => ({
        body: { success: true, analytics: { manager_sales: teams.map(managerSalesShape) }, meta: { generated_at: at } },
      }),
    }),
    route('GET', '/api/v1/analytics/dashboard', getDashboard, {
      ...described.dashboard,
      input: nothing,
      reply: (dashboard) => ({ body: { data: dashboardShape(dashboard) } }),
    }),
    route('GET', '/api/v1/reports/commission', getCommission, {
      ...described.commission,
      input: ({ query }) => fieldsOf(query),
      reply: (report, request) => ({ body: commissionShape(report, roleIn(request)) }),
    }),
  ],
}

/** A row of a batch in our names; what is no lead goes on as it is, to be refused in its place. */
const rowOf = (row: unknown): unknown =>
  typeof row === 'object' && row !== null && !Array.isArray(row) ? fieldsOf(row as Record<string, unknown>) : row
