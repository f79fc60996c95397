import { z } from 'zod'
import { assignCampaigns, assignContacts } from '../../assignment/assign.ts'
import { bulkAssign } from '../../assignment/bulk.ts'
import { listAssignees, listAssignments } from '../../assignment/list.ts'
import { removeCampaignAssignment, removeContactAssignment } from '../../assignment/remove.ts'
import { undoHandOut } from '../../assignment/undo.ts'
import { type Route, type RouteOptions, route, type WireRequest } from '../../http/route.ts'
import { askedOf, data, defined, fieldsOf, instant, instantOrNull, message, quiet } from './shapes.ts'

const base = '/api/admin/users'
/** Lists of a thousand ids, and more that are refused by their number. */
const bodyLimit = 1024 * 1024

const success = z.literal(true)
const failures = z.object({
  success,
  success_count: z.int(),
  failed_count: z.int(),
  failed_items: z.array(z.record(z.string(), z.string())),
})
const said = z.object({ success, message: z.string() })

const tenantQuery = { organization_id: 'Staff of the platform name the tenant; everyone else may only name their own.' }
const changeQuery = { ...tenantQuery, assigned_by: 'The caller, where a client sends it.' }
const changes: RouteOptions<never>['problems'] = {
  403: ['actor_mismatch', 'tenant_mismatch'],
  404: ['organization_not_found', 'user_not_found'],
  409: ['user_not_active'],
}

const roleWord = (role: string): string => (role === 'owner' || role === 'admin' ? role : 'member')

const assigned =
  (idField: 'campaign_id' | 'contact_id') =>
  ({ succeeded, failed }: { succeeded: number; failed: { id: string; code: string; error: string }[] }) => ({
    body: {
      success: true,
      success_count: succeeded,
      failed_count: failed.length,
      failed_items: failed.map(({ id, ...why }) => ({ [idField]: id, ...why })),
    },
    headers: quiet,
  })

const userId = ({ params }: WireRequest) => ({ userId: params.user_id })

/** Who is assigned to what (contracts/salesbrain.md, sections 3 and 4). */
export const assignmentRoutes: readonly Route[] = [
  route('GET', base, listAssignees, {
    problems: { 404: ['organization_not_found'], 422: ['bad_cursor'] },
    query: { ...tenantQuery, limit: '1 to 500. Absent: the first 5,000.', cursor: 'The `next_cursor` of the page before.' },
    input: (request) => defined({ ...askedOf(request, null), limit: request.query.limit, cursor: request.query.cursor }),
    responseSchema: z.object({ success, data: z.array(z.record(z.string(), z.unknown())), next_cursor: z.string().nullable().optional() }),
    reply: ({ items, nextCursor }, { query }) => ({
      body: {
        success: true,
        data: items.map(({ user, firstName, lastName, campaigns, contacts }) => ({
          id: user.id,
          email: user.email,
          first_name: firstName,
          last_name: lastName,
          role: roleWord(user.role),
          status: user.status,
          created_at: instant(user.createdAt),
          campaigns_count: campaigns,
          contacts_count: contacts,
          assignable: user.assignable,
        })),
        ...(query.limit === undefined && nextCursor === null ? {} : { next_cursor: nextCursor }),
      },
      headers: quiet,
    }),
  }),
  route('GET', `${base}/:user_id/assignments`, listAssignments, {
    problems: { 404: ['organization_not_found', 'user_not_found'] },
    query: tenantQuery,
    input: (request) => ({ ...askedOf(request, null), ...userId(request) }),
    responseSchema: z.object({ success, data: z.record(z.string(), z.unknown()) }),
    reply: ({ campaigns, contacts, campaignsCount, contactsCount }) =>
      data({
        campaigns: campaigns.map(({ assignment, campaign }) => ({
          assignment_id: assignment.id,
          campaign_id: campaign.id,
          campaign_name: campaign.name,
          campaign_status: campaign.status,
          role: assignment.role,
          can_edit: assignment.canEdit,
          can_view_stats: assignment.canViewStats,
          can_manage_contacts: assignment.canManageContacts,
          assigned_at: instant(assignment.assignedAt),
        })),
        contacts: contacts.map(({ assignment, contact }) => ({
          assignment_id: assignment.id,
          contact_id: contact.id,
          contact_email: contact.email,
          first_name: contact.firstName,
          last_name: contact.lastName,
          company: contact.company,
          lead_score: contact.leadScore,
          assignment_type: assignment.assignmentType,
          is_primary_owner: assignment.isPrimaryOwner,
          last_contacted_at: instantOrNull(assignment.lastContactedAt),
          next_followup_at: instantOrNull(assignment.nextFollowupAt),
          interactions_count: assignment.interactionsCount,
          assigned_at: instant(assignment.assignedAt),
        })),
        campaigns_count: campaignsCount,
        contacts_count: contactsCount,
      }),
  }),
  route('POST', `${base}/:user_id/assign-campaigns`, assignCampaigns, {
    bodyLimit,
    problems: changes,
    query: changeQuery,
    requestSchema: z.object({
      campaign_ids: z.array(z.uuid()).max(1_000),
      role: z.string().optional(),
      can_edit: z.boolean().optional(),
      can_view_stats: z.boolean().optional(),
      can_manage_contacts: z.boolean().optional(),
    }),
    responseSchema: failures,
    input(request) {
      const { campaign_ids, role, can_edit, can_view_stats, can_manage_contacts } = fieldsOf(request)
      return {
        ...askedOf(request),
        ...userId(request),
        ...defined({
          campaignIds: campaign_ids,
          role,
          canEdit: can_edit,
          canViewStats: can_view_stats,
          canManageContacts: can_manage_contacts,
        }),
      }
    },
    reply: assigned('campaign_id'),
  }),
  route('POST', `${base}/:user_id/assign-contacts`, assignContacts, {
    bodyLimit,
    problems: changes,
    query: changeQuery,
    requestSchema: z.object({
      contact_ids: z.array(z.uuid()).max(1_000),
      assignment_type: z.string().optional(),
      is_primary_owner: z.boolean().optional(),
    }),
    responseSchema: failures,
    input(request) {
      const { contact_ids, assignment_type, is_primary_owner } = fieldsOf(request)
      return {
        ...askedOf(request),
        ...userId(request),
        ...defined({ contactIds: contact_ids, assignmentType: assignment_type, isPrimaryOwner: is_primary_owner }),
      }
    },
    reply: assigned('contact_id'),
  }),
  route('DELETE', `${base}/:user_id/campaigns/:campaign_id`, removeCampaignAssignment, {
    problems: { 403: changes[403] ?? [], 404: ['organization_not_found', 'user_not_found', 'assignment_not_active'] },
    query: changeQuery,
    responseSchema: said,
    input: (request) => ({ ...askedOf(request), ...userId(request), campaignId: request.params.campaign_id }),
    reply: () => message('User removed from campaign'),
  }),
  route('DELETE', `${base}/:user_id/contacts/:contact_id`, removeContactAssignment, {
    problems: { 403: changes[403] ?? [], 404: ['organization_not_found', 'user_not_found', 'assignment_not_active'] },
    query: changeQuery,
    responseSchema: said,
    input: (request) => ({ ...askedOf(request), ...userId(request), contactId: request.params.contact_id }),
    reply: () => message('Contact removed from user'),
  }),
  route('POST', '/api/admin/contacts/bulk-assign', bulkAssign, {
    bodyLimit,
    problems: { ...changes, 409: ['user_not_active', 'no_eligible_user'] },
    query: changeQuery,
    requestSchema: z.object({
      assignment_mode: z.string(),
      contact_ids: z.array(z.uuid()).max(1_000).optional(),
      filter: z.object({ owner: z.string(), import_id: z.uuid().optional(), limit: z.int().optional() }).optional(),
      user_ids: z.array(z.uuid()).optional(),
      reassign: z.boolean().optional(),
    }),
    responseSchema: z.object({
      success,
      assignments_created: z.int(),
      distribution: z.record(z.string(), z.int()),
      failed_count: z.int(),
      failed_items: z.array(z.record(z.string(), z.string())),
      batch_id: z.string().nullable(),
    }),
    input(request) {
      const { assignment_mode, contact_ids, filter, user_ids, reassign } = fieldsOf(request)
      return {
        ...askedOf(request),
        ...defined({ mode: assignment_mode, contactIds: contact_ids, filter: filterOf(filter), userIds: user_ids, reassign }),
      }
    },
    reply: ({ created, distribution, failed, batchId }) => ({
      body: {
        success: true,
        assignments_created: created,
        distribution,
        failed_count: failed.length,
        failed_items: failed.map(({ id, ...why }) => ({ contact_id: id, ...why })),
        batch_id: batchId,
      },
      headers: quiet,
    }),
  }),
  route('POST', '/api/admin/contacts/bulk-assign/:batch_id/undo', undoHandOut, {
    problems: { 403: changes[403] ?? [], 404: ['organization_not_found', 'hand_out_not_found'], 409: ['already_undone'] },
    query: changeQuery,
    responseSchema: said.extend({ undone_count: z.int(), kept_count: z.int() }),
    input: (request) => ({ ...askedOf(request), batchId: request.params.batch_id }),
    reply: ({ undone, kept }) => message('Hand-out undone', { undone_count: undone, kept_count: kept }),
  }),
]

function filterOf(filter: unknown): unknown {
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) return filter
  const { owner, import_id, limit } = filter as Record<string, unknown>
  return defined({ owner, importId: import_id, limit })
}
