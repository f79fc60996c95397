import { type Route, type RouteOptions, route } from '../../http/route.ts'
import {
  createWebhook,
  getWebhook,
  listDeadLetters,
  listWebhooks,
  removeDeadLetters,
  removeWebhook,
  replayWebhook,
  resendDeadLetters,
  rotateWebhookSecret,
  updateWebhook,
} from '../../webhook/operations.ts'

type Described = Pick<RouteOptions<never>, 'problems' | 'example'>

const create: Described = {
  problems: { 409: ['too_many_webhooks'] },
  example: { request: { name: 'Payroll', url: 'https://hooks.example.org/holdfast', events: ['user.*', 'attendance.mark'] } },
}
const list: Described = { problems: { 422: ['bad_cursor'] } }

/** The tenant's log, sent to other systems (docs/webhooks.md). */
export const webhookRoutes: readonly Route[] = [
  route('POST', '/v1/webhooks', createWebhook, {
    ...create,
    status: 201,
    headers: ({ id }: { id: string }) => ({ Location: `/v1/webhooks/${id}` }),
  }),
  route('GET', '/v1/webhooks', listWebhooks, list),
  route('GET', '/v1/webhooks/:id', getWebhook),
  route('PATCH', '/v1/webhooks/:id', updateWebhook, { example: { request: { version: 1, isActive: false } } }),
  route('DELETE', '/v1/webhooks/:id', removeWebhook, { status: 204 }),
  route('POST', '/v1/webhooks/:id/rotate-secret', rotateWebhookSecret, { example: { request: { keepSeconds: 86_400 } } }),
  route('POST', '/v1/webhooks/:id/replay', replayWebhook, { example: { request: { after: 120 } } }),
  route('GET', '/v1/webhooks/:id/dead-letters', listDeadLetters, list),
  route('POST', '/v1/webhooks/:id/dead-letters/resend', resendDeadLetters),
  route('POST', '/v1/webhooks/:id/dead-letters/:letterId/resend', resendDeadLetters),
  route('DELETE', '/v1/webhooks/:id/dead-letters', removeDeadLetters, { status: 204 }),
  route('DELETE', '/v1/webhooks/:id/dead-letters/:letterId', removeDeadLetters, { status: 204 }),
]
