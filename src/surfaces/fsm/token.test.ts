import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { found, hire, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aSecret, as, type Company, createdBy, keyOf, lastEntry, peopled, said } from './testing/tenants.ts'

type Asked = { method: string; url: string; headers: IncomingMessage['headers']; body: string }

let partner: Server
let asked: Asked[]
let answer: (response: ServerResponse) => void
let server: TestServer
let staff: Person
let company: Company
let owner: Person

const good = { access_token: 'partner-token-1', token_type: 'bearer', expires_in: 3600 }
const saying =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))

beforeAll(async () => {
  partner = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
      answer(response)
    })
  }).listen(0, '127.0.0.1')
  await once(partner, 'listening')
  const { port } = partner.address() as AddressInfo
  server = await startTestServer({ HOLDFAST_FSM_TOKEN_URL: `http://127.0.0.1:${port}/{cluster}/token`, HOLDFAST_LOG_LEVEL: 'info' })
  staff = await hire(server)
  company = await createdBy(server, staff)
  owner = await peopled(server, staff, company, 'owner')
})
beforeEach(() => {
  asked = []
  answer = saying(200, good)
})
afterAll(async () => {
  await server.close()
  partner.closeAllConnections()
  partner.close()
})

const fetchToken = (by: Person | { key: string }) => server.send('POST', '/fsm/token', as(by))

test('a token is fetched with the tenant’s client credentials, and never twice the same', async () => {
  const answers = [await fetchToken(owner), await fetchToken(owner)]
  for (const { status, body } of answers) expect([status, body]).toEqual([200, good])
  expect(asked).toHaveLength(2)
  expect(asked[0]).toMatchObject({ method: 'POST', url: '/eu/token', body: 'grant_type=client_credentials' })
  expect(asked[0]?.headers).toMatchObject({
    'x-account-id': company.accountId,
    'x-company-id': company.companyId,
    authorization: `Basic ${Buffer.from(`client-1:${aSecret}`).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  })
})

test('it is for members and above, people and machines alike, and for nobody else', async () => {
  for (const role of ['admin', 'supervisor', 'manager', 'member'] as const) {
    expect((await fetchToken(await join(server, owner, { role }))).status).toBe(200)
    expect((await fetchToken(await keyOf(server, owner, role))).status).toBe(200)
  }
  asked = []
  const others = [
    await join(server, owner, { role: 'auditor' }),
    staff,
    await hire(server, 'platform_operator'),
    await keyOf(server, owner, 'auditor'),
  ]
  for (const by of others) expect(said(await fetchToken(by))).toEqual([403, 'Forbidden'])
  expect((await server.send('POST', '/fsm/token')).status).toBe(401)
  expect(asked).toEqual([])
})

describe('whatever the partner does wrong is 502, without its words', () => {
  const words = 'words of the partner'
  test.each<[string, (response: ServerResponse) => void]>([
    ['refuses', saying(401, { error: words })],
    ['fails', saying(500, words)],
    ['redirects', saying(302, words, { location: '/eu/token' })],
    ['redirects elsewhere', saying(307, words, { location: 'http://127.0.0.1:1/' })],
    ['answers no JSON', saying(200, words)],
    ['answers no token', saying(200, { token: words })],
    ['answers an empty token', saying(200, { ...good, access_token: '' })],
    ['answers a token that is no text', saying(200, { ...good, access_token: 7 })],
    ['answers too much', saying(200, { ...good, more: 'x'.repeat(70_000) })],
    ['hangs up', (response) => void response.destroy()],
    ['hangs up half-way', (response) => void response.writeHead(200, { 'content-length': '100' }).write('{"a', () => response.destroy())],
  ])('it %s', async (_what, how) => {
    answer = how
    const { status, body, text } = await fetchToken(owner)
    expect([status, body.title, body.message]).toEqual([502, 'Token request failed', 'Token request failed'])
    expect(text).not.toContain(words)
    expect(asked).toHaveLength(1)
    expect(server.logged.join('\n')).not.toContain(words)
  })

  test('it is silent for ten seconds', async () => {
    answer = () => {}
    const startedMs = performance.now()
    expect(said(await fetchToken(owner))).toEqual([502, 'Token request failed'])
    expect(performance.now() - startedMs).toBeGreaterThan(9_500)
    expect(performance.now() - startedMs).toBeLessThan(13_000)
  })
})

test('the new secret, ID and cluster count from the next call on', async () => {
  const other = await createdBy(server, staff)
  const admin = await peopled(server, staff, other, 'admin')
  const path = `/fsm/tenant/${other.tenantId}`
  await server.send('PUT', path, { token: admin.token, body: { clientId: 'client-9', cluster: 'us' } })
  await server.send('PUT', `${path}/secret`, { token: admin.token, body: { clientSecret: 'Ümläut:€' } })
  expect((await fetchToken(admin)).status).toBe(200)
  expect(asked[0]?.url).toBe('/us/token')
  expect(Buffer.from(String(asked[0]?.headers.authorization).slice(6), 'base64').toString()).toBe('client-9:Ümläut:€')
})

test('a tenant without credentials has no token', async () => {
  const answer = await fetchToken(await found(server))
  expect([answer.status, answer.body.code]).toEqual([409, 'client_credentials_missing'])
  expect(asked).toEqual([])
})

test('each call is one entry, and neither secret nor token is in it or in the log', async () => {
  const member = await join(server, owner)
  await fetchToken(member)
  const entry = await lastEntry(server, owner, 'tenant.token')
  expect(entry).toMatchObject({ actor: { kind: 'user', id: member.id }, entity: { type: 'tenant', id: owner.tenantId }, changes: [] })
  const basic = Buffer.from(`client-1:${aSecret}`).toString('base64')
  for (const place of [JSON.stringify(entry), server.logged.join('\n')])
    for (const secret of [aSecret, basic, good.access_token]) expect(place).not.toContain(secret)
})
