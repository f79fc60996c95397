import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { hasDynamo, startDynamo } from '../src/testing/dynamodb-server.ts'
import { freshDatabase, type PostgresServer, startPostgres } from '../src/testing/postgres-server.ts'
import { type CutProxy, openCutProxy } from './cut-proxy.ts'
import { checkOffline } from './offline.ts'
import { checkDynamo } from './offline-dynamodb.ts'
import { checkPostgres } from './offline-postgres.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export const engineNames = ['sqlite', 'postgres', 'dynamodb'] as const
export type EngineName = (typeof engineNames)[number]

/** A storage that nothing was written to yet, as a server under test is given it. */
export type Store = {
  /** Settings that name it. */
  environment: Readonly<Record<string, string>>
  /** The way to it, where there is one that can be cut. */
  proxy: CutProxy | null
  /** The database itself, read without a line of the server's code. */
  check(folder: string, world: World): Promise<string[]>
  close(): Promise<void>
}

/** The database software under a run: started once, with a storage for each trial. */
export type Database = {
  engine: EngineName
  /** The server process where it is one that can be killed and recovers. */
  postgres: PostgresServer | null
  fresh(): Promise<Store>
  close(): Promise<void>
}

/** Why an engine cannot be tried here, or null. */
export const databaseProblem = (engine: EngineName): string | null =>
  engine === 'dynamodb' && !hasDynamo() ? 'DynamoDB Local needs Java (Debian package default-jre-headless)' : null

/** `parent`: the folder in which PostgreSQL keeps its data; by default the temporary one, on a real disk. */
export async function openDatabase(engine: EngineName, random: Random, parent = tmpdir()): Promise<Database> {
  if (engine === 'postgres') return postgresIn(parent, random)
  if (engine === 'dynamodb') return dynamo(random)
  const store: Store = { environment: {}, proxy: null, check: async (folder, world) => checkOffline(folder, world), close: async () => {} }
  return { engine, postgres: null, fresh: async () => store, close: async () => {} }
}

/** Small, so that a disk for it can be small too, and recovery short. */
const settings = ['max_wal_size=128MB', 'min_wal_size=32MB', 'autovacuum_naptime=10s']

async function postgresIn(folder: string, random: Random): Promise<Database> {
  const server = await startPostgres({ own: true, folder, settings })
  return {
    engine: 'postgres',
    postgres: server,
    async fresh() {
      const { url, drop } = await freshDatabase(server.adminUrl)
      const proxy = await openCutProxy(Number(new URL(url).port), random)
      const through = new URL(url)
      through.port = String(proxy.port)
      return {
        environment: { HOLDFAST_STORAGE: through.href },
        proxy,
        check: (_folder, world) => checkPostgres(url, world),
        async close() {
          proxy.close()
          // of a server that did not come back nothing is left that could be dropped
          await drop().catch(() => {})
        },
      }
    },
    close: () => server.stop(),
  }
}

/** An emulator for each storage, because it keeps in memory whatever it was ever given. */
async function dynamo(random: Random): Promise<Database> {
  return {
    engine: 'dynamodb',
    postgres: null,
    async fresh() {
      const server = await startDynamo()
      const proxy = await openCutProxy(Number(new URL(server.endpoint).port), random)
      const prefix = `c${randomBytes(4).toString('hex')}`
      const endpoint = encodeURIComponent(`http://127.0.0.1:${proxy.port}`)
      return {
        environment: { HOLDFAST_STORAGE: `dynamodb://eu-central-1?prefix=${prefix}&endpoint=${endpoint}` },
        proxy,
        check: (_folder, world) => checkDynamo({ endpoint: server.endpoint, prefix }, world),
        async close() {
          proxy.close()
          await server.stop()
        },
      }
    },
    close: async () => {},
  }
}
