import { randomBytes } from 'node:crypto'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { entities } from '../entities.ts'
import { system } from '../kernel/context.ts'
import { type Holdfast, openHoldfast } from '../main.ts'
import { setUpTables } from '../storage/dynamodb/engine.ts'
import { tableDefinitions } from '../storage/dynamodb/tables.ts'
import { type DynamoServer, hasDynamo, startDynamo } from '../testing/dynamodb-server.ts'
import type { Loose } from '../testing/server.ts'
import { userRows } from '../user/plan.ts'
import { template } from './cloudformation.ts'
import { type FunctionFolder, httpEvent, invokeFunction, unpackFunction } from './testing/function-process.ts'
import { type Needed, type Recorder, startRecorder } from './testing/recorder.ts'

const password = 'correct horse battery staple'
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

let server: DynamoServer
let recorder: Recorder
let code: FunctionFolder

/** Settings of a function on a database of its own, with its tables as a template would have made them. */
async function fresh() {
  const prefix = `t${randomBytes(6).toString('hex')}`
  await setUpTables({ region: 'eu-central-1', prefix, endpoint: server.endpoint, tables: {}, entities })
  return {
    NODE_ENV: 'production',
    HOLDFAST_STORAGE: `dynamodb://eu-central-1?prefix=${prefix}&endpoint=${encodeURIComponent(recorder.endpoint)}`,
    HOLDFAST_KEY: randomBytes(32).toString('base64'),
    HOLDFAST_OWNER_PASSWORD: password,
  }
}

async function opened<T>(environment: Record<string, string>, work: (holdfast: Holdfast) => Promise<T>): Promise<T> {
  const holdfast = await openHoldfast(readConfig(environment), quiet, { isPassing: true })
  try {
    return await work(holdfast)
  } finally {
    await holdfast.close()
  }
}

const signIn = httpEvent('POST', '/v1/sessions', { body: { login: 'owner', password } })
const tokenOf = (result?: { json: Loose }): string => String(result?.json.accessToken)
const writes = (needed: readonly Needed[]) => needed.filter(({ action }) => /:(Put|Update|Delete|Create|BatchWrite)/.test(action))

describe.runIf(hasDynamo())('the packaged function on DynamoDB', () => {
  beforeAll(async () => {
    server = await startDynamo()
    recorder = await startRecorder(server.endpoint)
    code = await unpackFunction()
  })
  afterAll(async () => {
    code.remove()
    await recorder.close()
    await server.stop()
  })

  test('any number of cold starts at once on an empty store make one tenant, one owner, one pair of keys, and all answer', async () => {
    const environment = await fresh()
    const started = await Promise.all(Array.from({ length: 6 }, () => invokeFunction(code, environment, [signIn])))
    expect(started.map(({ results }) => results[0].statusCode)).toEqual(Array.from({ length: 6 }, () => 201))
    expect(started.filter(({ log }) => log.includes('first tenant made'))).toHaveLength(1)
    const token = tokenOf(started[0]?.results[0])
    await opened(environment, async ({ runtime, keys }) => {
      expect(keys.list()).toHaveLength(2)
      const entries = await runtime.storage.platform().log(null, 0, 100)
      expect(entries.filter(({ entry }) => entry.action === 'key.rotate')).toHaveLength(1)
    })
    const { results } = await invokeFunction(
      code,
      environment,
      ['/v1/users', '/v1/integrity'].map((path) => httpEvent('GET', path, { token })),
    )
    expect(results[0].json.items.map(({ username }) => username)).toEqual(['owner'])
    expect(results[1].json).toMatchObject({ status: 'ok', problems: [] })
  })

  test('what one process did holds in the next, at once: users, sessions, sign-outs, throttles; and a second cold start writes nothing', async () => {
    const environment = await fresh()
    const first = await invokeFunction(code, environment, [signIn, signIn])
    const [token, gone] = [tokenOf(first.results[0]), tokenOf(first.results[1])]
    const from = '198.51.100.66'
    const wrong = (login: string) => httpEvent('POST', '/v1/sessions', { body: { login, password: 'wrong' }, from })
    const second = await invokeFunction(code, environment, [
      httpEvent('POST', '/v1/users', { token, body: { username: 'ada' } }),
      httpEvent('DELETE', '/v1/sessions/current', { token: gone }),
      ...Array.from({ length: 30 }, (_, place) => wrong(`nobody-${place}`)),
    ])
    expect(second.results.slice(0, 2).map(({ statusCode }) => statusCode)).toEqual([201, 204])
    recorder.take()
    const third = await invokeFunction(code, environment, [
      httpEvent('GET', '/health'),
      httpEvent('GET', '/v1/users?q=ada', { token }),
      httpEvent('GET', '/v1/me', { token: gone }),
    ])
    expect(third.results.map(({ statusCode }) => statusCode)).toEqual([200, 200, 401])
    expect(third.results[1].json.items).toHaveLength(1)
    expect(writes(recorder.take())).toEqual([])
    const fourth = await invokeFunction(code, environment, [wrong('ada')])
    expect(fourth.results[0].statusCode).toBe(429)
    expect(fourth.results[0].json.code).toBe('network_throttled')
  })

  test('no first password is in the log', async () => {
    const { HOLDFAST_OWNER_PASSWORD: _, ...environment } = await fresh()
    const { log } = await invokeFunction(code, environment, [httpEvent('GET', '/health')])
    expect(log).toContain('first tenant made')
    for (const line of log.trim().split('\n')) expect(Object.keys(JSON.parse(line))).not.toContain('password')
  })

  test('pages, their files, bcrypt and the list of common passwords work from the zip alone', async () => {
    const environment = await fresh()
    await opened({ ...environment, HOLDFAST_DATA: code.folder }, async ({ runtime, firstOwner }) => {
      const store = runtime.storage.tenant(firstOwner?.tenantId ?? '')
      const now = new Date().toISOString()
      const { changes } = userRows(
        { newId: runtime.ids.newId, now },
        {
          ...{
            number: await store.next('user'),
            username: 'imported',
            email: null,
            fullName: null,
            role: 'member',
            managerId: null,
            isActive: true,
          },
          ...{ mustChangePassword: false, legacyId: null, passwordHash: hashSync('old', 4), createdAt: now },
        },
      )
      await store.commit(changes, { actor: system, action: 'test', entity: null, requestId: null, time: now })
    })
    const assets = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon.png', 'docs.css', 'docs.js'].map((file) => `/docs/assets/${file}`)
    const pages = ['/docs', '/docs/errors', '/openapi.json', ...assets]
    const { results } = await invokeFunction(code, environment, [
      ...pages.map((path) => httpEvent('GET', path)),
      httpEvent('POST', '/v1/sessions', { body: { login: 'imported', password: 'old' } }),
      signIn,
    ])
    expect(results.map(({ statusCode }) => statusCode)).toEqual([...pages.map(() => 200), 201, 201])
    const weak = httpEvent('POST', '/v1/users', { token: tokenOf(results.at(-1)), body: { username: 'eve', password: 'password1234' } })
    expect(JSON.parse((await invokeFunction(code, environment, [weak])).results[0].body).code).toBe('weak_password')
  })

  test('a schedule’s call does the background jobs: reports are made, from the zip alone', async () => {
    const environment = { ...(await fresh()), HOLDFAST_DATA: `${code.folder}/data` }
    const token = tokenOf((await invokeFunction(code, environment, [signIn])).results[0])
    const asked = ['csv', 'xlsx'].map((format) => httpEvent('POST', '/v1/reports/audit', { token, body: { format } }))
    const begun = await invokeFunction(code, environment, asked)
    expect(begun.results.map(({ statusCode }) => statusCode)).toEqual([202, 202])
    const called = await invokeFunction(code, environment, [
      { source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: { does: 'work' } },
      ...begun.results.map(({ json }) => httpEvent('GET', `/v1/reports/${json.id}`, { token })),
    ])
    expect(called.results[0].json, called.log).toMatchObject({ jobs: 2, problems: [] })
    for (const { json } of called.results.slice(1)) expect(json, called.log).toMatchObject({ state: 'completed', problem: null })
    expect(called.timers[0]).toEqual([])
  })

  test('nothing is left to do after an answer, not even after the log was read', async () => {
    const environment = await fresh()
    const token = tokenOf((await invokeFunction(code, environment, [signIn])).results[0])
    const paths = ['/v1/me', '/v1/audit', '/v1/users']
    const { timers } = await invokeFunction(code, environment, [...paths.map((path) => httpEvent('GET', path, { token })), signIn])
    expect(timers).toEqual([[], [], [], []])
    // timers that keep no process alive are not listed, but were it awake, they would ask for something
    const events = paths.map((path) => httpEvent('GET', path, { token }))
    recorder.take()
    await invokeFunction(code, environment, events)
    const calls = recorder.take().length
    await invokeFunction(code, { ...environment, LINGER_MS: '1500' }, events)
    expect(recorder.take()).toHaveLength(calls)
  })

  test('storage that cannot be reached is 503 with Retry-After within the time of an event, and the next event tries again', async () => {
    const environment = { ...(await fresh()), HOLDFAST_STORAGE: 'dynamodb://eu-central-1?prefix=none&endpoint=http://127.0.0.1:9' }
    const startMs = performance.now()
    const { results, log } = await invokeFunction(code, environment, [
      httpEvent('GET', '/v1/users'),
      httpEvent('GET', '/fsm/validate?accountId=a&companyId=b'),
    ])
    expect(performance.now() - startMs).toBeLessThan(25_000)
    for (const result of results) {
      expect(result).toMatchObject({ statusCode: 503, headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) } })
      expect(result.json.code).toBe('not_open')
    }
    expect(log.match(/the store cannot be opened/g)).toHaveLength(2)
  })

  test('without a master key it works for nobody, and the log says which settings it lacks', async () => {
    const { HOLDFAST_KEY: _, ...environment } = await fresh()
    const unwrapped = { ...environment, HOLDFAST_KMS_KEY: 'arn:aws:kms:eu-central-1:111122223333:key/1', HOLDFAST_KEY_WRAPPED: '' }
    const { results, log } = await invokeFunction(code, unwrapped, [httpEvent('GET', '/health')])
    expect(results[0].statusCode).toBe(503)
    expect(log).toMatch(/missing_key.*HOLDFAST_KEY_WRAPPED/)
  })

  test('it calls what its role allows, and its role allows what it calls', async () => {
    const environment = await fresh()
    recorder.take()
    const first = await invokeFunction(code, environment, [
      signIn,
      httpEvent('POST', '/v1/sessions', { body: { login: 'owner', password: 'wrong' } }),
    ])
    const token = tokenOf(first.results[0])
    const { refreshToken } = first.results[0].json
    const made = await invokeFunction(code, environment, [
      httpEvent('POST', '/v1/users', { token, body: { username: 'ada', email: 'ada@example.org' } }),
      httpEvent('POST', '/v1/api-keys', { token, body: { name: 'machine', role: 'member' } }),
      httpEvent('GET', '/v1/users?q=a&role=member', { token }),
      httpEvent('GET', '/v1/organization', { token }),
      httpEvent('GET', '/v1/audit', { token }),
      httpEvent('GET', '/v1/integrity', { token }),
      httpEvent('GET', '/v1/sessions', { token }),
      httpEvent('POST', '/v1/sessions/refresh', { body: { refreshToken } }),
      httpEvent('GET', '/metrics', { token }),
    ])
    expect(made.results.map(({ statusCode }) => statusCode)).toEqual([201, 201, 200, 200, 200, 200, 200, 200, 200])
    const user = made.results[0].json
    const key = made.results[1].json
    const changed = await invokeFunction(code, environment, [
      { ...httpEvent('PATCH', `/v1/users/${user.id}`, { token, body: { fullName: 'Ada', username: 'ada.l', version: user.version } }) },
      httpEvent('DELETE', `/v1/api-keys/${key.id}`, { token }),
      httpEvent('DELETE', `/v1/users/${user.id}`, { token }),
      { source: 'aws.scheduler', 'detail-type': 'Scheduled Event' },
      httpEvent('DELETE', '/v1/sessions', { token }),
    ])
    expect(changed.results.map(({ statusCode }) => statusCode)).toEqual([200, 204, 204, undefined, 204])

    const prefix = new URL(environment.HOLDFAST_STORAGE).searchParams.get('prefix') ?? ''
    const definitions = new Map(tableDefinitions(entities, { prefix, tables: {} }).map((definition) => [definition.name, definition]))
    const seen = recorder.take()
    const beyond = seen.filter(({ table, action, index }) => index !== null || definitions.get(table)?.actions.includes(action) !== true)
    expect([...new Set(beyond.map(({ table, action }) => `${action} on ${table.replace(prefix, '')}`))]).toEqual([])

    const used = new Set(seen.map(({ action }) => action))
    const role = JSON.stringify(template('dev', {}).Resources.FunctionRole).match(/dynamodb:\w+/g) ?? []
    // these two are asked about tables that are not on this machine
    const elsewhere = ['dynamodb:DescribeTimeToLive', 'dynamodb:DescribeContinuousBackups']
    expect([...new Set(role)].filter((action) => !used.has(action) && !elsewhere.includes(action))).toEqual([])
  })
})
