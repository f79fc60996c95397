import type Agent from 'sharedb/lib/agent.js'
import { readVersion } from '../document/operations.ts'
import type { Origin, Principal, Runtime } from '../kernel/context.ts'
import { perform } from '../kernel/perform.ts'
import type { Authenticated } from '../session/authenticate.ts'
import type { LogChange } from '../storage/port.ts'
import type { Tail } from './tail.ts'
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
  /** Messages on their way out of which is being found whether they may be read. */
  judging: number
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
  'api_key',
])
/** What a session writes of itself while it is used. */
const idle = new Set(['lastSeenAt', 'version', 'updatedAt'])

const mayDecide = ({ type, op, fields }: LogChange): boolean =>
  decisive.has(type) && !(type === 'session' && op === 'update' && Object.keys(fields).every((field) => idle.has(field)))

/** A session may end by time alone. */
const trustedMs = 30_000

/** The state of a tenant's rights: whoever found something allowed may rely on it until the log tells of a change that could take it. */
export type Rights = ReturnType<typeof followRights>

/** `tail` reads the tenant's log for everybody here who has to know what it tells. */
export function followRights(tail: Tail, changed: () => void) {
  let epoch = 0
  tail.listen(({ changes }) => {
    if (!changes.some(mayDecide)) return
    epoch += 1
    changed()
  })
  return { epoch: () => epoch, settled: tail.settled }
}

/** Whether a document was readable at the present state of the tenant's rights, as far as the log was read. */
export function isReadable({ readable, rights }: Caller, id: string): boolean {
  const found = readable.get(id)
  return found !== undefined && found.epoch === rights.epoch() && performance.now() - found.atMs < trustedMs
}

/** Lets a message about a document out to somebody who may read it now; else ends what they follow. */
export function allowed(agent: Agent<Caller>, id: string, next: (error?: unknown) => void): void {
  const { custom } = agent
  // the log is ahead of what is known of it: hundreds of listeners wait for the same reading, and judge again only if it tells of a right
  const reading = custom.rights.settled()
  if (reading === null && isReadable(custom, id)) {
    next()
    return
  }
  const done = (error?: unknown): void => {
    custom.judging -= 1
    next(error)
  }
  custom.judging += 1
  void (reading ?? Promise.resolve())
    .then(() => (isReadable(custom, id) ? undefined : judge(custom, id)))
    .then(
      () => done(),
      (error: unknown) => {
        drop(agent, id)
        done(wireError(error))
      },
    )
}

/**
 * Lets a message in. Where one process has the storage for itself, what was found holds until its own log tells of a change; another process's change may be on its way here, so there every message is looked
 * at anew. Errors: those of `judge`.
 */
export async function admitted(custom: Caller, id: string): Promise<void> {
  if (custom.runtime.storage.lease === undefined) {
    await custom.rights.settled()
    if (isReadable(custom, id)) return
  }
  await judge(custom, id)
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
