import { type Route, route, type WireRequest } from '../../http/route.ts'
import { admitBytes, askOlder, putBytes } from '../../media/older.ts'
import { askMedia, removeMedia } from '../../media/operations.ts'
import { mostBytes } from '../../media/quota.ts'
import { confirmUpload, requestUpload } from '../../media/upload.ts'
import { asked, defined, pageOf, told } from './shapes.ts'

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
      422: ['media_limit', 'media_quota'],
    },
    input: ofBody,
  }),
  route('POST', '/api/media/confirm-upload', confirmUpload, {
    problems: {
      403: mine,
      404: [...unseen, 'checklist_not_found', 'team_not_found'],
      409: ['frozen', 'upload_missing'],
      422: ['upload_mismatch', 'media_quota'],
      503: ['busy', 'images_unavailable'],
    },
    input: ofBody,
  }),
  route('GET', '/api/media', askOlder, {
    problems: {
      400: ['bad_cursor', 'file_type'],
      403: mine,
      404: ['organization_not_found', 'checklist_not_found'],
      413: ['file_too_large'],
      422: ['media_quota'],
    },
    query: {
      submissionId: 'Of a submission.',
      fileName: 'Older clients: the name of a file of one’s own that is to be uploaded.',
      fileType: 'Its media type.',
      fileSize: 'In bytes, if it is known.',
      checksum: 'SHA-256 in hex, if it is known.',
    },
    input: ({ query, ...request }) => ({
      ...pageOf({ query, ...request }),
      ...defined({
        submissionId: query.submissionId,
        fileName: query.fileName,
        fileType: query.fileType,
        fileSize: query.fileSize,
        checksum: query.checksum,
      }),
      ...asked({ query, ...request }).where,
    }),
  }),
  route('PUT', '/api/media/bytes/:tenantId/:fileId', putBytes, {
    responseSchema: told,
    bodyLimit: mostBytes,
    admit: admitBytes,
    upload: { field: 'file', description: 'The bytes of the file, with the headers that came with the address.' },
    query: { expires: 'As in the address.', signature: 'As in the address.' },
    problems: { 400: ['file_type'], 403: ['signature_invalid', 'signature_expired'], 404: ['not_found'], 409: ['object_exists'] },
    input: ({ params, query, headers, body }) => ({ ...params, ...query, type: headers['content-type'] ?? '', bytes: body }),
    reply: () => ({ body: { message: 'File uploaded successfully' } }),
  }),
  route('POST', '/api/media', askMedia, {
    problems: { 400: ['action_unknown'], 403: mine, 404: unseen, 409: ['upload_incomplete', 'thumbnail_none'] },
    query: { action: '`download`, `metadata` or `thumbnail`.' },
    input: (request) => ({ ...(ofBody(request) as object), ...defined({ action: request.query.action }) }),
  }),
  route('DELETE', '/api/media', removeMedia, {
    responseSchema: told,
    problems: { 403: mine, 404: unseen, 409: ['frozen'] },
    query: { key: 'Of the file.' },
    input: (request) => ({ ...defined({ key: request.query.key }), ...asked(request).where }),
    reply: () => ({ body: { message: 'File deleted successfully' } }),
  }),
]
