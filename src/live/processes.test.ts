import { randomUUID } from 'node:crypto'
import { editOp } from 'ot-json1'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Op } from '../document/json1.ts'
import { canonical, sha256 } from '../kernel/canonical.ts'
import { connectLive, type LiveDoc, submit, until } from '../testing/live.ts'
import { enterOwner } from '../testing/people.ts'
import type { Loose, TestServer } from '../testing/server.ts'
import { sharedDatabases, twoServers } from '../testing/shared-databases.ts'

describe.each(sharedDatabases)('two processes on one %s', (_, start) => {
  let shared: Awaited<ReturnType<typeof twoServers>>
  let servers: TestServer[]
  let token = ''
  let bases: string[]

  beforeAll(async () => {
    shared = await twoServers(start)
    servers = shared.servers
    bases = await Promise.all(servers.map((server) => server.listen()))
    token = (await enterOwner(servers[0] as TestServer)).token
  })
  afterAll(() => shared.close(), 60_000)

  const ask = (n: number, method: string, path: string, body?: unknown) =>
    (servers[n] as TestServer).send(method, path, { token, ...(body === undefined ? {} : { body }) })

  test('people at either see every edit of the other, and end the same', async () => {
    const items = [{ id: 'a', text: 'Sink' }]
    const made = await ask(0, 'POST', '/api/checklists', {
      checklistData: { title: 'Kitchen', sections: [{ id: 's', title: 'All', items }] },
    })
    const id = String(made.body.checklistId)
    const docs: LiveDoc[] = []
    const clients = []
    for (const [n, base] of bases.entries()) {
      const client = await connectLive(base, String((await ask(n, 'POST', '/v1/tickets', {})).body.ticket))
      clients.push(client)
      docs.push(await client.follow(id))
    }
    await Promise.all(
      docs.map(async (doc, who) => {
        for (let n = 0; n < 12; n += 1) {
          const { notes } = (doc.data as { items: { a: { notes: string } } }).items.a
          const at = [...notes].length
          await submit(doc, editOp(['items', 'a', 'notes'], 'text-unicode', [...(at === 0 ? [] : [at]), `${who}${n} `] as never) as Op)
        }
      }),
    )
    const posted = await ask(1, 'POST', '/api/sync', {
      action: 'apply_operation',
      operation: {
        operationId: randomUUID(),
        entityType: 'checklist',
        entityId: id,
        baseVersion: 1,
        ops: [{ type: 'update', path: 'title', newValue: 'Both' }],
      },
    })
    expect(posted.status).toBe(200)
    await until(() => docs.every(({ version }) => version === 26), 15_000)
    const states = await Promise.all([0, 1].map(async (n) => (await ask(n, 'GET', `/api/sync/state?entityId=${id}`)).body as Loose))
    expect(states[0]).toMatchObject({ version: 26, data: { title: 'Both' } })
    for (const { checksum } of states) expect(checksum).toBe(states[0]?.checksum)
    for (const { data } of docs) expect(sha256(canonical(data))).toBe(states[0]?.checksum)
    for (const client of clients) client.close()
  })

  test('words reach the other process and not oneself, each whole, and only those that fit', async () => {
    const [one, other] = servers.map(({ holdfast }) => holdfast.runtime.storage.broadcast)
    if (one === undefined || other === undefined) throw new Error('no broadcast')
    const heard: string[] = []
    const own: string[] = []
    const stops = [other.listen((text) => void heard.push(text)), one.listen((text) => void own.push(text))]
    const mine = (texts: string[]) => texts.filter((text) => text.startsWith('"test '))
    const texts = Array.from({ length: 40 }, (_, n) => JSON.stringify(`test ${n} ${'"ü'.repeat(n * 20)}`))
    one.send(JSON.stringify(`test ${'x'.repeat(6_000)}`))
    one.send('no JSON: whoever reads it passes over it')
    for (const text of texts) one.send(text)
    await expect.poll(() => mine(heard).length).toBe(texts.length)
    expect(mine(heard)).toEqual(texts)
    expect(mine(own)).toEqual([])
    for (const stop of stops) stop()
    one.send(JSON.stringify('test after'))
    await new Promise((resolve) => setTimeout(resolve, one.answerMs))
    expect(mine(heard)).toHaveLength(texts.length)
  })

  test('who is at either is seen at both, with cursors, and is asked of at either', async () => {
    const made = await ask(0, 'POST', '/api/checklists', {
      checklistData: { title: 'Kitchen', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink' }] }] },
    })
    const id = String(made.body.checklistId)
    const clients = []
    for (const [n, base] of bases.entries())
      clients.push(await connectLive(base, String((await ask(n, 'POST', '/v1/tickets', {})).body.ticket)))
    for (const client of clients) await client.follow(id)
    const shown = async (n: number) => (await ask(n, 'GET', `/api/sync?entityId=${id}`)).body.sessions as unknown as Loose[]
    const idsAt = async (n: number) => (await shown(n)).map(({ sessionId }) => String(sessionId)).sort()
    await expect.poll(() => idsAt(0)).toHaveLength(2)
    await expect.poll(() => idsAt(1)).toEqual(await idsAt(0))

    // a cursor over ShareDB, from one process to the other
    const [one, other] = clients as [(typeof clients)[0], (typeof clients)[0]]
    const seen: unknown[] = []
    const watched = other.connection.getPresence(`checklist:${id}`)
    watched.on('receive', (_: string, value: unknown) => seen.push(value))
    await new Promise((resolve) => watched.subscribe(resolve))
    const mine = one.connection.getPresence(`checklist:${id}`).create('me')
    await new Promise((resolve) => mine.submit({ cursor: { x: 3, y: 4 }, selection: null, typing: true }, resolve))
    await until(() => seen.length > 0, 15_000)
    expect(seen[0]).toMatchObject({ cursor: { x: 3, y: 4 }, typing: true })
    await expect.poll(async () => (await shown(1)).map(({ cursor }) => cursor)).toContainEqual({ x: 3, y: 4 })

    // a session that was begun at one is moved, kept and left at the other
    const sync = (n: number, action: string, more: object) =>
      ask(n, 'POST', '/api/sync', { action, entityId: id, entityType: 'checklist', ...more })
    const { sessionId } = (await sync(0, 'join_session', {})).body.session as Loose
    await expect.poll(() => idsAt(1)).toContain(sessionId)
    expect(((await sync(1, 'join_session', { sessionId })).body.session as Loose).sessionId).toBe(sessionId)
    expect((await sync(1, 'update_cursor', { sessionId, position: { x: 7, y: 8 } })).status).toBe(200)
    await expect.poll(async () => (await shown(0)).find((session) => session.sessionId === sessionId)?.cursor).toEqual({ x: 7, y: 8 })
    expect((await ask(1, 'POST', '/api/sync', { action: 'leave_session', sessionId })).status).toBe(200)
    for (const n of [0, 1]) await expect.poll(() => idsAt(n)).not.toContain(sessionId)

    one.close()
    await expect.poll(() => idsAt(1), { timeout: 60_000 }).toHaveLength(1)
    other.close()
  })

  test('a right that one takes is lost at the other', async () => {
    const invited = await ask(0, 'POST', '/v1/users', { username: `guest-${randomUUID().slice(0, 8)}`, password: 'a good long passphrase' })
    const guest = await (servers[1] as TestServer).signIn(String(invited.body.username), 'a good long passphrase')
    const made = await ask(0, 'POST', '/api/checklists', {
      checklistData: { title: 'Kitchen', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink' }] }] },
    })
    const id = String(made.body.checklistId)
    const work = (await ask(0, 'POST', '/api/assignments', { checklistId: id, assignedTo: [invited.body.id] })).body.assignment as Loose
    const server = servers[1] as TestServer
    const ticket = String((await server.send('POST', '/v1/tickets', { token: guest, body: {} })).body.ticket)
    const client = await connectLive(bases[1] ?? '', ticket)
    const doc = await client.follow(id)
    expect((await ask(0, 'DELETE', `/api/assignments/${work.assignmentId}`)).status).toBe(200)
    await expect(submit(doc, editOp(['items', 'a', 'text'], 'text-unicode', ['x'] as never) as Op)).rejects.toMatchObject({
      code: 'not_found',
    })
    client.close()
  })
})
