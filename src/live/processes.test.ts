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
