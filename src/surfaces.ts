import type { Surface } from './http/route.ts'
import { fsm } from './surfaces/fsm/routes.ts'
import { prework } from './surfaces/prework/routes.ts'
import { salesbrain } from './surfaces/salesbrain/routes.ts'
import { satshine } from './surfaces/satshine/routes.ts'
import { v1 } from './surfaces/v1/routes.ts'
import { vantagepoint } from './surfaces/vantagepoint/routes.ts'

/** Every client family that is served, our own first: it answers where no other prefix fits. */
export const surfaces: readonly Surface[] = [v1, vantagepoint, fsm, satshine, salesbrain, prework]
