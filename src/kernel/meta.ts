import type { Actor, Meta } from '../storage/port.ts'
import { toTime } from './clock.ts'
import type { Context } from './context.ts'

/** What the log says of a commit beside its changes. The frame asks for it, and long operations that make commits of their own do. `about.actor` is who did it where the caller only became someone by it. */
export function metaOf(
  { actor, origin, runtime }: Pick<Context, 'actor' | 'origin' | 'runtime'>,
  action: string,
  about: { entity?: Meta['entity']; detail?: Meta['detail']; actor?: Actor } = {},
): Meta {
  return {
    actor: about.actor ?? { id: actor.id, kind: actor.kind, name: actor.name },
    action,
    entity: about.entity ?? null,
    requestId: origin.requestId,
    time: toTime(runtime.clock.realMs()),
    ...(about.detail === undefined ? {} : { detail: about.detail }),
  }
}
