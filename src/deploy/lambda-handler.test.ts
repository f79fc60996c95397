import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import { openHoldfast } from '../main.ts'
import type { FirstOwner } from '../session/first-start.ts'
import type { Loose } from '../testing/server.ts'
import { createLambdaHandler, type LambdaHandler } from './lambda-handler.ts'
import type { LambdaResult } from './lambda-result.ts'

const password = 'correct horse battery staple'
let folder: string
let logged: string[]
let measured: string[]
let made: FirstOwner[]
let handlers: LambdaHandler[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-lambda-'))
  logged = []
  measured = []
  made = []
  handlers = []
})
afterEach(async () => {
  for (const handler of handlers) await handler.close()
  rmSync(folder, { recursive: true, force: true })
})

type More = { environment?: Record<string, string>; openStore?: typeof openHoldfast }

/** A function's process: its store is opened by its first event. */
function cold({ environment = {}, ...more }: More = {}): LambdaHandler {
  const handler = createLambdaHandler({
    environment: {
      NODE_ENV: 'test',
      AWS_LAMBDA_FUNCTION_NAME: 'holdfast-test',
      HOLDFAST_DATA: folder,
      HOLDFAST_OWNER_PASSWORD: password,
      ...environment,
    },
    logTo: (line) => logged.push(line),
    metricsTo: (line) => measured.push(line),
    madeFirst: (owner) => made.push(owner),
    ...more,
  })
  handlers.push(handler)
  return handler
}

type Send = {
  body?: unknown
  token?: string
  headers?: Record<string, string>
  from?: string
  version?: '1.0' | '2.0'
  base64?: boolean
  domainName?: string
}

function eventOf(
  method: string,
  path: string,
  { body, token, headers = {}, from = '203.0.113.7', version = '2.0', base64 = false, domainName }: Send,
): object {
  const [rawPath = '', rawQueryString = ''] = path.split('?')
  const text = body === undefined ? null : JSON.stringify(body)
  const shared = {
    version,
    headers: {
      ...(text === null ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: text !== null && base64 ? Buffer.from(text).toString('base64') : text,
    isBase64Encoded: base64,
  }
  if (version === '2.0')
    return { ...shared, rawPath, rawQueryString, requestContext: { domainName, stage: '$default', http: { method, sourceIp: from } } }
  const queryStringParameters = Object.fromEntries(new URLSearchParams(rawQueryString))
  return { ...shared, httpMethod: method, path: rawPath, queryStringParameters, requestContext: { identity: { sourceIp: from } } }
}

async function send(handler: LambdaHandler, method: string, path: string, more: Send = {}): Promise<LambdaResult & { json: Loose }> {
  const result = (await handler.handle(eventOf(method, path, more))) as LambdaResult
  return { ...result, json: /json/.test(result.headers['content-type'] ?? '') ? JSON.parse(result.body || 'null') : null }
}

async function signIn(handler: LambdaHandler, more: Send = {}): Promise<string> {
  const { statusCode, json, body } = await send(handler, 'POST', '/v1/sessions', { body: { login: 'owner', password }, ...more })
  if (statusCode !== 201) throw new Error(body)
  return String(json.accessToken)
}

describe.each(['1.0', '2.0'] as const)('version %s', (version) => {
  test('refusals are those of the server: 404, 401, 422, 413, 415 and 405, as problems with a request id', async () => {
    const handler = cold()
    const token = await signIn(handler, { version })
    const refused = [
      [404, 'unknown_path', await send(handler, 'GET', '/v1/nothing', { version })],
      [401, 'unauthenticated', await send(handler, 'GET', '/v1/users', { version })],
      [422, 'validation_failed', await send(handler, 'POST', '/v1/users', { version, token, body: { username: '' } })],
      [413, 'body_too_large', await send(handler, 'POST', '/v1/users', { version, token, body: { username: 'a'.repeat(1024 * 1024) } })],
      [
        415,
        'unsupported_media_type',
        await send(handler, 'POST', '/v1/users', { version, token, body: {}, headers: { 'content-type': 'text/plain' } }),
      ],
      [405, 'method_not_allowed', await send(handler, 'PUT', '/v1/users', { version, token })],
      [400, 'bad_request', await send(handler, 'FOO', '/v1/users', { version, token })],
    ] as const
    for (const [status, code, { statusCode, json, headers }] of refused) {
      expect({ statusCode, code: json.code }).toEqual({ statusCode: status, code })
      expect(headers['x-request-id']).toBe(json.requestId)
      expect(headers['content-type']).toMatch('application/problem+json')
    }
  })

  test('a user is made, listed and read, with receipts and ETags; a body may come in base64', async () => {
    const handler = cold()
    const token = await signIn(handler, { version, base64: true })
    const created = await send(handler, 'POST', '/v1/users', { version, token, body: { username: 'zoé' }, base64: true })
    expect(created).toMatchObject({ statusCode: 201, isBase64Encoded: false, json: { username: 'zoé' } })
    expect(created.headers['holdfast-commit']).toMatch(/\/\d+$/)
    expect(created.headers.etag).toBe('"1"')
    const listed = await send(handler, 'GET', '/v1/users?q=zo%C3%A9&limit=5', { version, token })
    expect(listed.json.items).toHaveLength(1)
  })

  test("the known device's cookie comes where the version has it, and is taken back", async () => {
    const handler = cold()
    const { cookies, multiValueHeaders, headers } = await send(handler, 'POST', '/v1/sessions', {
      version,
      body: { login: 'owner', password },
    })
    const given = version === '2.0' ? cookies : multiValueHeaders?.['Set-Cookie']
    expect(given).toEqual([expect.stringMatching(/^__Host-holdfast-device=/)])
    expect(headers).not.toHaveProperty('set-cookie')
  })
})

test('the first event makes the first tenant and owner, and no later one makes another', async () => {
  const handler = cold()
  await send(handler, 'GET', '/health')
  await send(handler, 'GET', '/health')
  await handler.close()
  await send(cold(), 'GET', '/health')
  expect(made).toEqual([expect.objectContaining({ username: 'owner', password: null })])
})

test('a cold start on a store that has its tenant writes nothing, however old the keys are', async () => {
  const handler = cold()
  await signIn(handler)
  await handler.close()
  const commits: number[] = []
  const years = 5 * 365 * 24 * 60 * 60 * 1000
  const openStore: typeof openHoldfast = async (config, log, options) => {
    const { now } = Date
    Date.now = () => now() + years
    try {
      return await openHoldfast(config, log, { ...options, committed: () => commits.push(1) })
    } finally {
      Date.now = now
    }
  }
  expect((await send(cold({ openStore }), 'GET', '/health')).statusCode).toBe(200)
  expect(commits).toEqual([])
})

test('what one process did holds in the next: users, sessions, sign-outs and throttles', async () => {
  const one = cold()
  const token = await signIn(one)
  await send(one, 'POST', '/v1/users', { token, body: { username: 'ada' } })
  const other = await signIn(one)
  await send(one, 'DELETE', '/v1/sessions/current', { token: other })
  for (let attempt = 0; attempt < 12; attempt++) await send(one, 'POST', '/v1/sessions', { body: { login: 'ada', password: 'wrong' } })
  await one.close()
  const two = cold()
  expect((await send(two, 'GET', '/v1/users?q=ada', { token })).json.items).toHaveLength(1)
  expect((await send(two, 'GET', '/v1/me', { token: other })).statusCode).toBe(401)
  // four are free in a series of its own; a slow machine may open a store for longer than the first hold lasts
  const codes = await Promise.all([1, 2, 3, 4].map(() => send(two, 'POST', '/v1/sessions', { body: { login: 'ada', password: 'wrong' } })))
  expect(codes.map(({ json }) => json.code)).toContain('throttled')
})

test('event streams and WebSockets are 501, after the door has asked who calls', async () => {
  const handler = cold()
  const token = await signIn(handler)
  expect((await send(handler, 'GET', '/v1/events')).statusCode).toBe(401)
  expect(await send(handler, 'GET', '/v1/events', { token })).toMatchObject({ statusCode: 501, json: { code: 'streams_unsupported' } })
  const headers = { connection: 'Upgrade', upgrade: 'websocket' }
  expect(await send(handler, 'GET', '/v1/me', { token, headers })).toMatchObject({ statusCode: 501, json: { code: 'streams_unsupported' } })
})

test('the network of a session is the one that AWS saw', async () => {
  const handler = cold()
  const token = await signIn(handler, { from: '198.51.100.23', headers: { 'X-Forwarded-For': '192.0.2.1, 198.51.100.23' } })
  const { json } = await send(handler, 'GET', '/v1/sessions', { token })
  expect(json.items?.[0]?.network).toBe('198.51.100.23')
})

test('behind a distribution that may speak for its clients, the network is what it says', async () => {
  const handler = cold({ environment: { HOLDFAST_TRUST_PROXY: '198.51.100.0/24' } })
  const token = await signIn(handler, { from: '198.51.100.23', headers: { 'X-Forwarded-For': '192.0.2.66, 192.0.2.1, 198.51.100.23' } })
  const { json } = await send(handler, 'GET', '/v1/sessions', { token })
  expect(json.items?.[0]?.network).toBe('192.0.2.1')
})

test('binary answers come in base64, and a compressed one is one', async () => {
  const handler = cold()
  const plain = await send(handler, 'GET', '/docs/assets/docs.css')
  const packed = await send(handler, 'GET', '/docs/assets/docs.css', { headers: { 'accept-encoding': 'gzip' } })
  const icon = await send(handler, 'GET', '/docs/assets/favicon.png')
  expect(plain.isBase64Encoded).toBe(false)
  expect(packed).toMatchObject({ isBase64Encoded: true, headers: { 'content-encoding': 'gzip' } })
  expect(Buffer.from(icon.body, 'base64').subarray(1, 4).toString()).toBe('PNG')
})

describe('a store that cannot be opened', () => {
  const unreachable: typeof openHoldfast = async () => {
    throw new AppError('unavailable', 'storage_failed', 'Table holdfast-dev-users of region eu-central-1 does not answer.')
  }

  test.each(['GET', 'POST'])('is 503 with Retry-After for %s, and says nothing of the store', async (method) => {
    const result = await send(cold({ openStore: unreachable }), method, '/v1/users')
    expect(result).toMatchObject({ statusCode: 503, json: { code: 'not_open', status: 503 } })
    expect(Number(result.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(result.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    expect(result.body).not.toMatch(/holdfast-dev|eu-central/)
    // the operator is told
    expect(logged.join()).toMatch(/holdfast-dev-users/)
  })

  test.each([
    ['a bug', new TypeError('x is undefined')],
    ['a wrong key', new AppError('internal', 'wrong_key', 'HOLDFAST_KEY is not the one.')],
    ['rows that are not there', new AppError('not_found', 'not_found', 'There is nothing at this address.')],
  ])('because of %s is 503 too: it is never an empty list or "not found"', async (_, error) => {
    const openStore: typeof openHoldfast = async () => {
      throw error
    }
    expect(await send(cold({ openStore }), 'GET', '/v1/users')).toMatchObject({ statusCode: 503, json: { code: 'not_open' } })
  })

  test('is tried again by the next event, and kept once it is open', async () => {
    let openings = 0
    const openStore: typeof openHoldfast = async (...given) => (++openings === 1 ? unreachable(...given) : openHoldfast(...given))
    const handler = cold({ openStore })
    expect((await send(handler, 'GET', '/health')).statusCode).toBe(503)
    expect((await send(handler, 'GET', '/health')).statusCode).toBe(200)
    expect((await send(handler, 'GET', '/health')).statusCode).toBe(200)
    expect(openings).toBe(2)
  })

  test('is 503 before the time of the event is over when it hangs, and the next event finds it open', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let openings = 0
    const openStore: typeof openHoldfast = async (...given) => {
      openings += 1
      await promise
      return openHoldfast(...given)
    }
    const handler = cold({ openStore })
    const early = (await handler.handle(eventOf('GET', '/health', {}), 1_050)) as LambdaResult
    expect(early).toMatchObject({ statusCode: 503, body: expect.stringContaining('not_open') })
    resolve()
    expect((await send(handler, 'GET', '/health')).statusCode).toBe(200)
    expect(openings).toBe(1)
  })

  test('that hangs in the middle of a request is 503, and says that the outcome is not known', async () => {
    const openStore: typeof openHoldfast = async (...given) => {
      const holdfast = await openHoldfast(...given)
      const { storage } = holdfast.runtime
      const hanging = { ...storage.platform(), lookup: () => new Promise<never>(() => {}) }
      holdfast.runtime.storage = { ...storage, platform: () => hanging }
      return holdfast
    }
    const handler = cold({ openStore })
    await send(handler, 'GET', '/health')
    const body = { login: 'owner', password }
    const late = (await handler.handle(eventOf('POST', '/v1/sessions', { body }), 1_100)) as LambdaResult
    expect(late).toMatchObject({ statusCode: 503, headers: { 'retry-after': '5' }, body: expect.stringContaining('timed_out') })
    expect((await send(handler, 'GET', '/health')).statusCode).toBe(200)
  })

  test('makes a call of the schedule fail, so that AWS calls again', async () => {
    const handler = cold({ openStore: unreachable })
    await expect(handler.handle({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' })).rejects.toThrow(/does not answer/)
  })
})

test('the schedule removes what has expired and rotates keys that are due', async () => {
  const handler = cold({
    openStore: async (...given) => {
      const holdfast = await openHoldfast(...given)
      const { clock } = holdfast.runtime
      const realMs = clock.realMs
      clock.realMs = () => realMs() + 100 * 24 * 60 * 60 * 1000
      return holdfast
    },
  })
  const first = cold()
  await signIn(first)
  await first.close()
  const done = await handler.handle({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' })
  expect(done).toMatchObject({ jobs: 0, removed: expect.any(Number), rotated: true, problems: [] })
  expect((done as { removed: number }).removed).toBeGreaterThanOrEqual(2)
  expect(await handler.handle({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' })).toEqual({
    jobs: 0,
    removed: 0,
    rotated: false,
    problems: [],
  })
})

test('background jobs wait for the schedule, which does all that are due, once, and begins none without time', async () => {
  const handler = cold()
  const token = await signIn(handler)
  const work = { source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: { does: 'work' } }
  const begun: Loose[] = []
  for (const format of ['csv', 'json']) begun.push((await send(handler, 'POST', '/v1/reports/audit', { token, body: { format } })).json)
  const states = () => Promise.all(begun.map(async ({ id }) => (await send(handler, 'GET', `/v1/reports/${id}`, { token })).json.state))
  expect(await states()).toEqual(['running', 'running'])
  expect(await handler.handle(work, 5_000)).toMatchObject({ jobs: 0 })
  expect(await states()).toEqual(['running', 'running'])
  expect(await handler.handle(work, 60_000)).toEqual({ jobs: 2, removed: 0, rotated: false, problems: [] })
  expect(await states()).toEqual(['completed', 'completed'])
  expect(await handler.handle(work)).toMatchObject({ jobs: 0 })
})

describe('links', () => {
  const domainName = 'abc.lambda-url.eu-central-1.on.aws'
  let activity = 0

  /** Where a customer is sent who is offered an appointment by this event. */
  async function customersAddress(handler: LambdaHandler, more: Send = {}): Promise<string> {
    const token = await signIn(handler)
    const body = { activities: [{ id: `activity-${++activity}` }] }
    const { json } = await send(handler, 'POST', '/fsm/appointments', { token, body, ...more })
    return String(json.data.instances[0].customerUrl).replace(/[A-Za-z0-9]{32}$/, '')
  }

  test('lead to where AWS took the event, each to its own', async () => {
    const handler = cold()
    expect(await customersAddress(handler, { domainName })).toBe(`https://${domainName}/booking/`)
    expect(await customersAddress(handler, { domainName: 'app.example.org' })).toBe('https://app.example.org/booking/')
  })

  test('lead to where the settings say, whatever the event says', async () => {
    const environment = { HOLDFAST_PUBLIC_URL: 'https://crm.example.org/' }
    expect(await customersAddress(cold({ environment }), { domainName })).toBe('https://crm.example.org/booking/')
    await handlers.at(-1)?.close()
    const both = { ...environment, DOMAIN: 'booking.example.org' }
    expect(await customersAddress(cold({ environment: both }), { domainName })).toBe('https://booking.example.org/booking/')
  })

  test('of a schedule’s call lead to the address that it names, because nobody called at one', async () => {
    const handler = cold()
    await handler.handle({
      source: 'aws.scheduler',
      'detail-type': 'Scheduled Event',
      detail: { does: 'work', url: `https://${domainName}/` },
    })
    expect(await customersAddress(handler)).toBe(`https://${domainName}/booking/`)
  })
})

test('business metrics leave with the answer', async () => {
  const handler = cold()
  await send(handler, 'GET', '/health')
  measured.length = 0
  await signIn(handler)
  const counts = measured.map((line) => JSON.parse(line))
  expect(counts).toContainEqual(expect.objectContaining({ FunctionName: 'holdfast-test', SignIns: 1, Commits: 1 }))
  expect(counts).toContainEqual(expect.objectContaining({ Requests: 1 }))
})

test('nothing of an event is logged: no password, token, header, query or address', async () => {
  const handler = cold()
  const token = await signIn(handler, { from: '198.51.100.23', headers: { 'user-agent': 'canary-agent' } })
  await send(handler, 'GET', '/v1/users?q=canary-query', { token, from: '198.51.100.23' })
  await send(handler, 'POST', '/v1/users', { token, body: { username: 'canary user' } })
  await handler.handle({ version: '2.0', canary: 'canary-event' }).catch(() => {})
  const lines = [...logged, ...measured].join('\n')
  expect(lines).toContain('"status":422')
  for (const secret of [password, token, 'canary', '198.51.100.23']) expect(lines).not.toContain(secret)
})

test('nothing is left to do when the answer leaves: no timer, no request, no line', async () => {
  const handler = cold()
  const token = await signIn(handler)
  await send(handler, 'POST', '/v1/users', { token, body: { username: 'ada' } })
  const holding = process.getActiveResourcesInfo().filter((name) => ['Timeout', 'FSReqCallback', 'TCPSocketWrap'].includes(name))
  const before = logged.length + measured.length
  expect(holding).toEqual([])
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(logged.length + measured.length).toBe(before)
})
