import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insert } from '../../kernel/change.ts'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { aNote, entities, meta, Note, newId, newSigner } from '../contract/harness.ts'
import { postgres } from './engine.ts'
import { postgresView } from './view.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

test('a view whose connection was cut says so, and never shows less instead', async () => {
  const { url, drop } = await freshDatabase(server.adminUrl)
  const storage = postgres({ url, entities })
  await storage.open()
  await storage.setSigner(newSigner())
  await storage.tenant(newId()).commit([insert(Note, aNote('first'))], meta)
  const view = await postgresView(url, entities)
  expect((await view.rows(Note, {})).items).toHaveLength(1)

  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()",
  )
  await admin.end()

  const gone = expect.objectContaining({ kind: 'unavailable', code: 'storage_failed' })
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(view.rows(Note, {})).rejects.toEqual(gone)
    await expect(view.heads({})).rejects.toEqual(gone)
    await expect(view.sequences({})).rejects.toEqual(gone)
  }
  await view.close()
  await storage.close()
  await drop()
})
