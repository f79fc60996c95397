import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, invite } from '../testing/people.ts'
import type { Loose, TestServer } from '../testing/server.ts'
import { sharedDatabases, twoServers } from '../testing/shared-databases.ts'

describe.each(sharedDatabases)('hand-outs by two processes on one %s', (_, start) => {
  let shared: Awaited<ReturnType<typeof twoServers>>
  let servers: [TestServer, TestServer]
  let token = ''
  let people: string[]

  beforeAll(async () => {
    shared = await twoServers(start)
    servers = shared.servers
    const owner = await enterOwner(servers[0])
    token = owner.token
    people = []
    for (let n = 0; n < 5; n += 1) people.push(String((await invite(servers[0], owner, { username: `taker-${n}` })).id))
  })
  afterAll(() => shared.close(), 60_000)

  const send = (n: number, method: string, path: string, body?: unknown) =>
    (servers[n % 2] as TestServer).send(method, path, { token, ...(body === undefined ? {} : { body }) })
  const contacts = async (count: number): Promise<string[]> => {
    const lines = ['first_name', ...Array.from({ length: count }, (_unused, n) => `Contact ${n}`)].join('\n')
    const { body } = await servers[0].send('POST', '/v1/contacts/import', { token, raw: lines, headers: { 'content-type': 'text/csv' } })
    const { items } = (await send(0, 'GET', `/v1/contacts?importId=${body.importId}&limit=200`)).body as unknown as { items: Loose[] }
    return items.map(({ id }) => String(id))
  }
  const handOut = (n: number, ids: string[]) =>
    send(n, 'POST', '/api/admin/contacts/bulk-assign', { assignment_mode: 'round_robin', contact_ids: ids, user_ids: people })
  const loads = async (): Promise<number[]> =>
    Promise.all(
      people.map(async (id) => Number(((await send(1, 'GET', `/api/admin/users/${id}/assignments`)).body.data as Loose).contacts_count)),
    )

  test('a hundred at once come out twenty each, and three more within one', async () => {
    const ids = await contacts(100)
    const answers = await Promise.all(ids.map((id, n) => handOut(n, [id])))
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200))
    expect(await loads()).toEqual([20, 20, 20, 20, 20])
    const more = await contacts(3)
    await Promise.all(more.map((id, n) => handOut(n, [id])))
    const after = await loads()
    expect([Math.min(...after), Math.max(...after), after.reduce((sum, n) => sum + n, 0)]).toEqual([20, 21, 103])
  })

  test('one contact that both hand out at the same time goes to one person', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [id = ''] = await contacts(1)
      const answers = await Promise.all([handOut(0, [id]), handOut(1, [id])])
      const created = answers.map(({ body }) => Number((body as unknown as { assignments_created: number }).assignments_created))
      expect(created.reduce((sum, n) => sum + n, 0)).toBe(1)
      const steps = (await send(0, 'GET', `/v1/assignment-history?contactId=${id}`)).body.items as unknown as Loose[]
      expect(steps.map(({ action }) => action)).toEqual(['assigned'])
    }
  })
})
