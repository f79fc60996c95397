import { rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { type Keeper, startKeeping } from './keeper.ts'
import { aRecord } from './testing/records.ts'

let server: TestServer
let keeper: Keeper | null
beforeEach(async () => {
  server = await startTestServer({ HOLDFAST_MONITOR_SECONDS: '0', HOLDFAST_LOG_LEVEL: 'info', HOLDFAST_STORAGE: '' })
  keeper = null
})
afterEach(async () => {
  await keeper?.stop()
  await server.close()
})

const register = (token: string, number: number) =>
  server.send('POST', '/auth/register/', { token, body: { ...aRecord(number), password: 'nine herons over the weir' } })
const signIn = async (employee_id: string) =>
  (await server.send('POST', '/auth/login/', { body: { employee_id, password: 'nine herons over the weir' } })).status
const logged = (text: string): boolean => server.logged.some((line) => line.includes(text))
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !(await holds()); tries++) await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await holds()).toBe(true)
}

test('who was made and lost before a backup could be written comes back from the log, when somebody asks for numbers', async () => {
  const { runtime } = server.holdfast
  keeper = await startKeeping(runtime, { settleMs: 3_600_000, everyMs: 0 })
  const token = await server.signIn()
  expect((await register(token, 1)).status).toBe(201)
  await until(() => logged('New user created: MGJ00001, triggering backup'))
  const db = new Database(join(server.folder, 'holdfast.db'))
  db.exec(
    "DELETE FROM users WHERE username = 'MGJ00001'; DELETE FROM employees; DELETE FROM credentials WHERE id NOT IN (SELECT id FROM users)",
  )
  db.close()
  expect((await server.send('GET', '/auth/user-persistence-api/', { token })).status).toBe(200)
  await until(async () => (await signIn('MGJ00001')) === 200)
})

test('a refusal is logged, and shows in the metric and on /health until it is mended', async () => {
  const { runtime } = server.holdfast
  keeper = await startKeeping(runtime, { settleMs: 10 })
  const token = await server.signIn()
  const metric = async () => /^holdfast_preserve_ok (\d)/m.exec((await server.send('GET', '/metrics', { token })).text)?.[1]
  await register(token, 1)
  await until(() => logged('New user created: MGJ00001'))
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(await metric()).toBe('1')
  const db = new Database(join(server.folder, 'holdfast.db'))
  db.exec("DELETE FROM users WHERE username = 'MGJ00001'")
  db.close()
  await register(token, 2)
  await until(() => logged('Auto-backup failed: 1 users of the newest backup are missing'))
  expect([await metric(), (await server.send('GET', '/health')).body.preserve]).toEqual(['0', 'failed'])
  await server.send('GET', '/auth/user-persistence-api/', { token })
  await until(async () => (await metric()) === '1')
  expect((await server.send('GET', '/health')).body).not.toHaveProperty('preserve')
})

test('of a tenant that never had employees nothing is written, and a file that is gone is written again', async () => {
  keeper = await startKeeping(server.holdfast.runtime, { settleMs: 10, everyMs: 0 })
  const token = await server.signIn()
  const tenantId = String((await server.send('GET', '/v1/me', { token })).body.tenantId)
  const folder = join(server.folder, 'persistent', tenantId)
  const last = async () =>
    (await server.send('GET', '/auth/user-persistence-api/', { token })).body.last_backup as unknown as { records: number } | null
  expect(await last()).toBeNull()
  await register(token, 1)
  await until(async () => (await last())?.records === 1)
  rmSync(folder, { recursive: true })
  await until(async () => (await last())?.records === 1)
  expect(logged('No backup found, creating one...')).toBe(true)
})
