import { toTime } from '../kernel/clock.ts'
import type { Runtime } from '../kernel/context.ts'
import { createOthers, type Move, onlineEvent } from './presence-others.ts'

export type Cursor = { x: number; y: number; elementId?: string | undefined } | null
export type Selection = { startIndex: number; endIndex: number; elementId?: string | undefined } | null

/** Somebody who is looking at something now. It lives in one process, which tells the others of it, and ends with that one. */
export type PresenceSession = {
  sessionId: string
  userId: string
  userName: string
  entityId: string
  entityType: string
  joinedAt: string
  lastActivity: string
  isActive: boolean
  cursor: Cursor
  selection: Selection
}

/** What the others in a room hear. Nothing of it is stored. */
export type PresenceEvent = {
  eventType:
    | 'user.online'
    | 'user.offline'
    | 'team.member.joined'
    | 'team.member.left'
    | 'collaboration.cursor.moved'
    | 'collaboration.typing.started'
    | 'collaboration.typing.stopped'
  session: Pick<PresenceSession, 'sessionId' | 'userId' | 'userName' | 'entityId' | 'entityType'>
  data: Record<string, unknown>
}

type Held = {
  session: PresenceSession
  room: string
  holds: number
  timer: NodeJS.Timeout | null
  typing: boolean
  moves: number[]
  left(seconds: number): void
}

/** Without a stream or socket a session lives so long after its last call, and so long after its stream or socket went. */
const idleMs = 45_000
const lingerMs = 10_000
/** How often a session is kept alive from another process, on which its stream is open. */
const keepMs = 15_000
/** Cursors a second of one session; more are dropped. */
const movesPerSecond = 20

const all = new WeakMap<Runtime, Presence>()
export type Presence = ReturnType<typeof createPresence>

export function presenceOf(runtime: Runtime): Presence {
  const found = all.get(runtime) ?? createPresence(runtime)
  all.set(runtime, found)
  return found
}

function createPresence({ clock, ids, storage }: Pick<Runtime, 'clock' | 'ids' | 'storage'>) {
  const held = new Map<string, Held>()
  const rooms = new Map<string, Set<string>>()
  const listeners = new Map<string, Set<(event: PresenceEvent) => void>>()
  const online = new Map<string, { tenantId: string; who: Pick<PresenceSession, 'userId' | 'userName'>; count: number }>()
  const others = createOthers({
    broadcast: storage.broadcast,
    clock,
    id: ids.newId(),
    tell: tellHere,
    isOnlineHere: (tenantId, userId) => online.has(`${tenantId} ${userId}`),
    here: () => ({
      sessions: [...held.values()].map(({ room, session }) => ({ room, session })),
      online: [...online.values()].map(({ tenantId, who }) => ({ tenantId, who })),
    }),
    asked: {
      move: (room, who, how) => {
        if (held.has(who.sessionId)) move(room, who, how)
      },
      touch: (sessionId, userId) => {
        const mine = held.get(sessionId)
        if (mine?.session.userId === userId) touched(mine)
      },
      leave: (sessionId, userId) => void leaveOf(sessionId, userId),
    },
  })

  function tellHere(room: string, event: PresenceEvent): void {
    for (const listener of listeners.get(room) ?? []) listener(event)
  }

  function tell(room: string, event: PresenceEvent): void {
    tellHere(room, event)
    others.event(room, event)
  }

  /** Who waits for an answer to who is where. */
  let asking = 0

  /** While nobody is here the others need not be heard. */
  const attend = (): void => others.attend(listeners.size + held.size + online.size + asking > 0)

  async function leave(sessionId: string): Promise<void> {
    const mine = held.get(sessionId)
    if (mine === undefined) return
    if (mine.timer !== null) clearTimeout(mine.timer)
    held.delete(sessionId)
    const there = rooms.get(mine.room)
    there?.delete(sessionId)
    if (there?.size === 0) rooms.delete(mine.room)
    attend()
    const { session } = mine
    const seconds = Math.max(0, Math.round((clock.realMs() - Date.parse(session.joinedAt)) / 1000))
    tell(mine.room, { eventType: 'team.member.left', session, data: { sessionId, userName: session.userName, sessionDuration: seconds } })
    await mine.left(seconds)
  }

  function wait(mine: Held, ms: number): void {
    if (mine.timer !== null) clearTimeout(mine.timer)
    mine.timer = mine.holds > 0 ? null : setTimeout(() => void leave(mine.session.sessionId), ms).unref()
  }

  function touched(mine: Held): void {
    mine.session.lastActivity = toTime(clock.realMs())
    if (mine.holds === 0) wait(mine, idleMs)
  }

  /** A session at another process, kept from here. */
  function holdElsewhere(sessionId: string, userId: string): () => void {
    const touch = () => others.ask.touch(sessionId, userId)
    touch()
    const timer = setInterval(touch, keepMs).unref()
    return () => clearInterval(timer)
  }

  const leaveOf = async (sessionId: string, userId: string): Promise<void> => {
    if (held.get(sessionId)?.session.userId === userId) await leave(sessionId)
  }

  function move(room: string, { sessionId, userId }: { sessionId?: string | undefined; userId: string }, how: Move): void {
    const { cursor, selection, typing } = how
    const mine =
      sessionId === undefined
        ? [...(rooms.get(room) ?? [])].map((id) => held.get(id)).find((one) => one?.session.userId === userId)
        : held.get(sessionId)
    if (mine === undefined || mine.room !== room || mine.session.userId !== userId) {
      if (sessionId !== undefined && others.find(sessionId, userId) !== null) others.ask.move(room, { sessionId, userId }, how)
      return
    }
    const now = clock.realMs()
    mine.moves = mine.moves.filter((at) => now - at < 1_000)
    if (mine.moves.length >= movesPerSecond) return
    mine.moves.push(now)
    touched(mine)
    const { session } = mine
    if (cursor !== undefined) session.cursor = cursor
    if (selection !== undefined) session.selection = selection
    const { userName } = session
    if (cursor !== undefined || selection !== undefined)
      tell(room, {
        eventType: 'collaboration.cursor.moved',
        session,
        data: { sessionId: session.sessionId, userName, cursor: session.cursor, selection: session.selection },
      })
    if (typing === undefined || typing === mine.typing) return
    mine.typing = typing
    tell(room, {
      eventType: typing ? 'collaboration.typing.started' : 'collaboration.typing.stopped',
      session,
      data: { sessionId: session.sessionId, userName },
    })
  }

  return {
    /** Begins a session in a room, or keeps one alive that is the user's already. */
    join(
      room: string,
      who: Pick<PresenceSession, 'userId' | 'userName' | 'entityId' | 'entityType'>,
      { sessionId, left }: { sessionId?: string | undefined; left(session: PresenceSession, seconds: number): Promise<void> },
    ): { session: PresenceSession; isNew: boolean } {
      const known = sessionId === undefined ? undefined : held.get(sessionId)
      if (known !== undefined && known.room === room && known.session.userId === who.userId) {
        touched(known)
        return { session: known.session, isNew: false }
      }
      const elsewhere = sessionId === undefined ? null : others.find(sessionId, who.userId)
      if (sessionId !== undefined && elsewhere !== null) {
        others.ask.touch(sessionId, who.userId)
        return { session: elsewhere, isNew: false }
      }
      const now = toTime(clock.realMs())
      const session: PresenceSession = {
        ...who,
        sessionId: ids.newId(),
        joinedAt: now,
        lastActivity: now,
        isActive: true,
        cursor: null,
        selection: null,
      }
      const mine: Held = { session, room, holds: 0, timer: null, typing: false, moves: [], left: (seconds) => left(session, seconds) }
      held.set(session.sessionId, mine)
      rooms.set(room, (rooms.get(room) ?? new Set()).add(session.sessionId))
      wait(mine, idleMs)
      attend()
      tell(room, {
        eventType: 'team.member.joined',
        session,
        data: { sessionId: session.sessionId, userName: session.userName, joinedAt: now },
      })
      return { session, isNew: true }
    },

    /** Keeps a session while a stream or socket is open. Returns what ends that, or null where there is no such session of the user. */
    hold(sessionId: string, userId: string): (() => void) | null {
      const mine = held.get(sessionId)
      if (mine === undefined && others.find(sessionId, userId) !== null) return holdElsewhere(sessionId, userId)
      if (mine === undefined || mine.session.userId !== userId) return null
      mine.holds += 1
      wait(mine, 0)
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        mine.holds -= 1
        if (held.has(sessionId)) wait(mine, lingerMs)
      }
    },

    async leave(sessionId: string, userId: string): Promise<void> {
      if (held.has(sessionId)) await leaveOf(sessionId, userId)
      else if (others.find(sessionId, userId) !== null) others.ask.leave(sessionId, userId)
    },

    /** Moves a cursor, up to twenty times a second. */
    move,

    /** Somebody opened a stream or socket. Returns what ends it: the last one makes them offline. */
    appear(tenantId: string, who: Pick<PresenceSession, 'userId' | 'userName'>): () => void {
      const key = `${tenantId} ${who.userId}`
      const say = (eventType: 'user.online' | 'user.offline') => {
        // who is at another process too was online before, and stays so
        if (others.isOnline(tenantId, who.userId)) return
        tellHere(`${tenantId} people`, onlineEvent(eventType, who))
      }
      const mine = online.get(key) ?? { tenantId, who, count: 0 }
      mine.count += 1
      online.set(key, mine)
      attend()
      if (mine.count === 1) {
        say('user.online')
        others.online({ tenantId, who })
      }
      return () => {
        mine.count -= 1
        if (mine.count > 0) return
        online.delete(key)
        say('user.offline')
        others.offline({ tenantId, who })
        attend()
      }
    },

    /** Who is in a room, at whichever process. */
    async sessions(room: string): Promise<PresenceSession[]> {
      asking += 1
      attend()
      await others.settled()
      const all = [...[...(rooms.get(room) ?? [])].flatMap((id) => held.get(id)?.session ?? []), ...others.in(room)]
      asking -= 1
      attend()
      return all
    },

    /** Sessions of a tenant's rooms, whose names begin with the tenant. */
    count: (tenantId: string): number =>
      [...rooms].reduce((sum, [room, { size }]) => sum + (room.startsWith(`${tenantId} `) ? size : 0), 0),

    listen(room: string, listener: (event: PresenceEvent) => void): () => void {
      const mine = listeners.get(room) ?? new Set()
      listeners.set(room, mine.add(listener))
      attend()
      return () => {
        mine.delete(listener)
        if (mine.size === 0) listeners.delete(room)
        attend()
      }
    },
  }
}

/** A checklist and its submission are one place. */
export const roomOf = (tenantId: string, entityType: string, entityId: string): string =>
  `${tenantId} ${entityType === 'submission' ? 'checklist' : entityType}:${entityId}`
