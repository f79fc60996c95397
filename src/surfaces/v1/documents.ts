import { applyEdit, getDocument, listEdits } from '../../document/operations.ts'
import { restoreDocument } from '../../document/restore.ts'
import { listShares, openShare, shareExport, unshareExport } from '../../export/links.ts'
import { type Route, route } from '../../http/route.ts'
import { scrubMedia } from '../../media/scrub.ts'
import { createTicket } from '../../session/ticket.ts'

const unseen = ['organization_not_found', 'checklist_not_found']
const place = { organization: null, actors: [] }

/** Live documents for clients that post what they do; those that keep a socket open use `GET /v1/documents?ticket=`. */
export const documentRoutes: readonly Route[] = [
  route('POST', '/v1/media/scrub', scrubMedia),
  route('POST', '/v1/exports/:exportId/links', shareExport, {
    requestSchema: shareExport.input.omit({ exportId: true }),
    status: 201,
    problems: { 404: ['export_not_found'] },
    input: ({ params, body }) => ({ ...(typeof body === 'object' ? body : {}), ...params }),
  }),
  route('GET', '/v1/exports/:exportId/links', listShares, { problems: { 404: ['export_not_found'] } }),
  route('DELETE', '/v1/exports/:exportId/links/:linkId', unshareExport, {
    status: 204,
    problems: { 404: ['export_not_found', 'not_found'] },
    input: ({ params }) => params,
  }),
  route('GET', '/v1/shared/:token', openShare, {
    status: 302,
    reply: ({ url }) => ({ status: 302, headers: { Location: url, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' } }),
  }),
  route('POST', '/v1/tickets', createTicket, { status: 201, notIdempotent: true }),
  route('GET', '/v1/documents/:entityId', getDocument, {
    problems: { 404: unseen },
    input: ({ params }) => ({ ...params, ...place }),
  }),
  route('GET', '/v1/documents/:entityId/edits', listEdits, {
    problems: { 404: unseen },
    query: { sinceVersion: 'Those above it.', limit: '1 to 1000.' },
    input: ({ params, query }) => ({ ...query, ...params, ...place }),
  }),
  route('POST', '/v1/documents/:entityId/restore', restoreDocument, {
    requestSchema: restoreDocument.input.omit({ checklistId: true }),
    problems: {
      404: ['checklist_not_found'],
      409: ['version_mismatch', 'frozen'],
      410: ['resync_required'],
      413: ['document_too_large'],
      400: ['invalid_operation'],
    },
    input: ({ params, body }) => ({ ...(typeof body === 'object' ? body : {}), checklistId: params.entityId }),
  }),
  route('POST', '/v1/documents/:entityId/edits', applyEdit, {
    requestSchema: applyEdit.input.omit({ checklistId: true, organization: true, actors: true }),
    problems: {
      400: ['invalid_operation'],
      403: ['actor_mismatch', 'tenant_mismatch'],
      404: unseen,
      409: ['version_mismatch', 'version_conflict', 'operation_id_reused', 'frozen'],
      410: ['resync_required'],
      413: ['document_too_large'],
    },
    input: ({ params, body }) => ({ ...(typeof body === 'object' ? body : {}), checklistId: params.entityId, ...place }),
  }),
]
