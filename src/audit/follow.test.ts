import { afterEach, beforeEach, expect, test } from 'vitest'
import { moveClock } from '../testing/clock.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: string
let base: string
const streams: AbortController[] = []

beforeEach(async () => {
  server = await startTestServer()
  owner = await server.signIn()
  base = await server.listen()
})
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.abort()
  await server.close()
})

type Event = { id: string; data: Loose }
type Stream = {
  status: number
  type: string
  events: Event[]
  ended: Promise<number>
  until(done: (events: Event[]) => boolean): Promise<Event[]>
}

async function open(token: string, query = '', headers: Record<string, string> = {}): Promise<Stream> {
  const abort = new AbortController()
  streams.push(abort)
  const response = await fetch(`${base}/v1/events${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: abort.signal,
  })
  const events: Event[] = []
  let arrived = () => {}
  const read = async () => {
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const [id, data] = [field('id'), field('data')]
        if (id !== undefined && data !== undefined) events.push({ id, data: JSON.parse(data) as Loose })
        arrived()
      }
    }
    return performance.now()
  }
  const ended = read().catch(() => performance.now())
  const until = (done: (events: Event[]) => boolean) =>
    new Promise<Event[]>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`only ${JSON.stringify(events.map(({ data }) => data.action))}`)), 5000)
      arrived = () => {
        if (!done(events)) return
        clearTimeout(timer)
        resolve(events)
      }
      arrived()
    })
  return { status: response.status, type: response.headers.get('content-type') ?? '', events, ended, until }
}

const create = (username: string, more: object = {}) =>
  server.send('POST', '/v1/users', { token: owner, body: { username, password: 'a good long passphrase', ...more } })

test('a bad position or a strange event id is refused', async () => {
  for (const query of ['?after=-1', '?after=x', '?colour=red'])
    expect((await server.send('GET', `/v1/events${query}`, { token: owner })).status).toBe(422)
  expect((await server.send('GET', '/v1/events', { token: owner, headers: { 'last-event-id': 'other/1' } })).status).toBe(422)
  expect((await server.send('GET', '/v1/events')).status).toBe(401)
})

test('every commit arrives once, in order, and a stream resumes where it broke off', async () => {
  const live = await open(owner)
  expect([live.status, live.type]).toEqual([200, 'text/event-stream; charset=utf-8'])
  for (const name of ['ann', 'bob', 'cy']) await create(name)
  const seen = await live.until((events) => events.length === 3)
  expect(seen.map(({ data }) => data.action)).toEqual(['user.create', 'user.create', 'user.create'])
  const resumed = await open(owner, '', { 'last-event-id': seen[0].id })
  expect((await resumed.until((events) => events.length === 2)).map(({ id }) => id)).toEqual([seen[1].id, seen[2].id])
  const all = await open(owner, '?after=0')
  const sequences = (await all.until((events) => events.length >= 5)).map(({ data }) => Number(data.sequence))
  expect(sequences).toEqual(sequences.map((_, index) => index + 1))
})

test('a member sees changes of themselves only, and nothing secret', async () => {
  const ann = await create('ann')
  await create('bob')
  const live = await open(await server.signIn('ann', 'a good long passphrase'), '?after=0')
  await server.send('PATCH', `/v1/users/${String(ann.body.id)}`, { token: owner, body: { fullName: 'Ann Other', version: 1 } })
  const events = await live.until((seen) => seen.some(({ data }) => String(data.action) === 'user.update'))
  const touched = events.flatMap(({ data }) => data.changes.map((change) => `${String(change.type)} ${String(change.id)}`))
  expect(new Set(touched)).toEqual(new Set([`user ${String(ann.body.id)}`]))
  expect(JSON.stringify(events)).not.toMatch(/bob|argon2/)
})

test('a stream ends within a second of its session', async () => {
  await create('ann')
  const token = await server.signIn('ann', 'a good long passphrase')
  const live = await open(token)
  await server.send('DELETE', '/v1/sessions/current', { token })
  const revoked = performance.now()
  expect((await live.ended) - revoked).toBeLessThan(1000)
})

test('another tenant’s commits never arrive', async () => {
  const live = await open(owner)
  await server.holdfast.runtime.storage.tenant('01a214fe-0000-7000-8000-000000000000').commit([], {
    actor: { id: null, kind: 'system', name: 'system' },
    action: 'foreign',
    entity: null,
    requestId: null,
    time: new Date().toISOString(),
  })
  await create('ann')
  expect((await live.until((events) => events.length > 0)).map(({ data }) => data.action)).toEqual(['user.create'])
})

test('a quiet stream says a comment line every 15 seconds', async () => {
  const abort = new AbortController()
  streams.push(abort)
  const { body } = await fetch(`${base}/v1/events`, { headers: { authorization: `Bearer ${owner}` }, signal: abort.signal })
  let heard = ''
  const listening = (async () => {
    for await (const chunk of body ?? []) heard += Buffer.from(chunk).toString()
  })().catch(() => {})
  await expect.poll(() => heard).toBe(': following\n\n')
  moveClock(server, 13_000)
  // longer than the stream goes without looking at the time
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(heard).toBe(': following\n\n')
  for (const times of [1, 2]) {
    moveClock(server, 15_000)
    await expect.poll(() => heard, { timeout: 3_000 }).toBe(`: following\n\n${': still here\n\n'.repeat(times)}`)
  }
  abort.abort()
  await listening
})

test('open streams do not keep the server from closing', async () => {
  const live = await open(owner)
  await server.restart()
  await live.ended
})
