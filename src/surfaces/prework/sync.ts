import { z } from 'zod'
import { getDocument, listEdits } from '../../document/operations.ts'
import { followSync, syncStream } from '../../document/stream.ts'
import { listPresence, sync } from '../../document/sync.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { asked, bodyOf, defined } from './shapes.ts'

const mine = ['actor_mismatch', 'tenant_mismatch']
const seen = ['organization_not_found', 'checklist_not_found']
const rate = { name: 'sync', perMinute: 6_000 }

const ofQuery =
  (...names: readonly string[]) =>
  (request: WireRequest): unknown => ({
    ...defined(Object.fromEntries(names.map((name) => [name, request.query[name]]))),
    ...asked(request).where,
  })
const document = { entityId: 'The checklist.', entityType: '`checklist`.' }

/** What each action needs besides: contracts/prework.md, section 8. */
const syncBody = z.looseObject({ action: z.enum(['join_session', 'leave_session', 'update_cursor', 'apply_operation']) })

/** Documents over REST: who is there, what was done, and what is asked for (contracts/prework.md, section 8). */
export const syncRoutes: readonly Route[] = [
  route('POST', '/api/sync', sync, {
    rate,
    requestSchema: syncBody,
    example: {
      request: { action: 'join_session', entityType: 'checklist', entityId: '019b1f3a-7c40-7000-8000-00000000002a', sessionId: 'tab-1' },
    },
    problems: {
      400: ['action_unknown', 'invalid_operation'],
      403: mine,
      404: [...seen, 'team_not_found', 'assignment_not_found'],
      409: ['version_mismatch', 'version_conflict', 'operation_id_reused', 'frozen'],
      410: ['resync_required'],
      413: ['document_too_large'],
    },
    input: (request) => {
      const { where, fields } = asked({ ...request, body: bodyOf(request) }, ['userId'])
      const { action, ...rest } = fields
      return { action, fields: rest, ...where }
    },
  }),
  route('GET', '/api/sync', listPresence, {
    rate,
    problems: { 400: ['parameter_missing'], 404: [...seen, 'team_not_found', 'assignment_not_found'] },
    query: document,
    input: ofQuery('entityId', 'entityType'),
  }),
  route('GET', '/api/sync/stream', followSync, {
    rate,
    ticket: true,
    problems: { 404: [...seen, 'team_not_found', 'assignment_not_found'], 429: ['too_many_streams'], 501: ['streams_unsupported'] },
    query: {
      ...document,
      sinceVersion: 'What came after it is sent first.',
      sessionId: 'Kept alive by this stream.',
      ticket: 'Instead of a header.',
    },
    input: (request) => ({
      ...(ofQuery('entityId', 'entityType', 'sinceVersion', 'sessionId')(request) as object),
      ...defined({ lastEventId: request.headers['last-event-id'] }),
    }),
    stream: syncStream,
  }),
  route('GET', '/api/sync/state', getDocument, {
    rate,
    problems: { 404: seen },
    query: document,
    input: ofQuery('entityId', 'entityType'),
  }),
  route('GET', '/api/sync/operations', listEdits, {
    rate,
    problems: { 404: seen },
    query: { ...document, sinceVersion: 'Those above it.', limit: '1 to 1000.' },
    input: ofQuery('entityId', 'entityType', 'sinceVersion', 'limit'),
  }),
]
