import type { Surface } from '../../http/route.ts'
import { assignmentRoutes } from './assignments.ts'
import { onboardingRoutes } from './onboarding.ts'
import { problem } from './problem.ts'

/** The dialect of a sales application's clients: assignments and onboarding links (contracts/salesbrain.md). */
export const salesbrain: Surface = {
  name: 'salesbrain',
  prefix: '/api/admin',
  bodyLimit: 1024 * 1024,
  emptyBody: 'object',
  anyMediaType: false,
  wrongMethod: 405,
  problem,
  routes: [...assignmentRoutes, ...onboardingRoutes],
}
