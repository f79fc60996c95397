import type { Origin, Principal, Runtime } from '../kernel/context.ts'
import { countNetworkFailure } from './network-throttle.ts'

const hourMs = 60 * 60_000

/**
 * Counts one attempt to create a tenant while anyone may, whatever becomes of it; staff is not counted. The count is in the store, so it survives a restart and holds across processes
 * (contracts/fsm.md, section 3). Errors: `setup_throttled` when the hour's attempts of this network are used up.
 */
export async function admitSetup({
  runtime,
  principal,
  origin,
}: {
  runtime: Runtime
  principal: Principal
  origin: Origin
}): Promise<void> {
  const { openSetup, setupPerHour } = runtime.services.settings.fsm
  if (!openSetup || principal.kind === 'platform') return
  const limit = { name: 'setup', most: setupPerHour, code: 'setup_throttled', action: 'tenant.attempt', windowMs: hourMs }
  await countNetworkFailure({ runtime, origin }, limit)
}
