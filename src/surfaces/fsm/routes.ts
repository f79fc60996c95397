import type { Surface } from '../../http/route.ts'
import { appointmentRoutes } from './appointments.ts'
import { problem } from './problem.ts'
import { tenantRoutes } from './tenants.ts'

/** The dialect of appointment managers for field service (contracts/fsm.md). */
export const fsm: Surface = {
  name: 'fsm',
  prefix: '/fsm',
  bodyLimit: 16 * 1024,
  emptyBody: 'undefined',
  anyMediaType: false,
  wrongMethod: 405,
  knowsCallers: true,
  preflight: {
    status: 200,
    body: { message: 'CORS preflight' },
    methods: 'GET,POST,PUT,DELETE,OPTIONS',
    headers: 'Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,If-Match,Idempotency-Key',
  },
  problem,
  routes: [...tenantRoutes, ...appointmentRoutes],
}
