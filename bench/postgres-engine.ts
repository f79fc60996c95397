import { generateKeyPairSync } from 'node:crypto'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { z } from 'zod'
import { create, insert } from '../src/kernel/change.ts'
import { entity } from '../src/kernel/entity.ts'
import { idSource } from '../src/kernel/id.ts'
import type { Meta } from '../src/storage/port.ts'
import { postgres } from '../src/storage/postgres/engine.ts'
import { greetingOf } from '../src/storage/postgres/opening.ts'
import { openPool, type Pool } from '../src/storage/postgres/pool.ts'
import { setTenant } from '../src/storage/postgres/questions.ts'
import { rolesOf } from '../src/storage/postgres/schema.ts'
import { freshDatabase, startPostgres } from '../src/testing/postgres-server.ts'

/**
 * The PostgreSQL engine against PostgreSQL itself, in one run on one server: commits against transactions of one row and one log entry as pgbench would run them, a row by id against the same
 * query through pg's own pool, and a page with and without row level security. Ratios count; the figures of one machine say little.
 * `--folder` puts the data on a real disk; default is memory, where the database's own work is all that there is.
 */
const { values } = parseArgs({
  options: { folder: { type: 'string' }, seconds: { type: 'string', default: '3' }, rows: { type: 'string', default: '1000000' } },
})
const seconds = Number(values.seconds)
const connections = 10
const now = '2026-03-01T08:00:00.000Z'
const meta: Meta = { actor: { id: null, kind: 'system', name: 'bench' }, action: 'plan.create', entity: null, requestId: null, time: now }
const Plan = entity('plan', {
  table: 'plans',
  fields: { name: z.string(), size: z.int(), isOpen: z.boolean(), note: z.string().nullable() },
  unique: { name: ['name'] },
  indexes: { bySize: ['isOpen', 'size'] },
})
const { newId } = idSource()
const aPlan = () => {
  const id = newId()
  return create(Plan, id, { name: `plan ${id}`, size: 3, isOpen: true, note: null }, now)
}

/** How often `work` is done a second by so many callers at once. */
async function rate(callers: number, work: (caller: number) => Promise<unknown>): Promise<number> {
  for (let n = 0; n < 3; n += 1) await Promise.all(Array.from({ length: callers }, (_, caller) => work(caller)))
  const endMs = performance.now() + seconds * 1_000
  let done = 0
  const startMs = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (performance.now() < endMs) {
        await work(caller)
        done += 1
      }
    }),
  )
  return (done / (performance.now() - startMs)) * 1_000
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0

const shown = (n: number): string => Math.round(n).toLocaleString('en')
const tell = (what: string, ours: number, theirs: number): void =>
  console.log(`${what.padEnd(46)} ${shown(ours).padStart(8)}/s  against ${shown(theirs).padStart(8)}/s  = ${(ours / theirs).toFixed(2)}`)

const server = await startPostgres({ own: true, ...(values.folder === undefined ? {} : { folder: values.folder }) })
const { url, name } = await freshDatabase(server.adminUrl)
const storage = postgres({ url, entities: [Plan], connections })
await storage.open()
const { privateKey } = generateKeyPairSync('ed25519')
await storage.setSigner({ kid: 'bench', privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() })
const raw = new pg.Pool({ connectionString: url, max: connections })

async function commits(): Promise<void> {
  await raw.query('CREATE TABLE bench_rows (LIKE plans INCLUDING ALL); CREATE TABLE bench_log (LIKE log INCLUDING ALL)')
  const row = `INSERT INTO bench_rows (tenant_id, id, name, size, is_open, note, version, created_at, updated_at) VALUES ($1, $2, $3, 3, true, null, 1, $4, $4)`
  const entry = `INSERT INTO bench_log (stream, sequence, tenant_id, time, entry, hash) VALUES ($1, $2, $1, $3, $4, $5)`
  const text = 'x'.repeat(400)
  let sequence = 0
  const transaction = async (): Promise<void> => {
    const client = await raw.connect()
    const { id, name: named } = aPlan()
    await client.query('BEGIN')
    await client.query({ name: 'row', text: row, values: ['t', id, named, now] })
    sequence += 1
    await client.query({ name: 'entry', text: entry, values: ['t', sequence, now, text, 'h'.repeat(64)] })
    await client.query('COMMIT')
    client.release()
  }
  for (const callers of [1, 10, 64]) {
    const tenants = Array.from({ length: callers }, () => storage.tenant(newId()))
    const theirs = await rate(callers, transaction)
    tell(
      `commits, ${callers} callers in one tenant`,
      await rate(callers, () => storage.tenant('one').commit([insert(Plan, aPlan())], meta)),
      theirs,
    )
    if (callers > 1)
      tell(
        `commits, ${callers} callers, each a tenant`,
        await rate(callers, (n) => (tenants[n] as (typeof tenants)[0]).commit([insert(Plan, aPlan())], meta)),
        theirs,
      )
  }
}

async function reads(): Promise<void> {
  const tenant = storage.tenant(newId())
  const plans = Array.from({ length: 200 }, aPlan)
  await tenant.commit(
    plans.map((plan) => insert(Plan, plan)),
    meta,
  )
  const text = 'SELECT * FROM plans WHERE tenant_id = $1 AND id = $2'
  let n = 0
  const next = (): string => {
    n += 1
    return plans[n % plans.length]?.id ?? ''
  }
  for (const callers of [1, 10, 64]) {
    const theirs = await rate(callers, () => raw.query({ name: 'one', text, values: [tenant.tenantId, next()] }))
    tell(`a row by id, ${callers} callers`, await rate(callers, () => tenant.get(Plan, next())), theirs)
  }
}

/** The same statement, one at a time, through the same kind of pool: as the role that serves, bound to a tenant, and as a superuser, whom no policy binds. */
async function security(): Promise<void> {
  const rows = Number(values.rows)
  await raw.query(`INSERT INTO plans SELECT 'tenant-' || n % 1000, 'plan-' || lpad(n::text, 8, '0'), 'name ' || n, n % 97, n % 3 = 0, null, 1, '${now}', '${now}'
    FROM generate_series(1, ${rows}) n; ANALYZE plans`)
  const roles = rolesOf(name)
  const bound = openPool({ url, max: connections, greeting: greetingOf(roles), onProblem: console.error })
  const free = openPool({ url, max: connections, greeting: 'SELECT 1', onProblem: console.error })
  let n = 0
  const tenantOf = (): string => {
    n += 1
    return `tenant-${n % 1000}`
  }
  const asked: Record<string, (tenant: string) => { text: string; values: string[] }> = {
    'a row by id': (tenant) => ({
      text: 'SELECT * FROM plans WHERE tenant_id = $1 AND id = $2',
      values: [tenant, `plan-${tenant.slice(7).padStart(8, '0')}`],
    }),
    'a page of 50 by an index': (tenant) => ({
      text: 'SELECT * FROM plans WHERE tenant_id = $1 AND is_open = $2 ORDER BY size, id LIMIT 50',
      values: [tenant, 't'],
    }),
    'a count': (tenant) => ({ text: 'SELECT count(*) FROM plans WHERE tenant_id = $1 AND is_open = $2', values: [tenant, 't'] }),
  }
  for (const [what, query] of Object.entries(asked)) {
    const once = async (pool: Pool, isBound: boolean): Promise<number> => {
      const tenant = tenantOf()
      const startMs = performance.now()
      await pool.run(isBound ? [setTenant(tenant), query(tenant)] : [query(tenant)])
      return performance.now() - startMs
    }
    // turn by turn, so that whatever else the machine does slows both down
    const [withIt, without]: [number[], number[]] = [[], []]
    for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; ) {
      without.push(await once(free, false))
      withIt.push(await once(bound, true))
    }
    tell(`${what}, ${shown(rows)} rows, bound against free`, 1_000 / median(withIt), 1_000 / median(without))
  }
  await bound.end()
  await free.end()
}

await commits()
await reads()
await security()
await raw.end()
await storage.close()
await server.stop()
