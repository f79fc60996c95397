import { once } from 'node:events'
import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { ask, dial } from './control-client.ts'
import { type ControlServer, openControlServer } from './control-server.ts'
import { longestRequest } from './control-wire.ts'

let server: TestServer
let control: ControlServer
let address = ''
const silent = { info: () => {}, warn: () => {}, error: () => {} }

beforeAll(async () => {
  server = await startTestServer()
  address = join(server.folder, 'holdfast.sock')
  writeFileSync(address, 'left behind')
  control = await openControlServer({ folder: server.folder, holdfast: server.holdfast, log: silent })
})
afterAll(async () => {
  await control.close()
  await server.close()
})

test('listens in a folder that nobody has made yet, as where database and key are elsewhere, and which only its user may enter', async () => {
  const folder = join(server.folder, 'not', 'yet')
  const elsewhere = await openControlServer({ folder, holdfast: server.holdfast, log: silent })
  const socket = await dial(join(folder, 'holdfast.sock'))
  expect(socket).not.toBeNull()
  socket?.destroy()
  await elsewhere.close()
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

const raw = async (text: string): Promise<string> => {
  const socket = connect(address)
  await once(socket, 'connect')
  return sent(socket, text)
}

async function sent(socket: Socket, text: string): Promise<string> {
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => (answer += chunk))
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return answer
}

const at = { tenant: null }

test('a request that is no JSON, or names nothing, is answered with an error, and the server goes on', async () => {
  expect(JSON.parse(await raw('garbage\n'))).toMatchObject({ error: { code: 'internal' } })
  expect(JSON.parse(await raw('{}\n'))).toHaveProperty('error')
  await expect(ask(address, { name: 'user.fly', at, input: {} })).rejects.toMatchObject({ code: 'unknown_operation' })
  await expect(ask(address, { name: 'toString', at, input: {} })).rejects.toMatchObject({ code: 'unknown_operation' })
  expect(await ask(address, { name: 'user.list', at, input: {} })).toMatchObject({ items: [{ username: 'owner' }] })
})

test('errors arrive as they are, with their fields', async () => {
  const refused = ask(address, { name: 'user.create', at, input: { username: 'a b' } })
  await expect(refused).rejects.toMatchObject({ kind: 'unprocessable', code: 'validation_failed', errors: [{ field: 'username' }] })
})

test('commits are those of the system, through the surface cli', async () => {
  await ask(address, { name: 'user.create', at, input: { username: 'ann' } })
  const token = await server.signIn()
  const { body } = await server.send('GET', '/v1/audit?action=user.create', { token })
  expect(body.items?.[0]).toMatchObject({ actor: { kind: 'system', name: 'system' }, action: 'user.create' })
})

test('who only looks, hangs up or sends too much disturbs nobody', async () => {
  for (let i = 0; i < 20; i++) (await dial(address))?.destroy()
  const half = connect(address)
  half.write('{"name":')
  half.destroy()
  const huge = sent(connect(address), 'x'.repeat(longestRequest + 1))
  expect(await huge).toBe('')
  expect(await ask(address, { name: 'tenant.list', at: 'platform', input: {} })).toHaveProperty('items')
})

test('a text of many bytes arrives whole, however it is cut on the way', async () => {
  const fullName = '𝒜ß→'.repeat(60)
  const user = await ask(address, { name: 'user.create', at, input: { username: 'wide', fullName: fullName.slice(0, 200) } })
  expect(user).toMatchObject({ fullName: fullName.slice(0, 200) })
})

test('nobody listens where there is no socket, or a dead one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-control-'))
  expect(await dial(join(folder, 'holdfast.sock'))).toBeNull()
  writeFileSync(join(folder, 'holdfast.sock'), '')
  expect(await dial(join(folder, 'holdfast.sock'))).toBeNull()
})
