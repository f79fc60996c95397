import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { Principal } from '../kernel/context.ts'
import { anonymous } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { AnyOperation } from '../kernel/operation.ts'
import { perform } from '../kernel/perform.ts'
import { operations } from '../operations.ts'
import { authenticate } from '../session/authenticate.ts'
import { surfaces } from '../surfaces.ts'
import { enterOwner, hire, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { matrix } from './matrix-table.ts'
import { type AnyRole, permissions, roles, type Scope } from './permissions.ts'

const places = operations.flatMap((operation) => {
  const served = surfaces.filter(({ routes }) => routes.some((route) => route.operation === operation)).map(({ name }) => name)
  return (served.length === 0 ? ['cli'] : served).map((surface) => ({ operation, surface, name: operation.name }))
})

let server: TestServer
const people = {} as Record<AnyRole, Principal>
const machines = {} as Record<Exclude<(typeof roles)[number], 'owner'>, Principal>

beforeAll(async () => {
  server = await startTestServer()
  const { runtime, keys } = server.holdfast
  const owner = await enterOwner(server)
  const known = async ({ token }: Person) => (await authenticate(runtime, keys, { bearer: token })).principal
  for (const role of roles) {
    people[role] = await known(role === 'owner' ? owner : await join(server, owner, { role }))
    if (role === 'owner') continue
    const { body } = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: role, role } })
    machines[role] = (await authenticate(runtime, keys, { apiKey: String(body.key) })).principal
  }
  for (const role of ['platform_admin', 'platform_operator'] as const) people[role] = await known(await hire(server, role))
})
afterAll(() => server.close())

/** How far this one may go, or the status of the refusal. What the operation does is left out: only the guard is asked. */
async function askGuard(operation: AnyOperation, actor: Principal, surface: string): Promise<Scope | number> {
  let scope: Scope | null = null
  const probe: AnyOperation = {
    ...operation,
    input: z.unknown(),
    output: z.unknown(),
    serial: async () => null,
    async run(context) {
      scope = context.scope
      return { output: null }
    },
  }
  const origin = { requestId: 'matrix', surface, network: null, userAgent: null, deviceToken: null }
  try {
    await perform(server.holdfast.runtime, probe, { actor, origin, input: undefined, encode: () => ({ status: 200, body: '' }) })
    return scope ?? 500
  } catch (error) {
    if (error instanceof AppError) return error.status
    throw error
  }
}

test('every operation has a row, and every row an operation', () => {
  const names = new Set(operations.map(({ name }) => name))
  expect([...names].filter((name) => matrix[name] === undefined)).toEqual([])
  expect(Object.keys(matrix).filter((row) => !names.has(row.split(' @')[0] ?? ''))).toEqual([])
})

test('every permission is needed by something', () => {
  const needed = new Set<string>(operations.map(({ needs }) => needs))
  // metrics belong to the door, which is no operation of the registry
  expect(Object.keys(permissions).filter((permission) => !needed.has(permission) && permission !== 'metrics:read')).toEqual([])
})

test.each(places)('$name on $surface is for those who are promised it, and no further', async ({ operation, surface, name }) => {
  const row = matrix[`${name} @${surface}`] ?? matrix[name]
  if (row === undefined) throw new Error(`${name} has no row`)
  const promised = (role: AnyRole, isMachine: boolean): Scope | number => {
    if (row === 'public') return 'own'
    return (isMachine && !row.machines ? undefined : row.people[role]) ?? 403
  }
  const found: Record<string, unknown> = { anonymous: await askGuard(operation, anonymous, surface) }
  const expected: Record<string, unknown> = { anonymous: row === 'public' ? 'own' : 401 }
  for (const [role, actor] of Object.entries(people)) {
    found[role] = await askGuard(operation, actor, surface)
    expected[role] = promised(role as AnyRole, false)
  }
  for (const [role, actor] of Object.entries(machines)) {
    found[`key of ${role}`] = await askGuard(operation, actor, surface)
    expected[`key of ${role}`] = promised(role as AnyRole, true)
  }
  expect(found).toEqual(expected)
})

test('a refusal of the guard leaves one access.denied, and says nothing more than that', async () => {
  const store = server.holdfast.runtime.storage.tenant(people.member.tenantId)
  const before = (await store.head())?.sequence ?? 0
  const createUser = operations.find(({ name }) => name === 'user.create')
  if (createUser === undefined) throw new Error('no user.create')
  expect(await askGuard(createUser, people.member, 'v1')).toBe(403)
  const entries = await store.log(null, before, 10)
  expect(entries.map(({ entry }) => [entry.action, entry.actor.id, entry.changes, entry.detail])).toEqual([
    ['access.denied', people.member.id, [], { operation: 'user.create', code: 'forbidden' }],
  ])
})

test('whoever must change the password is refused by every guard but those of that change and of signing out', async () => {
  const actor = { ...people.owner, mustChangePassword: true }
  const open: string[] = []
  for (const { operation, surface, name } of places)
    if (operation.needs !== 'public' && (await askGuard(operation, actor, surface)) !== 403) open.push(name)
  expect([...new Set(open)].sort()).toEqual([
    'agent.password',
    'employee.password',
    'session.revoke',
    'session.revoke-all',
    'session.revoke-current',
    'user.password',
  ])
})
