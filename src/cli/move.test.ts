import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { entities } from '../entities.ts'
import { sqlite } from '../storage/sqlite/engine.ts'
import { freshFolder, holdfast, send, signIn, startServer } from './testing/process.ts'

const folders: ReturnType<typeof freshFolder>[] = []
const fresh = () => {
  const folder = freshFolder()
  folders.push(folder)
  return folder
}
afterAll(() => folders.forEach(({ remove }) => void remove()))

const create = (data: string, username: string, environment = {}) =>
  holdfast(data, ['users', 'create', '--username', username, '--json'], { environment })

const statusOf = async (url: string, path: string, token: string): Promise<number> =>
  (await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })).status

async function lastOfPlatform(folder: string): Promise<unknown> {
  const storage = sqlite({ folder, entities })
  await storage.open()
  try {
    const head = await storage.platform().head()
    return (await storage.platform().log(null, (head?.sequence ?? 1) - 1, 1))[0]?.entry
  } finally {
    await storage.close()
  }
}

test('moves a stopped server’s data, and the other storage is used with the same key', async () => {
  const { folder, data } = fresh()
  expect(await create(data, 'ada')).toMatchObject({ code: 0 })
  const before = await holdfast(data, ['users', 'list', '--json'])
  const to = join(folder, 'other')

  const moved = await holdfast(data, ['move', '--to', to, '--json'])

  expect(moved).toMatchObject({ code: 0, json: { equal: true, resumed: false, entities: { user: 2, tenant: 1 }, to: `sqlite:${to}` } })
  const environment = { HOLDFAST_STORAGE: `sqlite:${to}` }
  expect((await holdfast(data, ['users', 'list', '--json'], { environment })).json).toEqual(before.json)
  expect((await holdfast(data, ['users', 'list', '--json'])).json).toEqual(before.json)
  expect(await holdfast(data, ['audit', 'verify', '--json'], { environment })).toMatchObject({ code: 0, json: { ok: true } })
  expect(await lastOfPlatform(to)).toMatchObject({ action: 'storage.move', detail: { from: 'sqlite', to: `sqlite:${to}` } })
  expect(await create(data, 'bob', environment)).toMatchObject({ code: 0, json: { number: 3 } })

  // a target that holds data, a target that was moved to before
  expect(await holdfast(data, ['move', '--to', to, '--json'])).toMatchObject({ code: 5, json: { error: 'storage_not_empty' } })
  const { data: third } = fresh()
  await create(third, 'eve')
  expect(await holdfast(data, ['move', '--to', third, '--json'])).toMatchObject({ code: 5, json: { error: 'storage_not_empty' } })
  // and round: the second move's digests are the first's, but for what was written since
  const again = join(folder, 'again')
  const round = await holdfast(data, ['move', '--to', again, '--json'], { environment })
  expect(round).toMatchObject({ code: 0, json: { equal: true, entities: { user: 3 } } })
  for (const entity of ['tenant', 'session', 'signing_key']) expect(round.json.digests[entity]).toBe(moved.json.digests[entity])
})

test('moves a running server’s data; then it takes no more writes, and none is started on the old storage by mistake', async () => {
  const { folder, data } = fresh()
  const server = await startServer(data)
  const token = await signIn(server.url)
  const to = join(folder, 'other')
  let made = 0
  let isMoving = true
  const writing = (async () => {
    for (let n = 0; isMoving; n += 1) {
      const { status } = await send(server.url, '/v1/users', { username: `writer.${n}` }, token)
      if (status === 201) made += 1
      else return status
    }
    return 0
  })()

  const moved = await holdfast(data, ['move', '--to', `sqlite:${to}`])
  isMoving = false

  expect(moved).toMatchObject({ code: 0, out: expect.stringContaining('Set HOLDFAST_STORAGE') })
  expect([0, 503]).toContain(await writing)
  expect(await send(server.url, '/v1/users', { username: 'late' }, token)).toMatchObject({
    status: 503,
    body: { code: 'storage_moved' },
  })
  expect(await statusOf(server.url, '/v1/users?limit=200', token)).toBe(200)
  await server.stop()

  expect(await holdfast(data, ['serve'])).toMatchObject({ code: 5, err: expect.stringContaining('moved.json') })
  const next = await startServer(data, { HOLDFAST_STORAGE: `sqlite:${to}` })
  // nobody was signed out, and everybody who was acknowledged is there
  expect(await statusOf(next.url, '/v1/sessions', token)).toBe(200)
  expect(made).toBeGreaterThan(0)
  const users = await holdfast(data, ['users', 'list', '--q', 'writer.', '--json'], { environment: { HOLDFAST_STORAGE: `sqlite:${to}` } })
  expect(users.json.items).toHaveLength(made)
  await next.stop()

  rmSync(join(data, 'moved.json'))
  const back = await startServer(data)
  expect(await signIn(back.url)).not.toBe('')
  await back.stop()
})

test('refuses another key, a wrong address, and a storage that cannot be reached, and says which', async () => {
  const { folder, data } = fresh()
  await create(data, 'ada')
  expect(await holdfast(data, ['move', '--to', 'mysql://host/db', '--json'])).toMatchObject({ code: 2, json: { error: 'bad_setting' } })
  expect(await holdfast(data, ['move', '--to', join(folder, 'x.db'), '--json'])).toMatchObject({ code: 2, json: { error: 'bad_setting' } })
  expect(await holdfast(data, ['move', '--json'])).toMatchObject({ code: 2 })
  expect(await holdfast(data, ['move', '--to', join(data, 'master.key', 'below'), '--json'])).toMatchObject({
    code: 8,
    json: { error: 'move_target_unreachable' },
  })
  const environment = { HOLDFAST_KEY: randomBytes(32).toString('base64') }
  expect(await holdfast(data, ['move', '--to', join(folder, 'other'), '--json'], { environment })).toMatchObject({ code: 6 })
  expect(await holdfast(join(folder, 'nothing'), ['move', '--to', join(folder, 'other'), '--json'])).toMatchObject({ code: 4 })
  expect(existsSync(join(folder, 'nothing'))).toBe(false)
  const server = await startServer(data)
  expect(await signIn(server.url)).not.toBe('')
  await server.stop()
})
