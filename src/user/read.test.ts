import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, found, invite, join, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
/** One small firm: owner; supervisor → manager → member; another manager with another member; an auditor. */
let firm: Record<'owner' | 'admin' | 'supervisor' | 'manager' | 'member' | 'other' | 'stranger' | 'auditor', Person>

beforeAll(async () => {
  server = await startTestServer()
  const owner = await enterOwner(server)
  const supervisor = await join(server, owner, { role: 'supervisor', username: 'sue' })
  const manager = await join(server, owner, { role: 'manager', username: 'max', managerId: supervisor.id })
  const member = await join(server, owner, { username: 'mia', managerId: manager.id })
  const other = await join(server, owner, { role: 'manager', username: 'otto' })
  const stranger = await join(server, owner, { username: 'stan', managerId: other.id })
  const auditor = await join(server, owner, { role: 'auditor', username: 'aud' })
  const admin = await join(server, owner, { role: 'admin', username: 'adi' })
  firm = { owner, admin, supervisor, manager, member, other, stranger, auditor }
})
afterAll(() => server.close())

type Name = keyof typeof firm
const everyone: Name[] = ['owner', 'supervisor', 'manager', 'member', 'other', 'stranger', 'auditor', 'admin']

const reach: Record<Name, Name[]> = {
  owner: everyone,
  admin: everyone,
  auditor: everyone,
  supervisor: ['supervisor', 'manager', 'member'],
  manager: ['manager', 'member'],
  other: ['other', 'stranger'],
  member: ['member'],
  stranger: ['stranger'],
}
const get = (by: Person, path: string) => server.send('GET', path, { token: by.token })
const idsOf = (items: Loose): string[] => items.map(({ id }) => String(id))

/** Every page of a list. */
async function all(by: Person, query = '', limit = 2): Promise<Loose[]> {
  const items: Loose[] = []
  for (let cursor = ''; ; ) {
    const { status, body, text } = await get(by, `/v1/users?limit=${limit}${query}${cursor}`)
    if (status !== 200) throw new Error(text)
    expect(body.items.length).toBeLessThanOrEqual(limit)
    items.push(...body.items)
    if (body.nextCursor === null) return items
    cursor = `&cursor=${String(body.nextCursor)}`
  }
}

describe.each(Object.keys(reach) as Name[])('what the %s sees', (name) => {
  test('in the list, page by page, in the order of creation', async () => {
    const items = await all(firm[name])
    expect(items.map(({ id }) => String(id))).toEqual(reach[name].map((one) => firm[one].id))
  })

  test('one by one: the rest is answered like an absent one', async () => {
    const absent = await get(firm[name], `/v1/users/${randomUUID()}`)
    for (const one of everyone) {
      const { status, body } = await get(firm[name], `/v1/users/${firm[one].id}`)
      if (reach[name].includes(one)) expect([status, body.id]).toEqual([200, firm[one].id])
      else expect([status, { ...body, requestId: 0 }]).toEqual([404, { ...absent.body, requestId: 0 }])
    }
  })

  test('in the organisation', async () => {
    const found: string[] = []
    const walk = (nodes: Loose) => {
      for (const node of nodes) {
        found.push(String(node.id))
        walk(node.reports as Loose)
      }
    }
    walk((await get(firm[name], '/v1/organization')).body.items as Loose)
    expect(found.sort()).toEqual(reach[name].map((one) => firm[one].id).sort())
  })

  test('of another tenant: nothing', async () => {
    const other = await found(server)
    expect((await get(firm[name], `/v1/users/${other.id}`)).status).toBe(404)
    expect(await all(firm[name], `&managerId=${other.id}`)).toEqual([])
    expect(await all(firm[name], `&q=${other.username}`)).toEqual([])
  })
})

test('a subtree is listed in the order of creation, not of rank', async () => {
  const by = await found(server)
  const boss = await join(server, by, { role: 'supervisor' })
  const low = await invite(server, by, {})
  const middle = await invite(server, by, { role: 'manager', managerId: boss.id })
  await server.send('PATCH', `/v1/users/${low.id}`, { token: by.token, body: { version: 1, managerId: middle.id } })
  expect((await all(boss, '', 1)).map(({ id }) => id)).toEqual([boss.id, low.id, middle.id])
})

test('the organisation is a tree of whole users', async () => {
  const { body } = await get(firm.owner, '/v1/organization')
  const sue = body.items.find(({ username }) => String(username) === 'sue')
  const { reports, ...user } = sue ?? ({} as Loose)
  expect(user).toEqual((await get(firm.owner, `/v1/users/${firm.supervisor.id}`)).body)
  expect((reports as Loose)[0]).toMatchObject({ username: 'max', reports: [{ username: 'mia', reports: [] }] })
  expect((await get(firm.manager, '/v1/organization')).body.items).toMatchObject([{ username: 'max', reports: [{ username: 'mia' }] }])
})

describe('a list narrowed', () => {
  let boss: Person
  const names = async (query: string, by = boss) => (await all(by, `&${query}`)).map(({ username }) => String(username))

  beforeAll(async () => {
    boss = await found(server, 'narrow')
    const people = [
      { username: 'Anna', fullName: 'Ångström, Anna', email: 'first@example.org', role: 'manager' },
      { username: 'bert', fullName: 'Bert_100%', role: 'auditor' },
      { username: 'cleo', email: 'CLEO@Example.org' },
    ] as const
    for (const person of people) await invite(server, boss, person)
    const anna = (await all(boss, '&q=anna'))[0]
    const dan = await invite(server, boss, { username: 'dan', managerId: String(anna?.id) })
    await server.send('DELETE', `/v1/users/${dan.id}`, { token: boss.token })
  })

  test.each([
    ['q=ANN', ['Anna']],
    ['q=ångström', ['Anna']],
    [`q=${encodeURIComponent('ÅNGSTRÖM'.normalize('NFD'))}`, ['Anna']],
    ['q=example.org', ['Anna', 'cleo']],
    ['q=%25', ['bert']],
    ['q=t_1', ['bert']],
    ['q=*', []],
    ['q=', ['boss-narrow', 'Anna', 'bert', 'cleo', 'dan']],
    ['q=%20', ['boss-narrow', 'Anna', 'bert', 'cleo', 'dan']],
    ["q='", []],
    ['role=auditor', ['bert']],
    ['role=owner', ['boss-narrow']],
    ['role=supervisor', []],
    ['isActive=false', ['dan']],
    ['isActive=true', ['boss-narrow', 'Anna', 'bert', 'cleo']],
    ['isActive=true&role=member', ['cleo']],
    ['isActive=false&role=member&q=d', ['dan']],
    ['role=manager&q=first', ['Anna']],
  ])('%s', async (query, expected) => expect(await names(query)).toEqual(expected))

  test('by manager, with the rest', async () => {
    const [anna] = await all(boss, '&q=anna')
    expect(await names(`managerId=${anna?.id}`)).toEqual(['dan'])
    expect(await names(`managerId=${anna?.id}&isActive=true`)).toEqual([])
    expect(await names(`managerId=${anna?.id}&role=member&q=DAN`)).toEqual(['dan'])
    expect(await names(`managerId=${randomUUID()}`)).toEqual([])
  })

  test('within a subtree, with every filter', async () => {
    const sue = firm.supervisor
    expect(await names('q=M', sue)).toEqual(['max', 'mia'])
    expect(await names('role=member', sue)).toEqual(['mia'])
    expect(await names(`managerId=${firm.manager.id}`, sue)).toEqual(['mia'])
    expect(await names(`managerId=${firm.other.id}`, sue)).toEqual([])
    expect(await names('isActive=false', sue)).toEqual([])
  })

  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=2.5',
    'limit=x',
    'limit=',
    'cursor=rubbish',
    'cursor=',
    'role=root',
    'isActive=maybe',
    'order=desc',
    `q=${'x'.repeat(201)}`,
  ])('refuses %s', async (query) => {
    for (const by of [boss, firm.supervisor, firm.member]) {
      const { status, body } = await get(by, `/v1/users?${query}`)
      expect([status, ['validation_failed', 'bad_cursor'].includes(String(body.code))]).toEqual([422, true])
    }
  })

  test('refuses the cursor of another list', async () => {
    const cursorOf = async (by: Person, path: string) => String((await get(by, path)).body.nextCursor)
    const cursor = await cursorOf(boss, '/v1/users?limit=1')
    for (const path of [`/v1/users?role=member&cursor=${cursor}`, `/v1/sessions?cursor=${cursor}`])
      expect((await get(boss, path)).body.code).toBe('bad_cursor')
    expect((await get(firm.supervisor, `/v1/users?cursor=${cursor}`)).body.code).toBe('bad_cursor')
  })

  test('has fifty a page unless told otherwise, and two hundred at most', async () => {
    const many = await found(server)
    await Promise.all(Array.from({ length: 60 }, (_, at) => invite(server, many, { username: `many${at}` })))
    expect((await get(many, '/v1/users')).body.items).toHaveLength(50)
    expect((await get(many, '/v1/users?limit=200')).body.items).toHaveLength(61)
  })
})

test('following a list to the end meets everyone who was there all the while once, whoever is added or changed meanwhile', async () => {
  const boss = await found(server)
  for (let made = 0; made < 9; made++) await invite(server, boss, {})
  const before = idsOf((await get(boss, '/v1/users?limit=200')).body.items as Loose)
  const seen: string[] = []
  for (let cursor = ''; ; ) {
    const { body } = await get(boss, `/v1/users?limit=2${cursor}`)
    seen.push(...idsOf(body.items as Loose))
    await invite(server, boss, {})
    const [gone] = seen.slice(-1)
    await server.send('DELETE', `/v1/users/${gone === boss.id ? before[5] : gone}`, { token: boss.token })
    if (body.nextCursor === null || seen.length > 40) break
    cursor = `&cursor=${String(body.nextCursor)}`
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(before.filter((id) => !seen.includes(id))).toEqual([])
})

describe('why someone sees someone', () => {
  const why = async (viewer: Name, subject: Name, by: Name = 'owner') =>
    (await get(firm[by], `/v1/users/${firm[subject].id}/access?viewerId=${firm[viewer].id}`)).body

  test('is told as the rules decide', async () => {
    for (const viewer of everyone)
      for (const subject of everyone)
        expect([viewer, subject, (await why(viewer, subject)).allowed]).toEqual([viewer, subject, reach[viewer].includes(subject)])
    expect((await why('supervisor', 'member')).chain).toEqual(['sue', 'max', 'mia'])
  })

  test('is for owners, admins and auditors, within their tenant', async () => {
    for (const by of ['supervisor', 'manager', 'member'] as const)
      expect((await get(firm[by], `/v1/users/${firm.member.id}/access?viewerId=${firm.member.id}`)).status).toBe(403)
    const other = await found(server)
    expect((await get(firm.auditor, `/v1/users/${other.id}/access?viewerId=${firm.owner.id}`)).status).toBe(404)
    expect((await get(firm.auditor, `/v1/users/${firm.owner.id}/access?viewerId=${other.id}`)).status).toBe(404)
  })
})
