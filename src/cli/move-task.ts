import { z } from 'zod'
import { toTime } from '../kernel/clock.ts'
import { system } from '../kernel/context.ts'
import { openBeside } from '../main.ts'
import { moveAction } from '../move/confirm.ts'
import { type Moved, moveStorage } from '../move/run.ts'
import { openSealed } from '../move/sealed.ts'
import { asTarget, reaching } from '../move/target.ts'
import { openKeyRing } from '../session/key-ring.ts'
import type { Storage } from '../storage/port.ts'
import { type StorageConfig, storageText } from '../storage-config.ts'
import { type Moved as MovedNote, writeMoved } from './moved.ts'
import type { TaskCall } from './tasks.ts'

const input = z.object({ to: z.custom<StorageConfig>(), from: z.string(), dataFolder: z.string() })

/** `sealed`: a server ran, and takes no more writes. */
export type MoveAnswer = Moved & { sealed: boolean }

/** Moves the open storage to another one. It runs where the source is open: in the server, which goes on serving, or in the command. */
export async function moveTask({ holdfast, input: given, origin, events, isServed }: TaskCall): Promise<MoveAnswer> {
  const { to, from, dataFolder } = input.parse(given)
  const { runtime, pause } = holdfast
  const { services, storage: source, clock } = runtime
  const opened = await reaching(() => openBeside(to, dataFolder, services.log))
  try {
    const target = asTarget(opened)
    const startedMs = performance.now()
    const moved = await moveStorage({
      source,
      target,
      entities: services.entities,
      pause,
      check: () => openSealed(target, services.sealer),
      told: (progress) => events.progress?.(progress),
    })
    const note: MovedNote = { from, to: storageText(to), at: toTime(clock.realMs()), sealed: isServed }
    await reaching(() => tell(opened, holdfast, { note, moved, requestId: origin.requestId }))
    writeMoved(dataFolder, note)
    services.log.info({ to: note.to, pausedMs: moved.pausedMs, ms: Math.round(performance.now() - startedMs) }, 'storage moved')
    return { ...moved, sealed: isServed }
  } finally {
    await opened.close()
  }
}

type Told = { note: MovedNote; moved: Moved; requestId: string }

/** The move's own entry, in the target and after the comparison, so that both were equal. Its key signs it: the first commit there proves that it can go on. */
async function tell(target: Storage, { runtime }: TaskCall['holdfast'], { note, moved, requestId }: Told): Promise<void> {
  const { clock, ids, services } = runtime
  const platform = target.platform()
  await openKeyRing({ storage: target, sealer: services.sealer, clock, ids, isPassing: true })
  const { kind, id, name } = system
  await platform.commit([], {
    actor: { id, kind, name },
    action: moveAction,
    entity: null,
    requestId,
    time: toTime(clock.realMs()),
    detail: { from: note.from, to: note.to, entities: moved.entities, digests: moved.digests, log: moved.log },
  })
}
