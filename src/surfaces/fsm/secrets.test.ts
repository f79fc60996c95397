import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exportAudit } from '../../audit/operations.ts'
import { asSystem, hire } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aCompany, type Company, createdBy, keyOf, nextIds, peopled } from './testing/tenants.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_LOG_LEVEL: 'debug', HOLDFAST_FSM_TOKEN_URL: 'http://127.0.0.1:1/{cluster}' })
})
afterAll(() => server.close())

/** As it is, and as it would look when it was merely encoded. */
const formsOf = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1),
  Buffer.from(`client-1:${secret}`).toString('base64').replace(/=+$/, '').slice(0, -1),
  Buffer.from(secret).toString('hex'),
  [...secret].reverse().join(''),
  encodeURIComponent(secret),
]

test('a client secret is in no answer, log line, entry, export, error or metric, and in no file', async () => {
  const secrets = Array.from({ length: 5 }, () => `${randomBytes(18).toString('base64')}-canary+/`)
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = secrets
  const said: string[] = []
  const send: TestServer['send'] = async (...request) => {
    const answer = await server.send(...request)
    said.push(answer.text, JSON.stringify(answer.headers))
    return answer
  }
  const staff = await hire(server)
  const company: Company = await createdBy(server, staff, { clientSecret: first })
  const owner = await peopled(server, staff, company, 'owner')
  const { key } = await keyOf(server, owner, 'admin')
  const path = `/fsm/tenant/${company.tenantId}`

  await send('PUT', `${path}/secret`, { token: owner.token, body: { clientSecret: second }, headers: { 'idempotency-key': 'k1' } })
  await send('PUT', `${path}/secret`, { token: owner.token, body: { clientSecret: third }, headers: { 'idempotency-key': 'k1' } })
  await send('PUT', `${path}/secret`, { token: owner.token, body: { clientSecret: third, other: third } })
  await send('PUT', path, { token: owner.token, body: { clientSecret: third } })
  await send('POST', '/fsm/tenant', { token: staff.token, body: aCompany({ clientSecret: [third] }) })
  await send('POST', '/fsm/tenant', { token: staff.token, raw: `{"clientSecret":"${third}"` })
  await send('POST', '/fsm/tenant', { token: owner.token, body: aCompany({ clientSecret: third }) })
  await send('POST', '/fsm/token', { token: owner.token })
  const ids = nextIds()
  const value = {
    ...aCompany({ ...ids, clientSecret: fourth }),
    validFrom: '2024-01-01T00:00:00Z',
    validTo: '2099-01-01T00:00:00Z',
    createdAt: '2024-01-01T00:00:00Z',
    isActive: true,
  }
  const entry = (secret: unknown) => ({
    key: `fsm_tenant_${ids.accountId}_${ids.companyId}`,
    value: JSON.stringify({ ...value, clientSecret: secret }),
  })
  const entries = [entry(fourth), entry(fifth), entry({ deep: fifth }), { ...entry(fifth), value: `{"clientSecret":"${fifth}` }]
  expect((await send('POST', '/fsm/import', { token: staff.token, body: { entries } })).body.totals).toMatchObject({
    created: 1,
    conflict: 1,
    invalid: 2,
  })
  for (const credential of [{ token: owner.token }, { headers: { 'x-api-key': key } }])
    for (const url of [
      path,
      `/v1/tenants/${company.tenantId}`,
      '/v1/audit?limit=200',
      '/metrics',
      `/fsm/validate?accountId=${company.accountId}&companyId=${company.companyId}`,
    ])
      expect((await send('GET', url, credential)).status).toBe(200)
  await send('GET', `/fsm/tenants?accountId=${company.accountId}`, { token: staff.token })
  await send('GET', '/v1/tenants?limit=200', { token: staff.token })
  await send('GET', '/metrics', { token: staff.token })
  said.push(JSON.stringify(await asSystem(server, exportAudit, { after: 0 }, owner.tenantId)))

  await server.restart()
  const files = readdirSync(server.folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const contents = files.map((file) => readFileSync(join(file.parentPath, file.name)))
  expect(contents.length).toBeGreaterThan(0)
  const places = [...said, ...server.logged, ...contents.map((bytes) => bytes.toString('latin1')), ...contents.map(unzipped)]
  for (const secret of secrets) for (const form of formsOf(secret)) for (const place of places) expect(place.includes(form)).toBe(false)
  // the search finds what is there
  expect(places.some((place) => place.includes(company.tenantId))).toBe(true)
})

function unzipped(bytes: Buffer): string {
  try {
    return gunzipSync(bytes).toString('latin1')
  } catch {
    return ''
  }
}
