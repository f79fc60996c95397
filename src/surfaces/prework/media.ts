import { type Route, route, type WireRequest } from '../../http/route.ts'
import { askMedia, listMedia, removeMedia } from '../../media/operations.ts'
import { confirmUpload, requestUpload } from '../../media/upload.ts'
import { asked, defined, pageOf } from './shapes.ts'

const mine = ['actor_mismatch', 'tenant_mismatch']
const unseen = ['organization_not_found', 'media_not_found']
const ofBody = (request: WireRequest) => {
  const { where, fields } = asked(request, ['userId'])
  return { ...fields, ...where }
}

/** Files (contracts/prework.md, section 9). */
export const mediaRoutes: readonly Route[] = [
  route('POST', '/api/media/upload-url', requestUpload, {
    status: 201,
    rate: { name: 'upload', perMinute: 120 },
    problems: {
      400: ['file_type'],
      403: mine,
      404: ['organization_not_found', 'checklist_not_found', 'team_not_found'],
      409: ['frozen'],
      413: ['file_too_large'],
      422: ['media_limit'],
    },
    input: ofBody,
  }),
  route('POST', '/api/media/confirm-upload', confirmUpload, {
    problems: {
      403: mine,
      404: [...unseen, 'checklist_not_found', 'team_not_found'],
      409: ['frozen', 'upload_missing'],
      422: ['upload_mismatch'],
      503: ['busy', 'images_unavailable'],
    },
    input: ofBody,
  }),
  route('GET', '/api/media', listMedia, {
    problems: { 400: ['bad_cursor'], 404: ['organization_not_found', 'checklist_not_found'] },
    query: { submissionId: 'Of a submission.' },
    input: (request) => ({ ...pageOf(request), ...defined({ submissionId: request.query.submissionId }), ...asked(request).where }),
  }),
  route('POST', '/api/media', askMedia, {
    problems: { 400: ['action_unknown'], 403: mine, 404: unseen, 409: ['upload_incomplete', 'thumbnail_none'] },
    query: { action: '`download`, `metadata` or `thumbnail`.' },
    input: (request) => ({ ...(ofBody(request) as object), ...defined({ action: request.query.action }) }),
  }),
  route('DELETE', '/api/media', removeMedia, {
    problems: { 403: mine, 404: unseen, 409: ['frozen'] },
    query: { key: 'Of the file.' },
    input: (request) => ({ ...defined({ key: request.query.key }), ...asked(request).where }),
    reply: () => ({ body: { message: 'File deleted successfully' } }),
  }),
]
