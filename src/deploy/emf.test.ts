import { beforeEach, expect, test } from 'vitest'
import { create, insert } from '../kernel/change.ts'
import { anonymous, system } from '../kernel/context.ts'
import { Session } from '../session/entity.ts'
import { noAccount, Tenant } from '../tenant/entity.ts'
import { createBusinessMetrics } from './emf.ts'

const now = '2026-11-01T10:00:00.000Z'
const nowMs = Date.parse(now)
const tenant = '0192f0c1-2222-7333-8444-555566667777'
const aTenant = insert(
  Tenant,
  create(Tenant, tenant, { ...noAccount, key: 'acme', name: 'Acme', isActive: true, validFrom: null, validTo: null }, now),
)
const aSession = insert(
  Session,
  create(
    Session,
    '0192f0c1-2222-7333-8444-000000000000',
    {
      userId: tenant,
      epoch: 1,
      surface: 'v1',
      accessSeconds: 600,
      lastSeenAt: now,
      expiresAt: now,
      userAgent: 'canary agent',
      network: '203.0.113.7',
    },
    now,
  ),
)
const member = { ...system, kind: 'user', tenantId: tenant, name: 'canary.user' } as const

let metrics: ReturnType<typeof createBusinessMetrics>
beforeEach(() => {
  metrics = createBusinessMetrics({ functionName: 'holdfast-dev', nowMs: () => nowMs })
})
const lines = () => metrics.take().map((line) => JSON.parse(line) as Record<string, unknown>)

/** The rules of CloudWatch's "Specification: Embedded metric format". */
function expectEmbedded(line: string): void {
  expect(line).not.toContain('\n')
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1024 * 1024)
  const root = JSON.parse(line)
  expect(Object.keys(root._aws).sort()).toEqual(['CloudWatchMetrics', 'Timestamp'])
  expect(Number.isInteger(root._aws.Timestamp)).toBe(true)
  expect(root._aws.CloudWatchMetrics.length).toBeGreaterThan(0)
  for (const { Namespace, Dimensions, Metrics } of root._aws.CloudWatchMetrics) {
    expect(Namespace).toMatch(/^[\w.\-#/: ]{1,255}$/)
    expect(Namespace.startsWith('AWS/')).toBe(false)
    for (const set of Dimensions) {
      expect(set.length).toBeLessThanOrEqual(30)
      for (const name of set) {
        expect(name).toMatch(/^[\x21-\x7e]{1,250}$/)
        expect(root[name]).toMatch(/^[\x20-\x7e]{1,1024}$/)
        expect(root[name].trim()).not.toBe('')
      }
    }
    expect(Metrics.length).toBeGreaterThan(0)
    expect(Metrics.length).toBeLessThanOrEqual(100)
    expect(new Set(Metrics.map(({ Name }: { Name: string }) => Name)).size).toBe(Metrics.length)
    for (const { Name, Unit } of Metrics) {
      expect(['Count', 'Milliseconds']).toContain(Unit)
      const values = [root[Name]].flat()
      expect(values.length).toBeGreaterThan(0)
      expect(values.length).toBeLessThanOrEqual(100)
      for (const value of values) expect(Number.isFinite(value)).toBe(true)
    }
  }
}

test('nothing counted is nothing written, and what was written is counted no more', () => {
  expect(metrics.take()).toEqual([])
  metrics.committed(0.001, { tenantId: tenant, changes: [] })
  expect(metrics.take()).toHaveLength(1)
  expect(metrics.take()).toEqual([])
})

test('a sign-in is a commit, a session and its request', () => {
  metrics.committed(0.0123, { tenantId: tenant, changes: [aSession] })
  metrics.answered({ status: 201, code: null, principal: anonymous })
  expect(lines()).toEqual([
    expect.objectContaining({ FunctionName: 'holdfast-dev', tenant, Commits: 1, SignIns: 1, CommitLatency: [12.3] }),
    expect.objectContaining({ FunctionName: 'holdfast-dev', Requests: 1 }),
  ])
})

test.each([
  [401, 'invalid_credentials', { Requests: 1, Refusals: 1, SignInFailures: 1 }],
  [403, 'forbidden', { Requests: 1, Refusals: 1 }],
  [429, 'throttled', { Requests: 1, Refusals: 1, Throttled: 1 }],
  [503, 'storage_failed', { Requests: 1, Failures: 1 }],
  [200, null, { Requests: 1 }],
])('an answer %i %s counts as %j', (status, code, counts) => {
  metrics.answered({ status, code, principal: member })
  const [{ _aws, FunctionName, tenant: whose, ...rest }] = lines()
  expect(rest).toEqual(counts)
  expect(whose).toBe(tenant)
})

test('every line keeps the rules of the format, however much was counted', () => {
  for (let count = 0; count < 250; count++) metrics.committed(0.001, { tenantId: tenant, changes: [aTenant, aSession] })
  metrics.committed(0.002, { tenantId: 'platform', changes: [] })
  for (const status of [200, 401, 429, 500]) metrics.answered({ status, code: 'invalid_credentials', principal: anonymous })
  const written = metrics.take()
  expect(written).toHaveLength(3)
  for (const line of written) expectEmbedded(line)
  expect(JSON.parse(written[0] ?? '')).toMatchObject({ Commits: 250, TenantsCreated: 250, SignIns: 250 })
})

test('no person is in it: no name, no agent, no address', () => {
  metrics.committed(0.001, { tenantId: tenant, changes: [aTenant, aSession] })
  metrics.answered({ status: 200, code: null, principal: member })
  const written = metrics.take().join()
  for (const canary of ['canary', '203.0.113', 'Acme', 'acme']) expect(written).not.toContain(canary)
})
