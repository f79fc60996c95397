import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { permissions, platformRoles, roles } from './permissions.ts'

let server: TestServer
let owner: Person
beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

test('the table of roles is the permission table, to whom it is for', async () => {
  const { status, body } = await server.send('GET', '/v1/roles', { token: owner.token })
  expect(status).toBe(200)
  const items = body.items as unknown as { role: string; permissions: { permission: string; scope: string }[] }[]
  expect(items.map(({ role }) => role)).toEqual([...roles, ...platformRoles])
  for (const { role, permissions: may } of items) {
    const told = new Map(may.map(({ permission, scope }) => [permission, scope]))
    for (const [permission, row] of Object.entries(permissions)) expect(told.get(permission)).toBe((row as Record<string, unknown>)[role])
    expect([...told.keys()].every((permission) => permission in permissions)).toBe(true)
  }
  const member = await join(server, owner, { username: 'just-a-member', role: 'member' })
  expect((await server.send('GET', '/v1/roles', { token: member.token })).status).toBe(403)
  expect((await server.send('GET', '/v1/roles')).status).toBe(401)
  expect((await server.send('GET', '/v1/roles?role=owner', { token: owner.token })).status).toBe(422)
})
