import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Runtime } from '../kernel/context.ts'
import { idSource } from '../kernel/id.ts'
import type { Broadcast } from '../storage/port.ts'
import { type PresenceEvent, presenceOf } from './presence.ts'

/** Processes whose words reach each other at once, until one is cut off as if it had died. */
function processes(count: number) {
  const listeners = Array.from({ length: count }, () => new Set<(text: string) => void>())
  const cut = new Set<number>()
  const runtimes = listeners.map((mine, at) => {
    const broadcast: Broadcast = {
      answerMs: 10,
      send(text) {
        if (!cut.has(at)) for (const [n, others] of listeners.entries()) if (n !== at && !cut.has(n)) for (const hear of others) hear(text)
      },
      listen(listener) {
        mine.add(listener)
        return () => mine.delete(listener)
      },
    }
    const clock = { realMs: () => Date.now(), businessMs: () => Date.now() }
    return { clock, ids: idSource(), storage: { broadcast } } as unknown as Runtime
  })
  return { at: runtimes.map(presenceOf), cut: (n: number) => cut.add(n), listening: (n: number) => listeners[n]?.size }
}

const ann = { userId: 'ann', userName: 'Ann' }
const place = { entityId: 'c', entityType: 'checklist' }
const room = 't checklist:c'
const left = async () => undefined

beforeEach(() => void vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function hearing(presence: ReturnType<typeof presenceOf>, where: string): string[] {
  const heard: string[] = []
  presence.listen(where, ({ eventType }: PresenceEvent) => void heard.push(eventType))
  return heard
}

test('a process that dies takes its people with it, for all others, and not before', async () => {
  const { at, cut } = processes(2)
  const [one, other] = at as [(typeof at)[0], (typeof at)[0]]
  const heard = hearing(other, room)
  const people = hearing(other, 't people')
  one.appear('t', ann)
  const { session } = one.join(room, { ...ann, ...place }, { left })
  one.hold(session.sessionId, 'ann')
  expect([heard, people]).toEqual([['team.member.joined'], ['user.online']])
  await vi.advanceTimersByTimeAsync(120_000)
  expect(await other.sessions(room)).toMatchObject([{ sessionId: session.sessionId, userName: 'Ann' }])
  cut(0)
  await vi.advanceTimersByTimeAsync(44_000)
  expect(heard).toEqual(['team.member.joined'])
  await vi.advanceTimersByTimeAsync(17_000)
  expect([heard, people]).toEqual([
    ['team.member.joined', 'team.member.left'],
    ['user.online', 'user.offline'],
  ])
  expect(await other.sessions(room)).toEqual([])
})

test('who is online at two processes comes once, and goes with the last', () => {
  const { at } = processes(3)
  const [one, other, third] = at as [(typeof at)[0], (typeof at)[0], (typeof at)[0]]
  const heard = hearing(third, 't people')
  const here = hearing(one, 't people')
  const first = one.appear('t', ann)
  const second = other.appear('t', ann)
  expect([heard, here]).toEqual([['user.online'], ['user.online']])
  first()
  expect([heard, here]).toEqual([['user.online'], ['user.online']])
  second()
  expect([heard, here]).toEqual([
    ['user.online', 'user.offline'],
    ['user.online', 'user.offline'],
  ])
})

test('a process that comes later hears who is there, and one at which nobody is does not listen', async () => {
  const { at, listening } = processes(2)
  const [one, other] = at as [(typeof at)[0], (typeof at)[0]]
  expect([listening(0), listening(1)]).toEqual([0, 0])
  for (let n = 0; n < 20; n += 1) one.join(room, { ...ann, ...place }, { left })
  expect([listening(0), listening(1)]).toEqual([1, 0])
  const asked = other.sessions(room)
  await vi.advanceTimersByTimeAsync(5)
  const later = other.sessions(room)
  await vi.advanceTimersByTimeAsync(5)
  expect([(await asked).length, (await later).length]).toEqual([20, 20])
  expect(listening(1)).toBe(0)
  await vi.advanceTimersByTimeAsync(46_000)
  expect(listening(0)).toBe(0)
  const last = one.sessions(room)
  await vi.advanceTimersByTimeAsync(10)
  expect(await last).toEqual([])
})

test('a session of another process is kept, moved and left by its own user alone', async () => {
  const { at } = processes(2)
  const [one, other] = at as [(typeof at)[0], (typeof at)[0]]
  const heard = hearing(other, room)
  const { sessionId } = one.join(room, { ...ann, ...place }, { left }).session
  expect(other.hold(sessionId, 'ben')).toBeNull()
  other.move(room, { sessionId, userId: 'ben' }, { cursor: { x: 1, y: 1 } })
  await other.leave(sessionId, 'ben')
  expect(heard).toEqual(['team.member.joined'])
  const release = other.hold(sessionId, 'ann')
  await vi.advanceTimersByTimeAsync(200_000)
  other.move(room, { sessionId, userId: 'ann' }, { cursor: { x: 1, y: 2 } })
  expect(heard).toEqual(['team.member.joined', 'collaboration.cursor.moved'])
  expect(other.join(room, { ...ann, ...place }, { sessionId, left })).toMatchObject({ isNew: false, session: { cursor: { x: 1, y: 2 } } })
  release?.()
  await vi.advanceTimersByTimeAsync(46_000)
  expect(heard.at(-1)).toBe('team.member.left')
})
