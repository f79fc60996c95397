import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { system } from '../kernel/context.ts'
import { perform } from '../kernel/perform.ts'
import { createStaff } from '../session/staff-operations.ts'
import { valuesOf } from '../testing/from-schema.ts'
import { type Answer, ownerPassword, startTestServer, type TestServer } from '../testing/server.ts'
import type { JsonSchema, OpenApi, OperationObject, Parameter } from './openapi-types.ts'

/** `HOLDFAST_FUZZ_REQUESTS=20000 HOLDFAST_FUZZ_SEED=$RANDOM npm run test:unit -- src/http/fuzz` is the nightly size (RELIABILITY.md). */
const requests = Number(process.env.HOLDFAST_FUZZ_REQUESTS ?? 400)
const seed = Number(process.env.HOLDFAST_FUZZ_SEED ?? 1)
/** No request may take longer; a hang is one that does. */
const longestMs = 10_000
/** Refusals that are right although they are 5xx: what is not configured here. */
const expected = new Set(['docs_not_configured'])

const password = 'a good long passphrase'
let server: TestServer
let description: OpenApi
const actors: Record<string, string> = {}
const known: string[] = []

beforeAll(async () => {
  server = await startTestServer()
  actors.owner = await server.signIn()
  for (const role of ['admin', 'supervisor', 'manager', 'member', 'auditor']) {
    const { body } = await server.send('POST', '/v1/users', { token: actors.owner, body: { username: role, role, password } })
    known.push(String(body.id), role)
    actors[role] = await server.signIn(role, password)
  }
  await makeStaff()
  for (const path of ['/v1/sessions', '/v1/tenants', '/v1/users'])
    for (const token of [actors.owner, actors.staff]) {
      const { body } = await server.send('GET', path, { token })
      known.push(...(body.items ?? []).map((item) => String(item.id)))
    }
  description = (await server.send('GET', '/openapi.json')).body as unknown as OpenApi
})
afterAll(() => server.close())

async function makeStaff(): Promise<void> {
  const origin = { requestId: 'x', surface: 'cli', network: null, userAgent: null, deviceToken: null }
  const input = { username: 'root', password, role: 'platform_admin' }
  await perform(server.holdfast.runtime, createStaff, { actor: system, origin, input, encode: () => ({ status: 200, body: '' }) })
  const { body } = await server.send('POST', '/v1/sessions', { body: { login: 'root', password, tenant: 'platform' } })
  actors.staff = String(body.accessToken)
}

type Request = { method: string; url: string; actor: string; headers: Record<string, string>; raw: string | undefined }

/** Requests for one operation: who asks, what stands in path, query and headers, and the body, now and then cut or doubled. */
function requestsFor(path: string, method: string, { parameters = [], requestBody }: OperationObject): fc.Arbitrary<Request> {
  const { value, anything } = valuesOf(description, known)
  const described = parameters.map((one) =>
    '$ref' in one ? description.components.parameters?.[one.$ref.split('/').at(-1) ?? ''] : one,
  ) as Parameter[]
  const among = (place: Parameter['in']) => described.filter((one) => one.in === place)
  const record = (place: Parameter['in'], keepsAll: boolean) =>
    fc.record(Object.fromEntries(among(place).map(({ name, schema }) => [name, value(schema)])), keepsAll ? {} : { requiredKeys: [] })
  const schema = (requestBody?.content['application/json']?.schema ?? {}) as JsonSchema
  const json = fc.oneof({ weight: 8, arbitrary: value(schema) }, { weight: 1, arbitrary: anything }).map((body) => JSON.stringify(body))
  const body = fc.oneof(
    { weight: 9, arbitrary: json },
    { weight: 1, arbitrary: fc.tuple(json, fc.nat(40)).map(([text, at]) => text.slice(0, at)) },
  )
  return fc
    .record({
      actor: fc.constantFrom('nobody', 'forged', ...Object.keys(actors)),
      inPath: record('path', true),
      query: fc.oneof(
        { weight: 5, arbitrary: record('query', false) },
        { weight: 1, arbitrary: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }) },
      ),
      headers: record('header', false),
      body: requestBody === undefined ? fc.constant(undefined) : fc.option(body, { nil: undefined, freq: 12 }),
    })
    .map(({ actor, inPath, query, headers, body: raw }) => {
      const texts = Object.entries(query).map(([name, one]) => `${encoded(name)}=${encoded(one)}`)
      const address = path.replace(/\{(\w+)\}/g, (_, name: string) => segment(inPath[name]))
      return { method, url: texts.length === 0 ? address : `${address}?${texts.join('&')}`, actor, headers: asHeaders(headers), raw }
    })
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
const encoded = (value: unknown): string => encodeURIComponent(asText(value).toWellFormed())
/** Dots alone, and nothing, are no segment: they would make another address (RFC 3986 section 5.2.4). */
const segment = (value: unknown): string => encoded(value).replace(/^(?:\.{0,2})$/, 'dots')
/** What a client can put into a header. */
const asHeaders = (headers: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      asText(value)
        .replace(/[^\x20-\x7e]/g, '?')
        .slice(0, 400),
    ]),
  )

let addresses = 0

async function ask({ method, url, actor, headers, raw }: Request): Promise<Answer> {
  addresses += 1
  const token = actor === 'nobody' ? undefined : (actors[actor] ?? 'forged')
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${longestMs} ms`)), longestMs)
  })
  const sent = server.send(method, url, {
    headers,
    from: `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`,
    ...(token === undefined ? {} : { token }),
    ...(raw === undefined ? {} : { raw }),
  })
  try {
    return await Promise.race([sent, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Someone else's request may have ended a session; without this most of the later ones would only meet 401. */
async function signInAgain(actor: string): Promise<void> {
  if (!(actor in actors)) return
  const known = { owner: { login: actor, password: ownerPassword }, staff: { login: 'root', password, tenant: 'platform' } }
  const body = known[actor as keyof typeof known] ?? { login: actor, password }
  const again = await server.send('POST', '/v1/sessions', { body, from: `10.200.${Math.floor(addresses / 250) % 250}.${addresses % 250}` })
  if (again.status === 201) actors[actor] = String(again.body.accessToken)
}

test(`${requests} requests made from the description: no 5xx, no undocumented status, no hang`, {
  timeout: 60_000 + requests * 500,
}, async () => {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.responses['200']?.content?.['text/event-stream'] === undefined)
      .map(([method, operation]) => requestsFor(path, method.toUpperCase(), operation)),
  )
  const seen = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(fc.oneof(...operations), async (request) => {
      const { status, body, headers, text } = await ask(request)
      seen.set(status, (seen.get(status) ?? 0) + 1)
      if (status >= 500 && !expected.has(String(body?.code))) throw new Error(`${status} ${text}`)
      if (status >= 400) expect(body).toMatchObject({ status, requestId: headers['x-request-id'], detail: expect.any(String) })
      if (status === 401) await signInAgain(request.actor)
    }),
    { numRuns: requests, seed, endOnFailure: true },
  )
  // requests that all fail at the door would prove nothing
  const done = [...seen].filter(([status]) => status < 300).reduce((sum, [, count]) => sum + count, 0)
  expect(done, JSON.stringify([...seen])).toBeGreaterThan(requests / 20)
  expect((await server.send('GET', '/health')).status).toBe(200)
})
