import { z } from 'zod'
import { type Route, type RouteOptions, route, type WireRequest } from '../../http/route.ts'
import { completeLink } from '../../onboarding/complete.ts'
import { createLink, extendLink, getLink, getLinkCode, listLinks, revokeLink } from '../../onboarding/links.ts'
import { openLink, reportProgress } from '../../onboarding/public.ts'
import { type LinkView, listCompletions, listVisits } from '../../onboarding/view.ts'
import { askedOf, bodyOf, data, defined, instant, instantOrNull, message, quiet } from './shapes.ts'

const base = '/api/admin/onboarding'
const success = z.literal(true)
const enveloped = z.object({ success, data: z.record(z.string(), z.unknown()) })
const said = z.object({ success, message: z.string() })
const tenantQuery = { organization_id: 'Staff of the platform name the tenant; everyone else may only name their own.' }
const pageQuery = { ...tenantQuery, limit: '1 to 500, 100 unless said.', offset: '0 or more.' }
const mismatches = ['actor_mismatch', 'tenant_mismatch']

/** A link as its managers see it. */
const shown = (link: LinkView) => ({
  id: link.id,
  organization_id: link.organizationId,
  created_by: link.createdBy,
  link_token: link.token,
  link_url: link.url,
  template_id: link.templateId,
  template_name: link.templateName,
  welcome_message: link.welcomeMessage,
  status: link.status,
  expires_at: instant(link.expiresAt),
  clicks_count: link.clicksCount,
  first_accessed_at: instantOrNull(link.firstAccessedAt),
  last_accessed_at: instantOrNull(link.lastAccessedAt),
  completed_at: instantOrNull(link.completedAt),
  current_step: link.currentStep,
  total_steps: link.totalSteps,
  progress_percentage: link.progressPercentage,
  ip_addresses: link.visits.map(({ ipAddress, accessedAt }) => ({ ip: ipAddress, timestamp: instant(accessedAt) })),
  user_agents: link.visits.map(({ userAgent, accessedAt }) => ({ user_agent: userAgent, timestamp: instant(accessedAt) })),
  created_at: instant(link.createdAt),
  updated_at: instant(link.updatedAt),
  revoked_at: instantOrNull(link.revokedAt),
  revoked_by: link.revokedBy,
  revoked_reason: link.revokedReason,
  organization_name: link.organizationName,
  created_by_email: link.createdByEmail,
  max_uses: link.maxUses,
  uses_count: link.usesCount,
  dedupe_seconds: link.dedupeSeconds,
  creates_user: link.createsUser,
  user_role: link.userRole,
  team_id: link.teamId,
})

const paged = (field: string, items: readonly unknown[], { total, limit, offset }: { total: number; limit: number; offset: number }) =>
  data({ [field]: items, total, limit, offset, has_more: offset + items.length < total })

const linkId = ({ params }: WireRequest) => ({ linkId: params.link_id })
const pageOf = ({ query }: WireRequest) => defined({ limit: query.limit, offset: query.offset })

/** Whoever fetches a page to show what it is about has not opened it. */
const robots = /facebookexternalhit|WhatsApp|Slackbot|TelegramBot|Twitterbot|LinkedInBot|Discordbot|SkypeUriPreview/i
const fetchers = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'] as const

const isCounted = ({ method, headers }: WireRequest): boolean =>
  (method as string) !== 'HEAD' &&
  !fetchers.some((name) => /prefetch|preview/i.test(headers[name] ?? '')) &&
  !robots.test(headers['user-agent'] ?? '')

const session = ({ headers }: WireRequest) => headers['x-onboarding-session'] ?? null
const misses: RouteOptions<never>['problems'] = { 403: ['tenant_inactive', 'tenant_expired'], 429: ['token_misses'] }

/** Onboarding links (contracts/salesbrain.md, sections 5 to 7). */
export const onboardingRoutes: readonly Route[] = [
  route('POST', `${base}/create-link`, createLink, {
    status: 201,
    problems: { 403: [...mismatches, 'role_not_grantable'], 404: ['organization_not_found', 'team_not_found'] },
    query: { ...tenantQuery, created_by: 'The caller, where a client sends it.' },
    requestSchema: z.object({
      organization_id: z.uuid().optional(),
      template_name: z.string().optional(),
      welcome_message: z.string().optional(),
      expiration_days: z.int().optional(),
      total_steps: z.int().optional(),
      expires_at: z.string().optional(),
      max_uses: z.int().nullable().optional(),
      dedupe_seconds: z.int().optional(),
      creates_user: z.boolean().optional(),
      user_role: z.string().optional(),
      team_id: z.uuid().optional(),
      requires_approval: z.boolean().optional(),
    }),
    responseSchema: enveloped,
    input(request) {
      const body = bodyOf(request)
      return {
        ...askedOf(request, 'created_by'),
        ...defined({
          templateName: body.template_name,
          welcomeMessage: body.welcome_message,
          expirationDays: body.expiration_days,
          totalSteps: body.total_steps,
          expiresAt: body.expires_at,
          maxUses: body.max_uses,
          dedupeSeconds: body.dedupe_seconds,
          createsUser: body.creates_user,
          userRole: body.user_role,
          teamId: body.team_id,
          needsApproval: body.requires_approval,
        }),
      }
    },
    reply: ({ url, id, token, expiresAt }) =>
      data({ link_url: url, link_id: id, link_token: token, expires_at: instant(expiresAt), status: 'active' }),
  }),
  route('GET', `${base}/links`, listLinks, {
    problems: { 404: ['organization_not_found'] },
    query: { ...pageQuery, status: 'As it stands now: active, expired, used or revoked.', created_by: 'Whose links.' },
    responseSchema: enveloped,
    input: (request) => ({
      ...askedOf(request, null),
      ...pageOf(request),
      ...defined({ status: request.query.status, createdBy: request.query.created_by }),
    }),
    reply: ({ items, ...page }) =>
      paged(
        'links',
        items.map((link) => ({
          ...shown(link),
          created_by_first_name: link.createdByFirstName,
          created_by_last_name: link.createdByLastName,
        })),
        page,
      ),
  }),
  route('GET', `${base}/link/:link_id`, getLink, {
    problems: { 404: ['organization_not_found', 'link_not_found'] },
    query: tenantQuery,
    responseSchema: enveloped,
    input: (request) => ({ ...askedOf(request, null), ...linkId(request) }),
    reply: (link) => data(shown(link)),
  }),
  route('POST', `${base}/link/:link_id/revoke`, revokeLink, {
    problems: { 403: mismatches, 404: ['organization_not_found', 'link_not_found'] },
    query: { ...tenantQuery, revoked_by: 'The caller, where a client sends it.' },
    requestSchema: z.object({ reason: z.string().optional() }),
    responseSchema: said,
    input: (request) => ({ ...askedOf(request, 'revoked_by'), ...linkId(request), ...defined({ reason: bodyOf(request).reason }) }),
    reply: (_, { params }) => message(`Onboarding link ${params.link_id} revoked successfully`),
  }),
  route('POST', `${base}/link/:link_id/extend`, extendLink, {
    problems: { 403: mismatches, 404: ['organization_not_found', 'link_not_found'], 409: ['link_not_extendable'] },
    query: tenantQuery,
    requestSchema: z.object({ additional_days: z.int().optional() }),
    responseSchema: said,
    input: (request) => ({
      ...askedOf(request, null),
      ...linkId(request),
      ...defined({ additionalDays: bodyOf(request).additional_days }),
    }),
    reply: ({ days }) => message(`Link expiration extended by ${days} days`),
  }),
  route('GET', `${base}/link/:link_id/qr`, getLinkCode, {
    problems: { 404: ['organization_not_found', 'link_not_found'], 409: ['link_without_token'] },
    query: { ...tenantQuery, format: 'png (default) or svg.', size: '64 to 2048 pixels, 512 unless said.' },
    responseType: 'image/png',
    isBase64: true,
    input: (request) => ({
      ...askedOf(request, null),
      ...linkId(request),
      ...defined({ format: request.query.format, size: request.query.size }),
    }),
    reply: ({ format, base64 }) => ({
      body: base64,
      headers: { ...quiet, 'content-type': format === 'png' ? 'image/png' : 'image/svg+xml' },
    }),
  }),
  route('GET', `${base}/link/:link_id/visits`, listVisits, {
    problems: { 404: ['organization_not_found', 'link_not_found'] },
    query: pageQuery,
    responseSchema: enveloped,
    input: (request) => ({ ...askedOf(request, null), ...linkId(request), ...pageOf(request) }),
    reply: ({ items, ...page }) =>
      paged(
        'visits',
        items.map(({ accessedAt, ipAddress, userAgent }) => ({ visited_at: instant(accessedAt), ip: ipAddress, user_agent: userAgent })),
        page,
      ),
  }),
  route('GET', `${base}/link/:link_id/completions`, listCompletions, {
    problems: { 404: ['organization_not_found', 'link_not_found'] },
    query: pageQuery,
    responseSchema: enveloped,
    input: (request) => ({ ...askedOf(request, null), ...linkId(request), ...pageOf(request) }),
    reply: ({ items, ...page }) =>
      paged(
        'completions',
        items.map((row) => ({
          completion_id: row.id,
          completed_at: instant(row.completedAt),
          session: row.session,
          user_id: row.userId,
          login: row.login,
          name: row.name,
          role: row.role,
          team_id: row.teamId,
          ip: row.ip,
          user_agent: row.userAgent,
        })),
        page,
      ),
  }),

  route('GET', `${base}/o/:link_token`, openLink, {
    problems: {
      403: ['link_revoked', 'tenant_inactive', 'tenant_expired'],
      404: ['link_not_found'],
      410: ['link_expired', 'link_used'],
      422: ['session_required'],
      429: ['token_misses'],
    },
    responseSchema: enveloped,
    input: (request) => ({ token: request.params.link_token, session: session(request), isCounted: isCounted(request) }),
    reply: (link) =>
      data({
        organization_name: link.organizationName,
        welcome_message: link.welcomeMessage,
        total_steps: link.totalSteps,
        current_step: link.currentStep,
        progress_percentage: link.progressPercentage,
        template_name: link.templateName,
        ...(link.createsUser ? { creates_user: true } : {}),
      }),
  }),
  route('PUT', `${base}/o/:link_token/progress`, reportProgress, {
    problems: { ...misses, 404: ['link_not_active'], 422: ['session_required'] },
    requestSchema: z.object({ current_step: z.int(), progress_percentage: z.int() }),
    responseSchema: said,
    input(request) {
      const body = bodyOf(request)
      return {
        token: request.params.link_token,
        session: session(request),
        ...defined({ currentStep: body.current_step, progressPercentage: body.progress_percentage }),
      }
    },
    reply: () => message('Progress updated successfully'),
  }),
  route('POST', `${base}/o/:link_token/complete`, completeLink, {
    problems: { ...misses, 404: ['link_not_active'], 409: ['login_taken'], 422: ['session_required', 'weak_password'] },
    requestSchema: z.object({
      first_name: z.string().optional(),
      last_name: z.string().optional(),
      username: z.string().optional(),
      email: z.string().optional(),
      password: z.string().optional(),
    }),
    responseSchema: said.extend({ data: z.record(z.string(), z.unknown()).optional() }),
    input(request) {
      const { first_name, last_name, username, email, password } = bodyOf(request)
      return {
        token: request.params.link_token,
        session: session(request),
        body: defined({ firstName: first_name, lastName: last_name, username, email, password }),
      }
    },
    reply: ({ user }) =>
      message(
        'Onboarding completed successfully! 🎉',
        user === null ? {} : { data: { user_id: user.id, login: user.login, role: user.role } },
      ),
  }),
]
