import { handOver } from '../../assignment/hand-over.ts'
import { listHistory } from '../../assignment/history.ts'
import { handOutContacts } from '../../assignment/native.ts'
import { undoHandOut } from '../../assignment/undo.ts'
import { createCampaign, getCampaign, listCampaigns, removeCampaign, updateCampaign } from '../../campaign/operations.ts'
import { listCampaignPeople } from '../../campaign/people.ts'
import { exportContacts, importContacts, undoImport } from '../../contact/import-contacts.ts'
import { createContact, getContact, listContacts, removeContact, updateContact } from '../../contact/native.ts'
import { getTags, setTags, tagContacts } from '../../contact/tags.ts'
import { type Route, type RouteOptions, route } from '../../http/route.ts'
import { decideApproval, listApprovals } from '../../onboarding/complete.ts'
import { mailLink } from '../../onboarding/mail.ts'

const created = (base: string) => ({ status: 201, headers: ({ id }: { id: string }) => ({ Location: `${base}/${id}` }) })
const list: RouteOptions<never> = { problems: { 422: ['bad_cursor'] } }
const bytes = 16 * 1024 * 1024

const campaign = { name: 'Spring mailing', channel: 'email', status: 'draft' }
const contact = { email: 'iris@example.org', firstName: 'Iris', lastName: 'Vale', company: 'Vale & Sons', leadScore: 12.5 }

/** Campaigns, contacts and the history of assignments (contracts/salesbrain.md, sections 4 and 8). */
export const contactRoutes: readonly Route[] = [
  route('POST', '/v1/campaigns', createCampaign, { ...created('/v1/campaigns'), example: { request: campaign } }),
  route('GET', '/v1/campaigns', listCampaigns, list),
  route('GET', '/v1/campaigns/:id', getCampaign),
  route('GET', '/v1/campaigns/:id/people', listCampaignPeople, list),
  route('PATCH', '/v1/campaigns/:id', updateCampaign, { example: { request: { version: 1, status: 'running' } } }),
  route('DELETE', '/v1/campaigns/:id', removeCampaign, { status: 204 }),

  route('POST', '/v1/contacts/import', importContacts, {
    status: 201,
    dryStatus: 200,
    bodyLimit: bytes,
    upload: {
      field: 'file',
      description: 'A CSV file (RFC 4180, UTF-8) with a header line, at most 16 MiB and 100,000 rows, sent as text/csv.',
    },
    input: ({ body, query, headers }) => ({ ...query, file: body, type: headers['content-type'] ?? '' }),
    query: { onDuplicate: 'skip (default) or update: what becomes of an address that is there already.', dryRun: 'true stores nothing.' },
    responseSchema: importContacts.output.omit({ isDryRun: true }),
    reply: ({ isDryRun, ...body }) => ({ status: isDryRun ? 200 : 201, body }),
    problems: { 422: ['import_unreadable'] },
  }),
  route('POST', '/v1/contacts/imports/:importId/undo', undoImport, { problems: { 404: ['import_not_found'], 409: ['already_undone'] } }),
  route('GET', '/v1/contacts/export', exportContacts, {
    responseType: 'text/csv',
    reply: ({ text }) => ({
      body: text,
      headers: { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': 'attachment; filename="contacts.csv"' },
    }),
  }),
  route('POST', '/v1/contacts/tags', tagContacts, {
    bodyLimit: 1024 * 1024,
    example: { request: { contactIds: ['01a21a9c-b2f7-7496-8853-71a57e593475'], add: ['trade fair'] } },
    problems: { 404: ['not_found'], 422: ['too_many_tags'] },
  }),
  route('GET', '/v1/contacts/:id/tags', getTags),
  route('PUT', '/v1/contacts/:id/tags', setTags, { example: { request: { tags: ['trade fair', 'vip'] } } }),
  route('POST', '/v1/contacts', createContact, { ...created('/v1/contacts'), example: { request: contact } }),
  route('GET', '/v1/contacts', listContacts, list),
  route('GET', '/v1/contacts/:id', getContact),
  route('PATCH', '/v1/contacts/:id', updateContact, { example: { request: { version: 1, phone: '+1 555 0100' } } }),
  route('DELETE', '/v1/contacts/:id', removeContact, { status: 204 }),

  route('POST', '/v1/users/:id/hand-over', handOver, {
    example: { request: { to: 'manager' } },
    problems: {
      403: ['actor_mismatch', 'tenant_mismatch'],
      404: ['organization_not_found', 'user_not_found'],
      409: ['no_manager', 'no_eligible_user', 'user_not_active'],
    },
  }),
  route('POST', '/v1/hand-outs', handOutContacts, {
    bodyLimit: 1024 * 1024,
    example: { request: { rule: 'weighted', filter: { owner: 'none' }, weights: { '01a21a9c-b2f7-7496-8853-71a57e593475': 2 } } },
    problems: {
      403: ['actor_mismatch', 'tenant_mismatch'],
      404: ['organization_not_found', 'user_not_found'],
      409: ['no_eligible_user'],
    },
  }),
  route('POST', '/v1/hand-outs/:batchId/undo', undoHandOut, {
    problems: {
      403: ['actor_mismatch', 'tenant_mismatch'],
      404: ['organization_not_found', 'hand_out_not_found'],
      409: ['already_undone'],
    },
  }),
  route('GET', '/v1/assignment-history', listHistory, list),
  route('POST', '/v1/onboarding/links/:linkId/mail', mailLink, {
    status: 202,
    example: { request: { to: ['new.hire@example.org'] } },
    problems: {
      403: ['actor_mismatch', 'tenant_mismatch'],
      404: ['organization_not_found', 'link_not_found'],
      409: ['link_not_sendable', 'link_without_token', 'mail_not_set'],
    },
  }),
  route('GET', '/v1/onboarding/approvals', listApprovals, list),
  route('POST', '/v1/onboarding/approvals/:id', decideApproval, { problems: { 409: ['already_decided'] } }),
]
