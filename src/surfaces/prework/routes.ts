import type { Surface } from '../../http/route.ts'
import { checklistRoutes } from './checklists.ts'
import { exportRoutes } from './exports.ts'
import { mediaRoutes } from './media.ts'
import { metricRoutes } from './metrics.ts'
import { peopleRoutes } from './people.ts'
import { problem } from './problem.ts'
import { withBody } from './shapes.ts'
import { syncRoutes } from './sync.ts'
import { teamRoutes } from './teams.ts'

/** The dialect of the clients of pre-work checklists (contracts/prework.md). */
export const prework: Surface = {
  name: 'prework',
  prefix: '/api',
  bodyLimit: 1024 * 1024,
  emptyBody: 'object',
  anyMediaType: false,
  wrongMethod: 405,
  showsRate: true,
  idempotencyKey: /^[\x20-\x7e]{1,200}$/,
  problem,
  routes: [...peopleRoutes, ...teamRoutes, ...metricRoutes, ...checklistRoutes, ...syncRoutes, ...mediaRoutes, ...exportRoutes].map(
    withBody,
  ),
}
