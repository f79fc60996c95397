import type { RouteOptions } from '../../http/route.ts'
import { requests, responses } from './schemas.ts'

/** What the API description says of a route: its bodies in this dialect, the refusals that only the operation knows, and examples. */
type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'query' | 'requestSchema' | 'responseSchema'>

const texts = ['text_expected', 'text_not_allowed', 'text_too_long']
const leadProblems = ['field_required', ...texts, 'score_invalid', 'status_invalid', 'priority_invalid', 'email_invalid', 'owner_invalid']
const ownerProblems = ['owner_not_self', 'owner_not_in_team', 'unassign_not_allowed']
const reachProblems = ['lead_not_own', 'lead_not_in_team']

const aLead = { practice_name: 'Elm Street Dental', owner_name: 'Dr. Iris Vale', practice_phone: '+1 555 0100', status: 'new', score: 80 }

export const login: Described = {
  requestSchema: requests.login,
  responseSchema: responses.login,
  problems: {
    401: ['invalid_credentials', 'throttled', 'second_factor_required'],
    403: ['password_change_required', 'no_tenant', 'tenant_inactive', 'tenant_expired'],
    429: ['network_throttled'],
  },
  example: { request: { username: 'agent1', password: 'correct horse battery staple' } },
}
export const me: Described = { responseSchema: responses.me, problems: { 403: ['no_tenant'] } }
export const logout: Described = { responseSchema: responses.message }
export const changePassword: Described = {
  requestSchema: requests.changePassword,
  responseSchema: responses.message,
  problems: { 400: ['wrong_password', 'throttled', 'password_required', 'weak_password'] },
  example: { request: { current_password: 'correct horse battery staple', new_password: 'a longer and better sentence' } },
}

export const userCreate: Described = {
  requestSchema: requests.newUser,
  responseSchema: responses.newUser,
  problems: {
    400: [
      'username_required',
      'username_invalid',
      'role_invalid',
      'password_required',
      'weak_password',
      ...texts,
      'email_invalid',
      'manager_invalid',
    ],
    403: ['creator_mismatch', 'agents_only'],
  },
  example: { request: { username: 'agent2', full_name: 'Second Agent', password: 'correct horse battery staple', manager_id: 2 } },
}
export const users: Described = { responseSchema: responses.users }
export const userUpdate: Described = {
  requestSchema: requests.user,
  responseSchema: responses.user,
  problems: {
    400: ['deactivates_self', 'active_invalid', 'weak_password', ...texts, 'email_invalid', 'manager_invalid', 'manager_cycle'],
    403: ['owners_only', 'role_not_grantable'],
  },
  example: { request: { is_active: false } },
}
export const managers: Described = { responseSchema: responses.managers }
export const organization: Described = { responseSchema: responses.organization }

export const leads: Described = {
  responseSchema: responses.leads,
  query: { limit: 'Leads a page, 1 to 10,000; without it the whole set comes at once.', cursor: '`next_cursor` of the page before.' },
  problems: { 400: ['limit_invalid', 'bad_cursor'] },
}
export const search: Described = {
  responseSchema: responses.found,
  query: { q: 'Plain text, looked for in any case.' },
  problems: { 400: ['search_text_required'] },
}
export const leadCreate: Described = {
  requestSchema: requests.newLead,
  responseSchema: responses.newLead,
  problems: { 400: leadProblems, 403: ['creator_mismatch', ...ownerProblems] },
  example: { request: aLead },
}
export const leadsCreate: Described = {
  requestSchema: requests.bulk,
  responseSchema: responses.bulk,
  problems: { 400: ['leads_expected', 'too_many_leads', 'lead_expected', 'creator_mismatch', ...leadProblems] },
  example: { request: { leads: [aLead] } },
}
export const leadUpdate: Described = {
  requestSchema: requests.lead,
  responseSchema: responses.lead,
  problems: { 400: [...leadProblems, 'lead_closed'], 403: [...reachProblems, ...ownerProblems] },
  example: { request: { status: 'sold' } },
}
export const leadRemove: Described = { responseSchema: responses.message, problems: { 403: ['lead_not_in_team'] } }
export const sendDocs: Described = {
  responseSchema: responses.sent,
  problems: {
    400: ['lead_without_email', 'docs_sent_already', 'lead_not_open'],
    403: reachProblems,
    502: ['docs_failed'],
    503: ['docs_not_configured'],
  },
}

export const summary: Described = { responseSchema: responses.summary }
export const managerSales: Described = { responseSchema: responses.managerSales }
export const dashboard: Described = { responseSchema: responses.dashboard }
export const commission: Described = {
  responseSchema: responses.commission,
  query: {
    start_date: 'First day, YYYY-MM-DD, UTC, inclusive.',
    end_date: 'Last day, YYYY-MM-DD, UTC, inclusive.',
    user_id: 'Who closed the sales.',
  },
  problems: { 400: ['date_invalid', 'closer_invalid'], 403: ['closer_not_in_team'] },
}
