import type { Surface } from '../../http/route.ts'
import { attendanceRoutes } from './attendance.ts'
import { countRoutes } from './counts.ts'
import { employeeRoutes } from './employees.ts'
import { leaveRoutes } from './leave.ts'
import { problem } from './problem.ts'

/** A field workforce's dialect (contracts/satshine.md). */
export const satshine: Surface = {
  name: 'satshine',
  prefix: '/auth',
  bodyLimit: 1024 * 1024,
  emptyBody: 'object',
  anyMediaType: true,
  slashMayLack: true,
  wrongMethod: 405,
  problem,
  routes: [...employeeRoutes, ...attendanceRoutes, ...leaveRoutes, ...countRoutes],
}
