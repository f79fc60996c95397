import ShareDB from 'sharedb'
import type Agent from 'sharedb/lib/agent.js'
import type { WebSocket } from 'ws'
import { presenceOf, roomOf } from '../document/presence.ts'
import { joined } from '../document/sync.ts'
import type { Origin, Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import type { Redeemed } from '../session/ticket.ts'
import { openDocuments } from './documents.ts'
import { admitted, type Caller, followRights, judge, type Rights, refreshed } from './rights.ts'
import { SocketStream } from './stream.ts'
import { followLog, type Tail } from './tail.ts'
import { collection, refusedKind, wireError } from './words.ts'

export type Connections = ReturnType<typeof createConnections>

type Tenant = { backend: ShareDB; tail: Tail; rights: Rights; streams: Map<SocketStream, Agent<Caller>>; recheck: NodeJS.Timeout | null }
type Message = { a?: string; c?: unknown; d?: unknown; b?: unknown; ch?: unknown; p?: unknown }

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
ShareDB.logger.setMethods(silent)

/** After a change that could take rights, open sockets are looked at within this. */
const recheckMs = 250

/** The open sockets, by tenant: each tenant's documents are served on their own, so that nothing passes between them. */
export function createConnections(runtime: Runtime) {
  const tenants = new Map<string, Tenant>()

  function tenantOf(tenantId: string): Tenant {
    const found = tenants.get(tenantId)
    if (found !== undefined) return found
    const tail = followLog(runtime, tenantId)
    const made: Tenant = {
      streams: new Map(),
      recheck: null,
      tail,
      rights: followRights(tail, () => {
        made.recheck ??= setTimeout(() => void recheck(made), recheckMs).unref()
      }),
      backend: openDocuments(runtime, tail, {
        tenantId,
        listeners: () => made.streams,
        taken(id) {
          // it was taken back by a restore: whoever follows it begins anew
          for (const [stream, agent] of made.streams) if (agent.custom.readable.has(id)) stream.close(4410, 'resync_required')
        },
      }),
    }
    made.backend.use('receive', ({ agent, data }, next) => receive(agent as Agent<Caller>, data as Message, next))
    made.backend.use('sendPresence', ({ agent, presence }, next) => {
      const id = documentOfChannel(presence.ch)
      next(id !== null && (agent as Agent<Caller>).custom.readable.has(id) ? undefined : wireError(refusedKind()))
    })
    tenants.set(tenantId, made)
    return made
  }

  async function recheck(tenant: Tenant): Promise<void> {
    tenant.recheck = null
    await Promise.all(
      [...tenant.streams].map(async ([stream, { custom }]) => {
        try {
          await refreshed(custom)
        } catch (error) {
          if (error instanceof AppError && error.kind !== 'unavailable') stream.close(4401, error.code)
        }
      }),
    )
  }

  return {
    connect(socket: WebSocket, caller: Redeemed, origin: Origin): void {
      const { tenantId } = caller.principal
      const tenant = tenantOf(tenantId)
      const stream = new SocketStream(socket)
      const agent = tenant.backend.listen(stream) as Agent<Caller>
      agent.custom = {
        runtime,
        rights: tenant.rights,
        principal: caller.principal,
        origin,
        receivedMs: performance.now(),
        again: caller.again,
        readable: new Map(),
        judging: 0,
      }
      tenant.streams.set(stream, agent)
      const { id, name } = caller.principal
      const vanish = presenceOf(runtime).appear(tenantId, { userId: id ?? '', userName: name })
      socket.on('close', () => {
        tenant.streams.delete(stream)
        vanish()
        for (const leave of presences.get(agent)?.values() ?? []) leave()
        if (tenant.streams.size > 0) return
        tenants.delete(tenantId)
        tenant.tail.stop()
        tenant.backend.close()
      })
    },

    async close(): Promise<void> {
      for (const { streams } of tenants.values()) for (const stream of streams.keys()) stream.close(1012, 'the server stops')
      for (let waited = 0; tenants.size > 0 && waited < 1_000; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20))
    },
  }
}

/** What a client may send: hello, ping, fetch, follow, edit, and where it is. */
const known = new Set(['hs', 'pp', 'f', 's', 'u', 'bf', 'bs', 'bu', 'op', 'nf', 'p', 'ps', 'pu', 'pr'])
const free = new Set(['hs', 'pp', 'u', 'bu', 'pu'])

/** What is being worked on of one socket: its messages are judged in their order. */
const lines = new WeakMap<Agent<Caller>, Promise<void>>()

function receive(agent: Agent<Caller>, message: Message, next: (error?: unknown) => void): void {
  const work = (lines.get(agent) ?? Promise.resolve()).then(async () => {
    try {
      await admit(agent, message)
    } catch (error) {
      next(wireError(error))
      return
    }
    agent.custom.receivedMs = performance.now()
    next()
  })
  lines.set(agent, work)
}

async function admit(agent: Agent<Caller>, message: Message): Promise<void> {
  const { a, c, d, b, ch } = message
  if (typeof a !== 'string' || !known.has(a)) throw refusedKind()
  if (free.has(a)) return
  if (a === 'p' || a === 'ps' || a === 'pr') {
    const id = documentOfChannel(ch)
    if (id === null || c !== undefined) throw refusedKind()
    await (a === 'p' ? admitted(agent.custom, id) : judge(agent.custom, id))
    if (a === 'p') await present(agent, id, message)
    return
  }
  if (c !== collection) throw refusedKind()
  const ids = a === 'bf' || a === 'bs' ? (Array.isArray(b) ? b : Object.keys((b ?? {}) as object)) : [d]
  if (ids.length > 100) throw refusedKind()
  for (const id of ids) {
    if (typeof id !== 'string' || !isUuid(id)) throw new AppError('not_found', 'not_found', 'There is no such document.')
    await (a === 'op' ? admitted(agent.custom, id) : judge(agent.custom, id))
    if (a === 's' || a === 'bs') await present(agent, id, {})
  }
}

function documentOfChannel(channel: unknown): string | null {
  const id = typeof channel === 'string' && channel.startsWith('checklist:') ? channel.slice('checklist:'.length) : ''
  return isUuid(id) ? id : null
}

/** The sessions that a socket holds, by document, and what lets them go. */
const presences = new WeakMap<Agent<Caller>, Map<string, () => void>>()
const sessions = new WeakMap<Agent<Caller>, Map<string, string>>()

type Shown = { cursor?: { x: number; y: number } | null; selection?: { startIndex: number; endIndex: number } | null; typing?: boolean }

/** A socket that follows a document, or shows a cursor there, is somebody who is there. */
async function present(agent: Agent<Caller>, id: string, { p }: Message): Promise<void> {
  const { runtime, principal, origin } = agent.custom
  const mine = sessions.get(agent) ?? new Map<string, string>()
  sessions.set(agent, mine)
  const store = runtime.storage.tenant(principal.tenantId)
  const context = { actor: principal, origin, runtime, store, services: runtime.services }
  if (!mine.has(id)) {
    const session = await joined(context, { entityType: 'checklist', entityId: id })
    mine.set(id, session.sessionId)
    const holds = presences.get(agent) ?? new Map<string, () => void>()
    presences.set(agent, holds)
    const release = presenceOf(runtime).hold(session.sessionId, session.userId)
    if (release !== null) holds.set(id, release)
  }
  if (p === undefined || p === null) return
  if (JSON.stringify(p).length > 2_000) throw new AppError('invalid', 'invalid_operation', 'A cursor is at most 2,000 characters.')
  const { cursor, selection, typing } = p as Shown
  presenceOf(runtime).move(
    roomOf(principal.tenantId, 'checklist', id),
    { sessionId: mine.get(id), userId: principal.id ?? '' },
    { cursor, selection, typing: typeof typing === 'boolean' ? typing : undefined },
  )
}
