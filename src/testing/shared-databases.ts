import { randomBytes } from 'node:crypto'
import { hasDynamo, startDynamo } from './dynamodb-server.ts'
import { freshDatabase, startPostgres } from './postgres-server.ts'
import { startTestServer, type TestServer } from './server.ts'

type Database = { url: string; stop(): Promise<void> }

async function postgres(): Promise<Database> {
  const server = await startPostgres()
  const { url, drop } = await freshDatabase(server.adminUrl)
  return {
    url,
    async stop() {
      await drop()
      await server.stop()
    },
  }
}

async function dynamodb(): Promise<Database> {
  const server = await startDynamo()
  const url = `dynamodb://eu-central-1?prefix=t${randomBytes(6).toString('hex')}&endpoint=${encodeURIComponent(server.endpoint)}`
  return { url, stop: () => server.stop() }
}

/** The storages that several servers may share. */
export const sharedDatabases = [['postgres', postgres] as const, ...(hasDynamo() ? [['dynamodb', dynamodb] as const] : [])]

/** Two servers on one storage, with one master key, each a process as far as the storage can tell. */
export async function twoServers(start: () => Promise<Database>): Promise<{ servers: [TestServer, TestServer]; close(): Promise<void> }> {
  const database = await start()
  const environment = { HOLDFAST_STORAGE: database.url, HOLDFAST_KEY: randomBytes(32).toString('base64') }
  const first = await startTestServer(environment)
  const second = await startTestServer(environment)
  return {
    servers: [first, second],
    async close() {
      await first.close()
      await second.close()
      await database.stop()
    },
  }
}
