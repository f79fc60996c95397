import { editOp, replaceOp } from 'ot-json1'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Op } from '../document/json1.ts'
import { canonical, sha256 } from '../kernel/canonical.ts'
import { connectLive, type LiveClient, openSocket, rebind, submit, until } from '../testing/live.ts'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let base: string
let owner: Person
let worker: Person
let other: Person
let auditor: Person
const clients: LiveClient[] = []

beforeAll(async () => {
  server = await startTestServer()
  base = await server.listen()
  owner = await enterOwner(server)
  ;[worker, other, auditor] = (await Promise.all([join(server, owner), join(server, owner), join(server, owner, { role: 'auditor' })])) as [
    Person,
    Person,
    Person,
  ]
})
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, path, { token, ...(body === undefined ? {} : { body }) })
const items = [
  { id: 'a', text: 'Sink' },
  { id: 'b', text: 'Oven' },
]
const create = async (): Promise<string> =>
  String(
    (await send('POST', '/api/checklists', { checklistData: { title: 'Kitchen', sections: [{ id: 's', title: 'All', items }] } })).body
      .checklistId,
  )
const ticketOf = async (person: Person): Promise<string> => String((await send('POST', '/v1/tickets', {}, person)).body.ticket)
async function connect(person = worker): Promise<LiveClient> {
  const client = await connectLive(base, await ticketOf(person))
  clients.push(client)
  return client
}
const state = async (id: string) => (await send('GET', `/api/sync/state?entityId=${id}`, undefined, owner)).body as Loose
const set = (item: string, field: string, before: unknown, next: unknown): Op =>
  replaceOp(['items', item, field], before as never, next as never) as Op
const type = (item: string, field: string, at: number, text: string): Op =>
  editOp(['items', item, field], 'text-unicode', (at === 0 ? [text] : [at, text]) as never) as Op

/** What the server says to one message, without ShareDB's client between. */
async function answerTo(message: object): Promise<Loose> {
  const socket = openSocket(base, await ticketOf(worker))
  await new Promise((resolve) => socket.once('open', resolve))
  const answer = new Promise<Loose>((resolve) =>
    socket.on('message', (data) => {
      const told = JSON.parse(String(data)) as Loose
      if (Number(told.seq) === 900) resolve(told)
    }),
  )
  socket.send(JSON.stringify(message))
  return answer.finally(() => socket.close())
}

const refusal = (socket: ReturnType<typeof openSocket>): Promise<number> =>
  new Promise((resolve, reject) => {
    socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode))
    socket.once('open', () => reject(new Error('it was let in')))
    socket.on('error', () => undefined)
  })

describe('a socket is refused before it is one', () => {
  test('without a ticket, with a wrong one, a used one, and for another path', async () => {
    expect(await refusal(openSocket(base, null))).toBe(401)
    expect(await refusal(openSocket(base, 'hft_nothing'))).toBe(401)
    const ticket = await ticketOf(worker)
    const first = openSocket(base, ticket)
    await new Promise((resolve) => first.once('open', resolve))
    expect(await refusal(openSocket(base, ticket))).toBe(401)
    first.close()
    expect(await refusal(new WebSocket(`${base.replace('http', 'ws')}/v1/users`))).toBe(404)
  })

  test('of two with one ticket at once, one', async () => {
    const ticket = await ticketOf(worker)
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => {
        const socket = openSocket(base, ticket)
        return new Promise<number>((resolve) => {
          socket.once('open', () => {
            socket.close()
            resolve(101)
          })
          socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode))
          socket.on('error', () => undefined)
        })
      }),
    )
    expect(outcomes.sort()).toEqual([101, 401, 401])
  })

  test('to a page of another site; not to one of our own', async () => {
    expect(await refusal(openSocket(base, await ticketOf(worker), { origin: 'https://evil.example' }))).toBe(403)
    const ours = openSocket(base, await ticketOf(worker), { origin: base })
    await new Promise((resolve) => ours.once('open', resolve))
    ours.close()
  })

  test('to an API key, which has no session', async () => {
    expect((await send('POST', '/v1/tickets', { more: 1 })).status).toBe(422)
    const key = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: 'k', role: 'admin' } })
    expect((await server.send('POST', '/v1/tickets', { body: {}, headers: { 'x-api-key': String(key.body.key) } })).status).toBe(403)
  })

  test('to the twenty-first of one user', async () => {
    const person = await join(server, owner)
    const open = await Promise.all(Array.from({ length: 20 }, () => connect(person)))
    expect(await refusal(openSocket(base, await ticketOf(person)))).toBe(429)
    open[0]?.close()
    await open[0]?.closed
    await until(() => true)
    await connect(person)
  })
})

describe('a message is refused', () => {
  const errorOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'none',
      (error: { code?: string }) => String(error.code),
    )

  test('about documents that are not there, hidden or foreign alike, and other collections', async () => {
    const id = await create()
    const stranger = await connect(other)
    const unseen = await errorOf(stranger.follow(id))
    expect(unseen).toBe('not_found')
    expect(await errorOf(stranger.follow('0198c0de-0000-7000-8000-000000000000'))).toBe(unseen)
    expect(await errorOf(stranger.follow('none'))).toBe(unseen)
    const users = stranger.connection.get('users', worker.id)
    expect(await errorOf(new Promise((_, reject) => users.fetch((error) => reject(error))))).toBe('forbidden')
  })

  test('that makes, deletes or queries', async () => {
    const id = await create()
    const about = { c: 'checklists', d: id, v: 1, seq: 900 }
    const asked = [
      { ...about, a: 'op', del: true },
      { ...about, a: 'op', create: { type: 'http://sharejs.org/types/JSONv1', data: {} } },
      { a: 'qf', id: 1, c: 'checklists', q: {}, seq: 900 },
      { a: 'qs', id: 1, c: 'checklists', q: {}, seq: 900 },
      { ...about, a: 'nt', ts: 1 },
    ]
    for (const message of asked) expect((await answerTo(message)).error?.code, JSON.stringify(message)).toBe('forbidden')
    expect(await state(id)).toMatchObject({ version: 1 })
  })

  test.each([
    ['breaks the shape', ['items', 'a', 'checked', { r: false, i: 'yes' }]],
    ['does not fit', ['items', 'z', 'checked', { r: false, i: true }]],
    ['puts in what nobody knows', ['items', 'a', 'colour', { i: 'red' }]],
    ['takes a part away', ['items', { r: true }]],
    ['holds half a character', ['items', 'a', 'notes', { r: '', i: '\ud800' }]],
  ])('that %s, and the document and the others stay as they are', async (_, op) => {
    const id = await create()
    const seen = await (await connect(owner)).follow(id)
    expect((await answerTo({ a: 'op', c: 'checklists', d: id, v: 1, seq: 900, op })).error?.code).toBe('invalid_operation')
    expect(seen.version).toBe(1)
    await submit(seen, type('a', 'text', 0, 'x'))
    expect(await state(id)).toMatchObject({ version: 2 })
  })

  test('of somebody who may only read', async () => {
    const doc = await (await connect(auditor)).follow(await create())
    expect(await errorOf(submit(doc, type('a', 'text', 0, 'x')))).toBe('forbidden')
  })

  test('on a submitted document', async () => {
    const id = await create()
    const doc = await (await connect()).follow(id)
    for (const item of ['a', 'b']) await submit(doc, set(item, 'checked', false, true))
    await send('POST', `/api/submissions/${id}/submit`, {})
    expect(await errorOf(submit(doc, type('a', 'notes', 0, 'x')))).toBe('frozen')
    expect(await state(id)).toMatchObject({ version: 3 })
  })

  test('when it is too large, no JSON, or one of too many: the socket is closed', async () => {
    const large = await connect()
    large.socket.send(JSON.stringify({ a: 'pp', pad: 'x'.repeat(64 * 1024) }))
    expect((await large.closed).code).toBe(1009)
    const broken = await connect()
    broken.socket.send('{')
    expect((await broken.closed).code).toBe(1007)
    const many = await connect()
    for (let n = 0; n < 150; n += 1) many.socket.send('{"a":"pp"}')
    expect((await many.closed).code).toBe(1008)
  })
})

describe('people in one document', () => {
  test('end the same, over sockets and REST, and history replays to it', async () => {
    const id = await create()
    const docs = await Promise.all([connect(), connect(owner), connect()].map(async (client) => (await client).follow(id)))
    const work = docs.map(async (doc, who) => {
      for (let n = 0; n < 15; n += 1) {
        const text = (doc.data as Loose).items as unknown as Record<string, { notes: string; checked: boolean }>
        if (n % 5 === 4) await submit(doc, set('a', 'checked', text.a?.checked, !text.a?.checked))
        else await submit(doc, type('a', 'notes', [...(text.a?.notes ?? '')].length, `${who}🙂${n} `))
      }
    })
    const posted = Array.from({ length: 10 }, (_, n) =>
      send('POST', '/api/sync', {
        action: 'apply_operation',
        operation: {
          entityType: 'checklist',
          entityId: id,
          baseVersion: 1,
          ops: [{ type: 'insert', path: 'items.b.notes', pos: 0, text: `r${n}` }],
        },
      }),
    )
    await Promise.all([...work, ...posted])
    await until(() => docs.every(({ version }) => version === 56))
    const now = await state(id)
    for (const { data } of docs) expect(sha256(canonical(data))).toBe(now.checksum)
    expect(now).toMatchObject({ version: 56 })
  })

  test('come back with what they typed offline, once, though the reply was lost and the server restarted', async () => {
    const id = await create()
    const client = await connect()
    const doc = await client.follow(id)
    await submit(doc, type('a', 'text', 4, ' one'))
    client.socket.terminate()
    const pending = submit(doc, type('a', 'text', 0, 'Big '))
    await send('POST', '/api/sync', {
      action: 'apply_operation',
      operation: { entityType: 'checklist', entityId: id, ops: [{ type: 'insert', path: 'items.a.text', pos: 8, text: '!' }] },
    })
    await server.restart()
    base = await server.listen()
    rebind(client, openSocket(base, await ticketOf(worker)))
    await pending
    await until(() => doc.version === 4)
    expect(((await state(id)).data as Loose).items).toMatchObject({ a: { text: 'Big Sink one!' } })
    client.connection.close()
  })

  test('read it at any version', async () => {
    const id = await create()
    const client = await connect()
    const doc = await client.follow(id)
    for (const text of ['1', '2', '3']) await submit(doc, type('a', 'text', 0, text))
    const at = (version: number) =>
      new Promise<Loose>((resolve, reject) =>
        client.connection.fetchSnapshot('checklists', id, version, (error, snapshot) =>
          error ? reject(error) : resolve(snapshot as never),
        ),
      )
    expect((await at(3)).data?.items).toMatchObject({ a: { text: '21Sink' } })
    expect((await at(1)).data?.items).toMatchObject({ a: { text: 'Sink' } })
  })

  test('hear nothing more once they lost the right, and are sent away once their session is over', async () => {
    const id = await create()
    const guest = await join(server, owner)
    const team = await send('POST', '/api/assignments', { checklistId: id, assignedTo: [guest.id] }, owner)
    expect(team.status).toBe(201)
    const client = await connect(guest)
    const seen = await client.follow(id)
    const mine = await (await connect()).follow(id)
    await submit(mine, type('a', 'text', 0, '1'))
    await until(() => seen.version === 2)
    expect((await send('DELETE', `/api/assignments/${(team.body.assignment as Loose).assignmentId}`, undefined, owner)).status).toBe(200)
    await submit(mine, type('a', 'text', 0, '2'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(seen.version).toBe(2)
    await send('DELETE', '/v1/sessions/current', undefined, guest)
    expect((await client.closed).code).toBe(4401)
  })

  test('see each other, and each other’s cursors', async () => {
    const id = await create()
    const [client, witness] = [await connect(), await connect(owner)]
    await client.follow(id)
    await witness.follow(id)
    const seen: unknown[] = []
    const watched = witness.connection.getPresence(`checklist:${id}`)
    watched.on('receive', (_: string, value: unknown) => seen.push(value))
    await new Promise((resolve) => watched.subscribe(resolve))
    const mine = client.connection.getPresence(`checklist:${id}`).create('me')
    await new Promise((resolve) => mine.submit({ cursor: { x: 3, y: 4 }, selection: null, typing: true }, resolve))
    await until(() => seen.length > 0)
    expect(seen[0]).toMatchObject({ cursor: { x: 3, y: 4 }, typing: true })
    const { sessions } = (await send('GET', `/api/sync?entityId=${id}`)).body as { sessions?: Loose }
    expect(sessions).toMatchObject([{ userId: worker.id, cursor: { x: 3, y: 4 } }, { userId: owner.id }])
    expect((await send('GET', `/api/sync/operations?entityId=${id}`)).body).toMatchObject({ currentVersion: 1 })
  })
})
