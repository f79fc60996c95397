import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeEmf } from '../../metrics/emf.ts'
import { enterOwner, found, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const tell = (body: unknown, { token } = owner) => server.send('POST', '/api/metrics', { token, body })
const series = async ({ token }: Person) => (await server.send('GET', '/metrics', { token })).text

test.each([
  [{}, 'operation'],
  [{ operation: 'load', duration: 1 }, 'success'],
  [{ operation: 'load', duration: -1, success: true }, 'duration'],
  [{ operation: '1load', duration: 1, success: true }, 'operation'],
  [{ operation: `l${'x'.repeat(64)}`, duration: 1, success: true }, 'operation'],
  [{ operation: 'load', duration: 1, success: true, value: 3 }, 'duration'],
  [{ name: 'clicks' }, 'value'],
  [{ name: 'clicks', value: 1, unit: 'Apples' }, 'unit'],
  [{ name: 'clicks', value: 1, dimensions: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 } }, 'dimensions'],
  [{ name: 'clicks', value: 1, colour: 'red' }, 'colour'],
])('%j is refused', async (body, field) => {
  const answer = await tell(body)
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid'])
  expect(answer.body.errors.map((error) => String(error.field))).toContain(field)
})

test('auditors tell nothing', async () => {
  expect((await tell({ name: 'clicks', value: 1 }, await join(server, owner, { role: 'auditor' }))).status).toBe(403)
})

test('what clients tell is counted for their tenant alone, the hundred-and-first name as other', async () => {
  const other = await found(server)
  expect(await tell({ operation: 'checklist.load', duration: 120, success: true })).toMatchObject({ status: 202, body: { success: true } })
  for (let n = 0; n < 101; n += 1) await tell({ name: `n${n}`, value: 2, unit: 'Count' })
  await tell({ name: 'n0', value: 3 })
  const text = await series(owner)
  const mine = `tenant="${owner.tenantId}"`
  expect(text).toContain(`holdfast_client_operation_duration_seconds_sum{${mine},operation="checklist.load",success="true"} 0.12`)
  expect(text).toContain(`holdfast_client_metric{${mine},name="n0"} 5`)
  expect(text).toContain(`holdfast_client_metric{${mine},name="other"}`)
  expect(text).not.toContain('name="n100"')
  expect(await series(other)).not.toContain(owner.tenantId)
})

test('teams and sign-ins are counted on the commit, and go to CloudWatch in its own format', async () => {
  const lines: string[] = []
  const stop = writeEmf((line) => lines.push(line), Date.now)
  const tenant = await found(server)
  expect((await server.send('POST', '/api/teams', { token: tenant.token, body: { name: 'Red' } })).status).toBe(201)
  expect((await server.send('POST', '/api/teams', { token: tenant.token, body: {} })).status).toBe(400)
  stop()
  const text = await series(tenant)
  expect(text).toContain(`holdfast_team_created_total{tenant="${tenant.tenantId}"} 1\n`)
  expect(text).toContain(`holdfast_user_logins_total{tenant="${tenant.tenantId}",role="owner"} 1\n`)
  expect(text).toContain('holdfast_database_operation_duration_seconds_count')
  const told = lines
    .map((line) => JSON.parse(line))
    .find((line) => line.TeamCreated !== undefined && line.OrganizationId === tenant.tenantId)
  expect(told._aws.CloudWatchMetrics).toEqual([
    { Namespace: 'PreWork/Enterprise', Dimensions: [['OrganizationId']], Metrics: [{ Name: 'TeamCreated', Unit: 'Count' }] },
  ])
  expect(told.TeamCreated).toBe(1)
})
