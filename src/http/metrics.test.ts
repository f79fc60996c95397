import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { system } from '../kernel/context.ts'
import { perform } from '../kernel/perform.ts'
import { createStaff } from '../session/staff-operations.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

const password = 'a good long passphrase'
let server: TestServer
let owner: string
let staff: string
let tenantId: string
let otherId: string
const tokens: Record<string, string> = {}

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signIn()
  tenantId = tenantOf(owner)
  for (const role of ['admin', 'auditor', 'supervisor', 'manager', 'member']) {
    await server.send('POST', '/v1/users', { token: owner, body: { username: role, role, password } })
    tokens[role] = await server.signIn(role, password)
  }
  await makeStaff()
  staff = await staffSignIn()
  const made = await server.send('POST', '/v1/tenants', {
    token: staff,
    body: { name: 'Other', ownerUsername: 'olga', ownerPassword: password },
  })
  otherId = String(made.body.id)
})
afterAll(() => server.close())

const tenantOf = (token: string) => String(JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).tid)

async function makeStaff(): Promise<void> {
  const { runtime } = server.holdfast
  const origin = { requestId: 'x', surface: 'cli', network: null, userAgent: null, deviceToken: null }
  const input = { username: 'root', password, role: 'platform_admin' }
  await perform(runtime, createStaff, { actor: system, origin, input, encode: () => ({ status: 200, body: '' }) })
}

async function staffSignIn(): Promise<string> {
  const { body } = await server.send('POST', '/v1/sessions', { body: { login: 'root', password, tenant: 'platform' }, from: '10.1.1.1' })
  return String(body.accessToken)
}

const read = (token: string) => server.send('GET', '/metrics', { token })
const sampleOf = (text: string, series: string) => Number(new RegExp(`^${series.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1])

test('nobody reads them without a credential', async () => {
  const { status, headers } = await server.send('GET', '/metrics')
  expect(status).toBe(401)
  expect(headers['www-authenticate']).toBe('Bearer')
})

test.each(['supervisor', 'manager', 'member'])('a %s may not, and asking leaves one access.denied', async (role) => {
  const { status, headers } = await read(tokens[role])
  expect(status).toBe(403)
  const { body } = await server.send('GET', `/v1/audit?requestId=${headers['x-request-id']}`, { token: owner })
  expect(body.items.map((item) => item.action)).toEqual(['access.denied'])
  expect(body.items[0].detail).toMatchObject({ operation: 'metrics.read' })
})

test.each(['admin', 'auditor'])('an %s reads them', async (role) => {
  expect((await read(tokens[role])).status).toBe(200)
})

test('a key of an auditor reads them', async () => {
  const made = await server.send('POST', '/v1/api-keys', { token: owner, body: { name: 'prometheus', role: 'auditor' } })
  const { status } = await server.send('GET', '/metrics', { headers: { 'x-api-key': String(made.body.key) } })
  expect(status).toBe(200)
})

describe('what they say', () => {
  test('is Prometheus text with every series of the contract', async () => {
    const { text, headers } = await read(owner)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    for (const name of [
      'holdfast_commits_total',
      'holdfast_commit_seconds_bucket{le="0.005"}',
      'holdfast_http_requests_total{method="POST",route="/v1/users",status="201"}',
      'holdfast_http_request_seconds_count{method="POST",route="/v1/users"}',
      'holdfast_storage_suspect',
      `holdfast_log_sequence{tenant="${tenantId}"}`,
      'holdfast_hashes_queued',
      'holdfast_hashes_active',
      'holdfast_hashes_refused_total',
      'holdfast_password_checks_total{scheme="argon2id",outcome="match"}',
      'holdfast_fsyncs_total',
      'holdfast_commit_groups_total',
      'holdfast_commit_group_largest',
      'holdfast_commit_conflicts_total',
      `holdfast_sessions{tenant="${tenantId}"}`,
      'nodejs_eventloop_lag_seconds',
      'process_resident_memory_bytes',
    ])
      expect(sampleOf(text, name), name).toBeGreaterThanOrEqual(0)
  })

  test('every line is a comment or a sample, and every family has one type', async () => {
    const { text } = await read(owner)
    const lines = text.split('\n').filter((line) => line !== '')
    for (const line of lines) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[\d.e+-]+|NaN|\+?Inf))$/)
    const types = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
    expect(new Set(types).size).toBe(types.length)
  })

  test('without a backup no lag is claimed, and none was ever proven', async () => {
    const { text } = await read(owner)
    expect(text).toMatch(/^holdfast_backup_lag_seconds NaN$/m)
    expect(text).toMatch(/^holdfast_backup_last_proven_timestamp_seconds 0$/m)
  })

  test('commits and the log move together with what is written', async () => {
    const before = (await read(owner)).text
    await server.send('POST', '/v1/users', { token: owner, body: { username: 'counted' } })
    const after = (await read(owner)).text
    for (const series of ['holdfast_commits_total', 'holdfast_commit_seconds_count', `holdfast_log_sequence{tenant="${tenantId}"}`])
      expect(sampleOf(after, series), series).toBe(sampleOf(before, series) + 1)
  })

  test('the time that the disk took goes up with each group', async () => {
    if (server.config.storage.engine !== 'sqlite') return
    const before = (await read(owner)).text
    await server.send('POST', '/v1/users', { token: owner, body: { username: 'forced' } })
    const after = (await read(owner)).text
    expect(sampleOf(after, 'holdfast_fsync_seconds_count')).toBeGreaterThan(sampleOf(before, 'holdfast_fsync_seconds_count'))
    expect(sampleOf(after, 'holdfast_fsync_seconds_sum')).toBeGreaterThan(sampleOf(before, 'holdfast_fsync_seconds_sum'))
  })

  test('no address that somebody made up becomes a series', async () => {
    await server.send('GET', '/v1/made-up-address')
    await server.send('GET', '/v1/users/made-up-id', { token: owner })
    const { text } = await read(owner)
    expect(text).not.toContain('made-up')
    expect(text).toContain('route="/v1/users/:id",status="404"')
  })
})

describe('tenants', () => {
  test('a tenant sees its own series and learns of no other tenant', async () => {
    const { text } = await read(owner)
    expect(text).not.toContain(otherId)
    expect(new Set([...text.matchAll(/tenant="([^"]+)"/g)].map(([, id]) => id))).toEqual(new Set([tenantId]))
  })

  test('staff of the platform see all', async () => {
    const { status, text } = await read(staff)
    expect(status).toBe(200)
    expect(new Set([...text.matchAll(/tenant="([^"]+)"/g)].map(([, id]) => id))).toEqual(new Set([tenantId, otherId, 'platform']))
  })
})

describe('what an operator is given', () => {
  const file = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const named = (text: string) =>
    new Set([...text.matchAll(/\bholdfast_[a-z0-9_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')))

  test('alerts and dashboard ask for metrics that there are, and the handbook names every one', async () => {
    const { text } = await server.send('GET', '/metrics', { token: staff })
    const there = new Set([...text.matchAll(/^# HELP (holdfast_\w+)/gm)].map(([, name]) => name))
    const said = new Set([...file('monitoring.md').matchAll(/`(holdfast_\w+)`/g)].map(([, name]) => name))
    expect([...there].filter((name) => !said.has(name))).toEqual([])
    // other engines force other machines' disks
    if (server.config.storage.engine !== 'sqlite') there.add('holdfast_fsync_seconds')
    expect([...said].filter((name) => !there.has(name))).toEqual([])
    for (const name of ['monitoring/alerts.yml', 'monitoring/grafana-dashboard.json'])
      expect(
        [...named(file(name))].filter((metric) => !there.has(metric)),
        name,
      ).toEqual([])
    const { panels } = JSON.parse(file('monitoring/grafana-dashboard.json')) as { panels: { id: number; targets: unknown[] }[] }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  })
})
