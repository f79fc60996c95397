import type { Meta } from '../storage/port.ts'
import { toTime } from './clock.ts'
import type { Context } from './context.ts'

/** What the log says of a commit beside its changes, for operations that make commits of their own: long ones, which no single commit could hold. */
export function metaOf(
  { actor, origin, runtime }: Pick<Context, 'actor' | 'origin' | 'runtime'>,
  action: string,
  about: Partial<Pick<Meta, 'entity' | 'detail'>> = {},
): Meta {
  return {
    actor: { id: actor.id, kind: actor.kind, name: actor.name },
    action,
    entity: about.entity ?? null,
    requestId: origin.requestId,
    time: toTime(runtime.clock.realMs()),
    ...(about.detail === undefined ? {} : { detail: about.detail }),
  }
}
