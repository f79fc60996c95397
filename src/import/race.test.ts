import { afterAll, beforeAll, expect, test } from 'vitest'
import { remove } from '../kernel/change.ts'
import { system } from '../kernel/context.ts'
import { Conflict, type TenantStore } from '../storage/port.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { User } from '../user/entity.ts'
import { createUser } from '../user/operations.ts'
import { run, storeOf, userNamed, usersIn } from './testing/run.ts'
import { importUsers } from './users.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const text = (names: string[]) => `username,role\n${names.map((name) => `${name},member`).join('\n')}\n`
const namesOf = (prefix: string, n: number) => Array.from({ length: n }, (_, at) => `${prefix}${at}`)

test('makes everyone once when the same file is imported twice at once', async () => {
  const before = await usersIn(server)
  const input = { text: text(namesOf('twin', 250)), format: 'csv' } as const
  const reports = await Promise.all([run(server, importUsers, input), run(server, importUsers, input)])
  expect(reports.map(({ created }) => created).sort((a, b) => a - b)).toEqual([0, 250])
  expect(await usersIn(server)).toBe(before + 250)
})

test('finds who was made meanwhile, and makes the others', async () => {
  const names = namesOf('busy', 300)
  const imported = run(server, importUsers, { text: text(names), format: 'csv' })
  const made = await Promise.allSettled(names.map((username) => run(server, createUser, { username })))
  const report = await imported
  const others = made.filter(({ status }) => status === 'fulfilled').length
  expect(report).toMatchObject({ rows: 300, existing: others, created: 300 - others, refused: [] })
  const store = await storeOf(server)
  for (const name of names) expect(await store.find(User, 'username', [name])).not.toBeNull()
})

test('puts nobody below a manager who went meanwhile', async () => {
  await run(server, importUsers, { text: text(['boss']), format: 'csv' })
  const { runtime } = server.holdfast
  const boss = await userNamed(server, 'boss')
  let commits = 0
  const removing = (store: TenantStore): TenantStore => ({
    ...store,
    async commit(changes, meta) {
      commits += 1
      if (commits === 1) await store.commit([remove(User, boss)], meta)
      return store.commit(changes, meta)
    },
  })
  const storage = { ...runtime.storage, tenant: (id: string) => removing(runtime.storage.tenant(id)) }
  const busy = { ...server, holdfast: { ...server.holdfast, runtime: { ...runtime, storage } } }
  const report = await run(busy, importUsers, { text: 'username,manager\nbelow,boss\nbeside,\n', format: 'csv' })
  expect(report).toMatchObject({
    created: 1,
    refused: [{ row: 1, field: 'manager', message: 'is no user of this tenant or of this file' }],
  })
})

test('gives up, with advice, where it never wins', async () => {
  const { runtime } = server.holdfast
  const losing = (store: TenantStore): TenantStore => ({ ...store, commit: () => Promise.reject(new Conflict('version', 'user', 'x')) })
  const storage = { ...runtime.storage, tenant: (id: string) => losing(runtime.storage.tenant(id)) }
  const unlucky = { ...server, holdfast: { ...server.holdfast, runtime: { ...runtime, storage } } }
  await expect(run(unlucky, importUsers, { text: text(['never']), format: 'csv' }, system)).rejects.toMatchObject({
    code: 'import_contended',
    message: expect.stringContaining('Run the import again'),
  })
})
