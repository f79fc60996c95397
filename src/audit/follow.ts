import { z } from 'zod'
import { type Bell, createBell } from '../kernel/bell.ts'
import type { Context, Principal, Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { takeStream } from '../kernel/streams.ts'
import { shownEntry } from './operations.ts'
import { visibleEntry } from './visible.ts'

/** A comment line this often keeps proxies from closing a quiet stream. */
const heartbeatMs = 15_000
/** However quiet the tenant is, the session is looked at this often, so that a stream never outlives it by more. */
const recheckMs = 900
const pageSize = 100

const position = z.union(
  [
    z.int().min(0),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ],
  'must be a sequence number, such as 1042',
)

/** Where following starts: after the given position, or with what comes next. */
export const followEvents = operation({
  name: 'event.follow',
  summary: 'Follow the tenant’s log as server-sent events',
  needs: 'event:read',
  readOnly: true,
  input: z.strictObject({ after: position.optional(), lastEventId: z.string().max(100).optional() }),
  output: z.object({ after: z.int() }),
  async run({ store }, { after, lastEventId }) {
    const resumed = lastEventId === undefined ? undefined : new RegExp(`^${store.tenantId}/(\\d{1,15})$`).exec(lastEventId)?.[1]
    if (lastEventId !== undefined && resumed === undefined) {
      const message = 'is not an event id of this stream'
      throw new AppError('unprocessable', 'validation_failed', `Last-Event-ID: ${message}`, {
        errors: [{ field: 'Last-Event-ID', message }],
      })
    }
    return { output: { after: resumed !== undefined ? Number(resumed) : (after ?? (await store.head())?.sequence ?? 0) } }
  },
})

export type Following = {
  runtime: Runtime
  context: Context
  after: number
  /** The principal as it is now, or null when the credential is good no more. */
  again(): Promise<Principal | null>
}

/** The event stream (WHATWG HTML, section 9.2): every visible entry after `after`, in order, until the session ends. Reads as fast as the client takes. */
export async function* eventStream(following: Following): AsyncGenerator<string> {
  const { runtime, context } = following
  const release = takeStream(context.actor)
  const bell = createBell()
  const unsubscribe = runtime.hub.subscribe(context.store.tenantId, bell.ring)
  try {
    yield ': following\n\n'
    yield* follow(following, bell)
  } finally {
    unsubscribe()
    release()
  }
}

async function* follow({ runtime, context, after, again }: Following, bell: Bell): AsyncGenerator<string> {
  let sequence = after
  let spokenMs = runtime.clock.realMs()
  for (;;) {
    const actor = runtime.hub.isClosed() ? null : await again()
    if (actor === null) return
    const page = await context.store.log(null, sequence, pageSize)
    for (const logged of page) {
      sequence = logged.entry.sequence
      const visible = await visibleEntry({ ...context, actor }, logged)
      if (visible === null) continue
      yield `id: ${logged.entry.stream}/${sequence}\nevent: commit\ndata: ${JSON.stringify(shownEntry(visible))}\n\n`
      spokenMs = runtime.clock.realMs()
    }
    if (runtime.clock.realMs() - spokenMs >= heartbeatMs) {
      yield ': still here\n\n'
      spokenMs = runtime.clock.realMs()
    }
    if (page.length < pageSize) await bell.rung(recheckMs)
  }
}
