import pg from 'pg'
import type { PostgresServer } from '../../src/testing/postgres-server.ts'
import type { Plan } from '../cycles.ts'
import type { Database } from '../databases.ts'
import { plainFolder } from '../disks.ts'
import { runOutages } from '../outages.ts'
import { type Random, sleep } from '../random.ts'
import type { Outcome } from '../report.ts'

/** SIGKILL to PostgreSQL at a random moment under all writers: to the postmaster, which is then started again, or to one process of a connection, after which it starts itself again. */
export const runCrash = (outcome: Outcome, plan: Plan, database: Database): Promise<void> =>
  runOutages(outcome, plan, async () => {
    const server = database.postgres
    if (server === null) throw new Error(`${database.engine} has no process that can be killed and recovers`)
    const { folder, close } = plainFolder()
    const store = await database.fresh()
    return {
      folder,
      store,
      strike: () => strike(server, plan.random),
      async close() {
        close()
        await store.close()
      },
    }
  })

async function strike(server: PostgresServer, random: Random): Promise<void> {
  if (random.chance(0.7)) {
    await server.kill()
    await sleep(random.between(0, 500))
    await server.restart()
    return
  }
  const connections = await withAdmin(server, async (client) => {
    const { rows } = await client.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast'")
    return rows.map(({ pid }) => pid)
  })
  const victim = random.pick(connections)
  if (victim !== undefined) process.kill(victim, 'SIGKILL')
  // the postmaster hears of it, ends everybody, and recovers
  await sleep(50)
  for (let tries = 0; tries < 1_500; tries += 1) {
    const isBack = await withAdmin(server, async () => true).catch(() => false)
    if (isBack) return
    await sleep(20)
  }
  throw new Error('PostgreSQL did not come back after one of its processes was killed')
}

async function withAdmin<T>({ adminUrl }: PostgresServer, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
