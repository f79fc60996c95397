import { afterAll, beforeAll } from 'vitest'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { entities, type Subject } from '../contract/harness.ts'
import { runContract } from '../contract/suite.ts'
import { postgres } from './engine.ts'
import { postgresView } from './view.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

async function open(): Promise<Subject> {
  const { url, drop } = await freshDatabase(server.adminUrl)
  let storage = postgres({ url, entities })
  await storage.open()
  return {
    storage,
    async reopen() {
      await storage.close()
      storage = postgres({ url, entities })
      await storage.open()
      return storage
    },
    openView: () => postgresView(url, entities),
    async close() {
      await storage.close()
      await drop()
    },
  }
}

runContract('postgres', open)
