import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import type { Broadcast } from '../storage/port.ts'
import type { Cursor, PresenceEvent, PresenceSession, Selection } from './presence.ts'

/** A process tells again who is with it this often, and who was not told of for so long is gone: its process may be. */
const againMs = 15_000
const goneMs = 45_000
/** Sessions in one message. */
const sessionsAtOnce = 8

type Who = Pick<PresenceSession, 'userId' | 'userName'>
export type Move = { cursor?: Cursor | undefined; selection?: Selection | undefined; typing?: boolean | undefined }
type Placed = { room: string; session: PresenceSession }
type Present = { tenantId: string; who: Who }

type Said =
  | { k: 'event'; from: string; room: string; event: PresenceEvent }
  | { k: 'here'; from: string; sessions: Placed[]; online: Present[] }
  | { k: 'on' | 'off'; from: string; present: Present }
  | { k: 'move'; from: string; room: string; sessionId: string; userId: string; move: Move }
  | { k: 'touch' | 'leave'; from: string; sessionId: string; userId: string }
  | { k: 'who'; from: string }

type Unsent<S = Said> = S extends Said ? Omit<S, 'from'> : never

/** That it is one of ours; what another version says otherwise is passed over. */
const shape = z.looseObject({ t: z.literal('presence'), k: z.string(), from: z.string() })

type Parts = {
  broadcast: Broadcast | undefined
  clock: Clock
  id: string
  /** Tells those who listen at this process. */
  tell(room: string, event: PresenceEvent): void
  isOnlineHere(tenantId: string, userId: string): boolean
  /** Who is at this process. */
  here(): { sessions: Placed[]; online: Present[] }
  /** Something that was asked at another process of a session here. */
  asked: {
    move(room: string, who: { sessionId: string; userId: string }, move: Move): void
    touch(sessionId: string, userId: string): void
    leave(sessionId: string, userId: string): void
  }
}

export const onlineEvent = (eventType: 'user.online' | 'user.offline', who: Who): PresenceEvent => ({
  eventType,
  session: { ...who, sessionId: '', entityType: 'user', entityId: who.userId },
  data: { userName: who.userName },
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Who is at the other processes on the same storage, as they tell it. Where there are none it knows nobody, and says nothing. */
export function createOthers({ broadcast, clock, id: from, tell, isOnlineHere, here, asked }: Parts) {
  const sessions = new Map<string, Placed & { from: string; untilMs: number }>()
  /** By tenant and user: the processes at which they are online. */
  const online = new Map<string, { present: Present; at: Map<string, number> }>()
  let stop: (() => void) | null = null
  let timer: NodeJS.Timeout | null = null
  let since: Promise<void> = Promise.resolve()

  const keyOf = ({ tenantId, who }: Present): string => `${tenantId} ${who.userId}`
  const isOnline = (key: string): boolean => (online.get(key)?.at.size ?? 0) > 0
  const isHere = ({ tenantId, who }: Present): boolean => isOnlineHere(tenantId, who.userId)

  function say(said: Unsent): void {
    if (broadcast !== undefined) broadcast.send(JSON.stringify({ t: 'presence', from, ...said }))
  }

  function sayHere(): void {
    const mine = here()
    for (let at = 0; at < Math.max(mine.sessions.length, mine.online.length); at += sessionsAtOnce)
      say({ k: 'here', sessions: mine.sessions.slice(at, at + sessionsAtOnce), online: mine.online.slice(at, at + sessionsAtOnce) })
  }

  function appeared(present: Present, at: string): void {
    const key = keyOf(present)
    const known = online.get(key) ?? { present, at: new Map<string, number>() }
    const isNew = known.at.size === 0 && !isHere(present)
    known.at.set(at, clock.realMs() + goneMs)
    online.set(key, known)
    if (isNew) tell(`${present.tenantId} people`, onlineEvent('user.online', present.who))
  }

  function vanished(present: Present, at: string): void {
    const key = keyOf(present)
    const known = online.get(key)
    if (known === undefined || !known.at.delete(at) || known.at.size > 0) return
    online.delete(key)
    if (!isHere(present)) tell(`${present.tenantId} people`, onlineEvent('user.offline', present.who))
  }

  function heardEvent(at: string, room: string, event: PresenceEvent): void {
    const { sessionId } = event.session
    if (event.eventType === 'team.member.left') sessions.delete(sessionId)
    else if (sessionId !== '') note(at, { room, session: event.session as PresenceSession })
    tell(room, event)
  }

  const note = (at: string, { room, session }: Placed): void =>
    void sessions.set(session.sessionId, { room, session, from: at, untilMs: clock.realMs() + goneMs })

  function hear(text: string): void {
    const read = shape.safeParse(parsed(text))
    if (!read.success) return
    const said = read.data as unknown as Said
    if (said.k === 'event') heardEvent(said.from, said.room, said.event)
    else if (said.k === 'here') {
      for (const one of said.sessions) note(said.from, one)
      for (const one of said.online) appeared(one, said.from)
    } else if (said.k === 'on') appeared(said.present, said.from)
    else if (said.k === 'off') vanished(said.present, said.from)
    else if (said.k === 'move') asked.move(said.room, said, said.move)
    else if (said.k === 'touch') asked.touch(said.sessionId, said.userId)
    else if (said.k === 'leave') asked.leave(said.sessionId, said.userId)
    else if (said.k === 'who') sayHere()
  }

  /** Tells again who is here, and forgets who was not told of: their process ended without a word. */
  function again(): void {
    sayHere()
    const now = clock.realMs()
    for (const [sessionId, { room, session, untilMs }] of sessions) {
      if (untilMs >= now) continue
      sessions.delete(sessionId)
      const seconds = Math.max(0, Math.round((now - Date.parse(session.joinedAt)) / 1000))
      tell(room, { eventType: 'team.member.left', session, data: { sessionId, userName: session.userName, sessionDuration: seconds } })
    }
    for (const { present, at } of [...online.values()]) for (const [process, untilMs] of at) if (untilMs < now) vanished(present, process)
  }

  return {
    /** Begins to listen, while somebody is here who wants to know; ends it when nobody does. */
    attend(isWanted: boolean): void {
      if (broadcast === undefined || isWanted === (stop !== null)) return
      if (isWanted) {
        stop = broadcast.listen(hear)
        timer = setInterval(again, againMs).unref()
        say({ k: 'who' })
        // keeps the process alive: behind AWS Lambda nothing else may
        since = new Promise((answered) => void setTimeout(answered, broadcast.answerMs))
        return
      }
      stop?.()
      stop = null
      if (timer !== null) clearInterval(timer)
      sessions.clear()
      online.clear()
    },
    /** Resolves when the others have had the time to say who is with them. */
    settled: (): Promise<void> => since,
    event: (room: string, event: PresenceEvent): void => say({ k: 'event', room, event }),
    online: (present: Present): void => say({ k: 'on', present }),
    offline: (present: Present): void => say({ k: 'off', present }),
    isOnline: (tenantId: string, userId: string): boolean => isOnline(`${tenantId} ${userId}`),
    /** A session at another process, where it is this user's. */
    find(sessionId: string, userId: string): PresenceSession | null {
      const session = sessions.get(sessionId)?.session
      return session?.userId === userId ? session : null
    },
    ask: {
      move: (room: string, who: { sessionId: string; userId: string }, move: Move): void => say({ k: 'move', room, ...who, move }),
      touch: (sessionId: string, userId: string): void => say({ k: 'touch', sessionId, userId }),
      leave: (sessionId: string, userId: string): void => say({ k: 'leave', sessionId, userId }),
    },
    in: (room: string): PresenceSession[] => [...sessions.values()].filter((one) => one.room === room).map(({ session }) => session),
  }
}
