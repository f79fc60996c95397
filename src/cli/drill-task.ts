import { type Drilled, runDrill } from '../drill.ts'
import { toTime } from '../kernel/clock.ts'
import { system } from '../kernel/context.ts'
import type { TaskCall } from './tasks.ts'

/** Rehearses the loss of everything (drill.ts), and writes down how it went. It runs where the store is open. */
export async function drillTask({ holdfast, origin }: TaskCall): Promise<Drilled> {
  const { storage, clock, services } = holdfast.runtime
  const { config, masterKeys } = holdfast.setup
  const drilled = await runDrill(config, masterKeys)
  const { target, snapshot, rows, entries, seconds, problems, ok } = drilled
  const { kind, id, name } = system
  await storage.platform().commit([], {
    actor: { kind, id, name },
    action: 'backup.drill',
    entity: null,
    requestId: origin.requestId,
    time: toTime(clock.realMs()),
    detail: { ok, target, snapshot, rows, entries, seconds, problems },
  })
  if (ok) services.log.info({ target, snapshot, rows, seconds }, 'backup: a drill brought everything back, and a person signed in')
  else services.log.error({ target, snapshot, problems }, 'backup: a drill failed')
  return drilled
}
