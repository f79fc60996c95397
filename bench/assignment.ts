// npm run bench:assignment: hand-outs, lists and links at the sizes of issue 5, and the sales CRM's pages beside 50,000 leads, on SQLite and on PostgreSQL, through a real server (docs/results.md).
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freshDatabase, startPostgres } from '../src/testing/postgres-server.ts'
import { floorOnPostgres, floorOnSqlite } from './assignment-floor.ts'
import { type Call, caller, percentile, timed } from './calls.ts'
import { createReport, type Report } from './report.ts'
import { agentPages, creations } from './sales-pages.ts'
import { fillFolder, type Server, startHoldfast } from './servers.ts'

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'sqlite,postgres' },
    contacts: { type: 'string', default: '100000' },
    users: { type: 'string', default: '5000' },
    leads: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
  },
})
const contacts = Number(values.contacts)
const users = Number(values.users)
const leads = Number(values.leads)
const rounds = Number(values.rounds)
const wanted = (part: string): boolean => values.only === '' || values.only.split(',').includes(part)
async function importContacts(call: Call, count: number, prefix: string): Promise<string> {
  let importId = ''
  for (let from = 0; from < count; from += 100_000) {
    const lines = ['first_name,email,lead_score']
    for (let n = from; n < Math.min(count, from + 100_000); n += 1) lines.push(`${prefix} ${n},${prefix}${n}@example.org,${n % 100}`)
    importId = String((await call('POST', '/v1/contacts/import', lines.join('\n'), 'text/csv')).importId)
  }
  return importId
}

async function importedBy(call: Call, importId: string): Promise<string[]> {
  const found: string[] = []
  for (let cursor = ''; ; ) {
    const path = `/v1/contacts?importId=${importId}&limit=200${cursor}`
    const page = await call<{ items: { id: string }[]; nextCursor: string | null }>('GET', path)
    found.push(...page.items.map(({ id }) => id))
    if (page.nextCursor === null) return found
    cursor = `&cursor=${page.nextCursor}`
  }
}

/** `parallel` single hand-outs at once over five equal people, so often: whether every round came out even. */
async function fairness(report: Report, call: Call, ids: readonly string[], parallel: number): Promise<void> {
  let even = 0
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const prefix = `fair${parallel}r${round}x`
    const importId = await importContacts(call, parallel, prefix)
    const five = ids.slice(round * 5, round * 5 + 5)
    const found = await importedBy(call, importId)
    const before = await loads(call, five)
    const { ms } = await timed(() =>
      Promise.all(
        found.map((id) =>
          call('POST', '/api/admin/contacts/bulk-assign', { assignment_mode: 'round_robin', contact_ids: [id], user_ids: five }),
        ),
      ),
    )
    times.push(ms)
    const after = await loads(call, five)
    const given = five.map((_, at) => (after[at] ?? 0) - (before[at] ?? 0))
    const spread = Math.max(...given) - Math.min(...given)
    if (given.reduce((sum, n) => sum + n, 0) === parallel && spread <= (parallel % 5 === 0 ? 0 : 1)) even += 1
  }
  report.plain(`${parallel} parallel hand-outs over 5 people: even rounds of ${rounds}`, even, '', { min: rounds })
  report.plain('one round of them, median', percentile(times, 0.5), 'ms')
}

const loads = (call: Call, ids: readonly string[]): Promise<number[]> =>
  Promise.all(
    ids.map(async (id) =>
      Number((await call<{ data: { contacts_count: number } }>('GET', `/api/admin/users/${id}/assignments`)).data.contacts_count),
    ),
  )

async function bulk(report: Report, call: Call, ids: readonly string[]): Promise<void> {
  const importId = await importContacts(call, contacts, 'bulk')
  const fifty = ids.slice(0, 50)
  const body = { assignment_mode: 'round_robin', filter: { owner: 'none', import_id: importId }, user_ids: fifty }
  const { ms, result } = await timed(() => call('POST', '/api/admin/contacts/bulk-assign', body))
  const counts = Object.values(result.distribution as Record<string, number>)
  report.plain(`${contacts} contacts over 50 people in one call`, ms / 1_000, 's', { max: 2 })
  report.plain('most less fewest', Math.max(...counts) - Math.min(...counts), '', { max: 1 })
}

async function thousand(report: Report, call: Call, ids: readonly string[]): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < 7; round += 1) {
    const importId = await importContacts(call, 1_000, `thousand${round}x`)
    const found = await importedBy(call, importId)
    times.push((await timed(() => call('POST', `/api/admin/users/${ids[round]}/assign-contacts`, { contact_ids: found }))).ms)
  }
  report.plain('1,000 contacts to one person, median of 7', percentile(times, 0.5), 'ms', { max: 300 })
}

async function list(report: Report, call: Call): Promise<void> {
  const page: number[] = []
  const whole: number[] = []
  for (let n = 0; n < 60; n += 1) page.push((await timed(() => call('GET', '/api/admin/users?limit=100'))).ms)
  for (let n = 0; n < 25; n += 1) whole.push((await timed(() => call('GET', '/api/admin/users'))).ms)
  report.plain(`a page of 100 of ${users} users with counts, p95`, percentile(page, 0.95), 'ms', { max: 100 })
  report.plain(`all ${users} users with counts, p95`, percentile(whole, 0.95), 'ms', { max: 100 })
}

/** Opens at a steady 500 a second, each of another visitor, over ten links. */
async function links(report: Report, server: Server, call: Call): Promise<void> {
  const tokens: string[] = []
  for (let n = 0; n < 10; n += 1) {
    const made = await call<{ data: { link_token: string } }>('POST', '/api/admin/onboarding/create-link', { max_uses: null })
    tokens.push(made.data.link_token)
  }
  const times: number[] = []
  const failed: number[] = []
  const open = async (n: number) => {
    const startedMs = performance.now()
    const response = await fetch(`${server.url}/api/admin/onboarding/o/${tokens[n % tokens.length]}`, {
      headers: { 'user-agent': `visitor ${n}` },
    })
    await response.arrayBuffer()
    if (response.status === 200) times.push(performance.now() - startedMs)
    else failed.push(response.status)
  }
  for (const seconds of [2, 8]) {
    times.length = 0
    const all: Promise<void>[] = []
    const startedMs = performance.now()
    for (let n = 0; n < seconds * 500; n += 1) {
      const dueMs = startedMs + n * 2
      while (performance.now() < dueMs) await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())))
      all.push(open(seconds * 100_000 + n))
    }
    await Promise.all(all)
  }
  report.plain('opening a link at 500/s, p50', percentile(times, 0.5), 'ms')
  report.plain('opening a link at 500/s, p95', percentile(times, 0.95), 'ms', { max: 10 })
  report.plain('refused or failed', failed.length, '', { max: 0 })
}

let port = 18_480
for (const engine of values.engines.split(',')) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-assignment-'))
  // PostgreSQL runs as another user where this is root
  chmodSync(folder, 0o755)
  const postgres = engine === 'postgres' ? await startPostgres({ own: true, folder }) : null
  const database = postgres === null ? null : await freshDatabase(postgres.adminUrl)
  if (database !== null) process.env.HOLDFAST_STORAGE = database.url
  else delete process.env.HOLDFAST_STORAGE
  const data = join(folder, 'data')
  console.log(`\n${engine}`)
  await fillFolder(data, users)
  const server = await startHoldfast(data, port++, users)
  const report = createReport()
  try {
    const call = caller(server)
    const others = server.ids.slice(1)
    if (wanted('fair')) for (const parallel of [100, 103]) await fairness(report, call, others, parallel)
    if (wanted('bulk')) await bulk(report, call, others)
    if (wanted('thousand')) await thousand(report, call, others.slice(60))
    if (wanted('list')) await list(report, call)
    if (wanted('links')) await links(report, server, call)
    if (wanted('pages')) await agentPages(report, { call, server, leads })
    if (wanted('creations')) await creations(report, call, rounds)
  } finally {
    await server.stop()
  }
  try {
    // last, beside no server; what else was assigned meanwhile is in it too
    if (wanted('bulk')) {
      const ms = database === null ? floorOnSqlite(data) : await floorOnPostgres(database.url)
      report.plain('the rows of all assignments by plain SQL alone, without log, guards and server', ms / 1_000, 's')
    }
  } finally {
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
