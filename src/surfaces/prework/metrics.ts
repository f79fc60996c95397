import { type Route, route } from '../../http/route.ts'
import { tellMetric } from '../../metrics/operations.ts'
import { bodyInput } from './shapes.ts'

/** What clients tell of themselves (contracts/prework.md section 12). */
export const metricRoutes: readonly Route[] = [
  route('POST', '/api/metrics', tellMetric, {
    responseSchema: tellMetric.output,
    status: 202,
    problems: { 403: ['actor_mismatch', 'tenant_mismatch'], 404: ['organization_not_found'] },
    input: bodyInput(),
    reply: (body) => ({ status: 202, body }),
    example: { request: { operation: 'checklist.load', duration: 132.5, success: true } },
  }),
]
