import { createExport, getExport, listExports } from '../../export/operations.ts'
import { type Route, route } from '../../http/route.ts'
import { asked, bodyInput, queryInput } from './shapes.ts'

const mine = ['actor_mismatch', 'tenant_mismatch']

/** Documents made of checklists (contracts/prework.md, section 10). */
export const exportRoutes: readonly Route[] = [
  route('POST', '/api/exports', createExport, {
    status: 201,
    problems: { 403: mine, 404: ['organization_not_found', 'checklist_not_found'], 500: ['export_failed'], 503: ['busy'] },
    input: bodyInput(),
  }),
  route('GET', '/api/exports', listExports, {
    problems: { 400: ['bad_cursor'], 404: ['organization_not_found', 'checklist_not_found'] },
    query: { entityId: 'Of this checklist.' },
    input: queryInput([], ['entityId']),
  }),
  route('GET', '/api/exports/:exportId', getExport, {
    problems: { 404: ['organization_not_found', 'export_not_found'] },
    input: (request) => ({ ...request.params, ...asked(request).where }),
  }),
]
