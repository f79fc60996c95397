import type Agent from 'sharedb/lib/agent.js'
import { readVersion } from '../document/operations.ts'
import type { Origin, Principal, Runtime } from '../kernel/context.ts'
import { perform } from '../kernel/perform.ts'
import type { Authenticated } from '../session/authenticate.ts'
import { collection, wireError } from './words.ts'

/** Who is at the other end of a socket. */
export type Caller = {
  runtime: Runtime
  rights: Rights
  principal: Principal
  origin: Origin
  /** When the message that is worked on came. */
  receivedMs: number
  again(): Promise<Authenticated>
  /** Documents that were readable, at which state of the tenant's rights, and when that was found. */
  readable: Map<string, { epoch: number; atMs: number }>
}

/** Changes of these may take or give a right. */
const decisive = new Set([
  'user',
  'session',
  'credential',
  'tenant',
  'team',
  'team_member',
  'checklist',
  'work_assignment',
  'work_target',
  'staff_member',
])
/** A session may end by time alone. */
const trustedMs = 30_000
const pageSize = 200

/** The state of a tenant's rights: whoever found something allowed may rely on it until the log tells of a change that could take it. */
export type Rights = ReturnType<typeof followRights>

export function followRights({ hub, storage, services }: Runtime, tenantId: string, changed: () => void) {
  const store = storage.tenant(tenantId)
  let epoch = 0
  let sequence: number | null = null
  let reading: Promise<void> | null = null
  let isStale = true

  async function read(): Promise<void> {
    while (isStale) {
      isStale = false
      if (sequence === null) sequence = (await store.head())?.sequence ?? 0
      const page = await store.log(null, sequence, pageSize)
      for (const { entry } of page) {
        sequence = entry.sequence
        if (!entry.changes.some(({ type }) => decisive.has(type))) continue
        epoch += 1
        changed()
      }
      if (page.length === pageSize) isStale = true
    }
  }
  const settled = (): Promise<void> | null => {
    if (!isStale && reading === null) return null
    reading ??= read()
      .catch((error: unknown) => {
        services.log.warn({ err: error }, 'rights cannot be followed')
        epoch += 1
      })
      .finally(() => {
        reading = null
      })
    return reading
  }
  const stop = hub.subscribe(tenantId, () => {
    isStale = true
    void settled()
  })
  return { epoch: () => epoch, settled, stop }
}

/** Lets a message about a document out to somebody who may read it now; else ends what they follow. */
export function allowed(agent: Agent<Caller>, id: string, next: (error?: unknown) => void): void {
  const { custom } = agent
  const found = custom.readable.get(id)
  if (
    custom.rights.settled() === null &&
    found !== undefined &&
    found.epoch === custom.rights.epoch() &&
    performance.now() - found.atMs < trustedMs
  ) {
    next()
    return
  }
  judge(custom, id).then(
    () => next(),
    (error: unknown) => {
      drop(agent, id)
      next(wireError(error))
    },
  )
}

/** Looks at the session and the document anew. Errors: `invalid_token`, `checklist_not_found`, `forbidden`, the licence's. */
export async function judge(custom: Caller, id: string): Promise<void> {
  await custom.rights.settled()
  const epoch = custom.rights.epoch()
  await refreshed(custom)
  await assertReadable(custom.runtime, custom.principal, custom.origin, id)
  custom.readable.set(id, { epoch, atMs: performance.now() })
}

export const originNow = ({ ids }: Pick<Runtime, 'ids'>, origin: Origin): Origin => ({ ...origin, requestId: ids.newId() })

/** Whether somebody may read a document now. Errors: those of `document.read`. */
async function assertReadable(runtime: Runtime, principal: Principal, origin: Origin, id: string): Promise<void> {
  await perform(runtime, readVersion, {
    actor: principal,
    origin: originNow(runtime, origin),
    input: { checklistId: id },
    encode: () => ({ status: 200, body: '' }),
  })
}

export async function refreshed(custom: Caller): Promise<void> {
  const { principal, licence } = await custom.again()
  if (licence !== null) throw licence
  custom.principal = principal
}

type Subscribed = { subscribedDocs: Record<string, Record<string, { destroy(): void }> | undefined> }

function drop(agent: Agent<Caller>, id: string): void {
  agent.custom.readable.delete(id)
  ;(agent as unknown as Subscribed).subscribedDocs[collection]?.[id]?.destroy()
}
