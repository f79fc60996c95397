import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { createHealth } from './health.ts'

let server: TestServer

beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

/** Changes the database behind the server's back. */
function tamper(sql: string): void {
  const database = new Database(join(server.folder, 'holdfast.db'))
  database.exec(sql)
  database.close()
}

test('a ready server with a sound store is healthy and says its version', async () => {
  const { status, body } = await server.send('GET', '/health?probe=1')
  expect(status).toBe(200)
  expect(body).toEqual({ status: 'healthy', version: server.holdfast.runtime.services.settings.version })
})

test('before it is ready, nothing but its own state and description is served', () => {
  const health = createHealth()
  expect(health.state()).toBe('starting')
  expect(health.unready()).toMatchObject({ status: 503, code: 'starting' })
  expect(health.problem()).toMatchObject({ status: 503, code: 'starting' })
  health.ready()
  expect(health.unready()).toBeNull()
  expect(health.problem()).toBeNull()
})

test('a stopping server refuses with 503 and says when to come again, and still tells its state', async () => {
  server.holdfast.health.stopping()
  const refused = await server.send('GET', '/v1/me', { token: 'whatever' })
  expect(refused).toMatchObject({ status: 503, body: { code: 'stopping', status: 503 } })
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect(await server.send('GET', '/health')).toMatchObject({ status: 503, body: { code: 'stopping' } })
  expect((await server.send('GET', '/openapi.json')).status).toBe(200)
})

test('a failed integrity check makes it 503 until a check finds nothing more', async () => {
  const token = await server.signIn()
  tamper("UPDATE users SET full_name = 'Somebody Else'")
  expect((await server.send('GET', '/v1/integrity', { token })).body.status).toBe('suspect')

  const { status, body, headers } = await server.send('GET', '/health')
  expect(status).toBe(503)
  expect(body).toMatchObject({ status: 503, code: 'storage_suspect', type: '/docs/errors#storage_suspect' })
  expect(headers['retry-after']).toBe('60')
  expect((await server.send('GET', '/metrics', { token })).text).toMatch(/^holdfast_storage_suspect 1$/m)

  tamper('UPDATE users SET full_name = NULL')
  expect((await server.send('GET', '/v1/integrity', { token })).body.status).toBe('ok')
  expect((await server.send('GET', '/health')).status).toBe(200)
  expect((await server.send('GET', '/metrics', { token })).text).toMatch(/^holdfast_storage_suspect 0$/m)
})

test('a sound part does not excuse another', () => {
  const health = createHealth()
  health.ready()
  health.checked('engine', false)
  health.checked('tenant a', true)
  expect(health.state()).toBe('suspect')
  health.checked('engine', true)
  expect(health.state()).toBe('healthy')
})

test('a suspect store does not lock out who has to mend it', async () => {
  server.holdfast.health.checked('engine', false)
  const token = await server.signIn()
  expect((await server.send('GET', '/v1/me', { token })).status).toBe(200)
})
