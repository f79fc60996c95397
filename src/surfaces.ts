import { type SurfaceName, surfaceNames } from './config.ts'
import type { Surface } from './http/route.ts'
import { fsm } from './surfaces/fsm/routes.ts'
import { prework } from './surfaces/prework/routes.ts'
import { salesbrain } from './surfaces/salesbrain/routes.ts'
import { satshine } from './surfaces/satshine/routes.ts'
import { v1 } from './surfaces/v1/routes.ts'
import { vantagepoint } from './surfaces/vantagepoint/routes.ts'

const byName: Readonly<Record<SurfaceName, Surface>> = { v1, vantagepoint, fsm, satshine, salesbrain, prework }

/** Every client family, in the order of its names. */
export const surfaces: readonly Surface[] = surfaceNames.map((name) => byName[name])
