import { isIP } from 'node:net'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'

/** One HTTP request as the server takes it. */
export type Incoming = {
  kind: 'http'
  /** Of the event's format, which the answer has to follow. */
  version: '1.0' | '2.0'
  method: string
  /** Path and query. */
  url: string
  headers: Record<string, string>
  body: Buffer
  /** The client as AWS saw it: no header can say otherwise. */
  address: string
  /** Where AWS took the request, as an address without a slash at the end; null where the event does not say. */
  reachedAt: string | null
}

/** What a function is invoked with: a request, or a schedule's call to do what a server does by itself: `work` on background jobs often, and all of it now and then. */
export type LambdaEvent = Incoming | { kind: 'schedule'; does: 'all' | 'work'; reachedAt: string | null }

const texts = z.record(z.string(), z.string().nullish()).nullish()
const lists = z.record(z.string(), z.array(z.string()).nullish()).nullish()
const payload = { body: z.string().nullish(), isBase64Encoded: z.boolean().nullish(), headers: texts }

/** Function URLs and HTTP APIs: payload format 2.0 of the Lambda and API Gateway developer guides. */
const second = z.looseObject({
  ...payload,
  version: z.literal('2.0'),
  rawPath: z.string(),
  rawQueryString: z.string().nullish(),
  cookies: z.array(z.string()).nullish(),
  requestContext: z.looseObject({
    domainName: z.string().nullish(),
    stage: z.string().nullish(),
    http: z.looseObject({ method: z.string(), sourceIp: z.string().nullish() }),
  }),
})

/** REST APIs, and HTTP APIs that ask for payload format 1.0. */
const first = z.looseObject({
  ...payload,
  version: z.literal('1.0').nullish(),
  httpMethod: z.string(),
  path: z.string(),
  multiValueHeaders: lists,
  queryStringParameters: texts,
  multiValueQueryStringParameters: lists,
  requestContext: z
    .looseObject({
      domainName: z.string().nullish(),
      stage: z.string().nullish(),
      identity: z.looseObject({ sourceIp: z.string().nullish() }).nullish(),
    })
    .nullish(),
})

const scheduled = z.looseObject({
  source: z.enum(['aws.scheduler', 'aws.events']),
  'detail-type': z.literal('Scheduled Event'),
  detail: z
    .looseObject({ does: z.unknown(), url: z.string().optional().catch(undefined) })
    .nullish()
    .catch(null),
})

const unreadable = () =>
  new AppError(
    'invalid',
    'unreadable_event',
    'This is no event of a function URL, an HTTP or REST API, or a schedule. Send an event of version 2.0 or 1.0, with a method and a path.',
  )

/** What an event asks for. Errors: `unreadable_event`, which says nothing of the event: it may hold passwords. */
export function readEvent(event: unknown): LambdaEvent {
  const called = scheduled.safeParse(event)
  if (called.success) {
    const { does, url } = called.data.detail ?? {}
    return { kind: 'schedule', does: does === 'work' ? 'work' : 'all', reachedAt: originOf(url) }
  }
  const newer = second.safeParse(event)
  if (newer.success) return readSecond(newer.data)
  const older = first.safeParse(event)
  if (older.success) return readFirst(older.data)
  throw unreadable()
}

function readSecond(event: z.output<typeof second>): Incoming {
  const { http } = event.requestContext
  const address = addressOf(http.sourceIp)
  const headers = new Map(Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value ?? '']))
  if (event.cookies?.length) headers.set('cookie', event.cookies.join('; '))
  const query = event.rawQueryString ? `?${event.rawQueryString}` : ''
  const reachedAt = reachedBy(event.requestContext)
  return incoming('2.0', { ...event, method: http.method, url: pathOf(event) + query, headers, address, reachedAt })
}

function readFirst(event: z.output<typeof first>): Incoming {
  const single = Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value ?? ''] as const)
  const multiple = Object.entries(event.multiValueHeaders ?? {}).flatMap(([name, values]) =>
    values?.length ? [[name.toLowerCase(), joined(name.toLowerCase(), values)] as const] : [],
  )
  const address = addressOf(event.requestContext?.identity?.sourceIp)
  const url = encodedPath(event.path) + queryOf(event)
  const reachedAt = reachedBy(event.requestContext)
  return incoming('1.0', { ...event, method: event.httpMethod, url, headers: new Map([...single, ...multiple]), address, reachedAt })
}

type Parts = Pick<Incoming, 'method' | 'url' | 'address' | 'reachedAt'> & {
  headers: Map<string, string>
  body?: string | null | undefined
  isBase64Encoded?: boolean | null | undefined
}

/** Of the connection between client and AWS, which has ended there. The length is that of the body as it arrives here. */
const ofTheConnection = ['connection', 'content-length', 'expect', 'keep-alive', 'te', 'trailer', 'transfer-encoding']

function incoming(version: Incoming['version'], { method, url, headers, address, reachedAt, body, isBase64Encoded }: Parts): Incoming {
  for (const name of ofTheConnection) headers.delete(name)
  const forwarded = headers.get('x-forwarded-for')
  if (forwarded !== undefined) headers.set('x-forwarded-for', withoutPeer(forwarded, address))
  const bytes = Buffer.from(body ?? '', isBase64Encoded === true ? 'base64' : 'utf8')
  return { kind: 'http', version, method: method.toUpperCase(), url, headers: Object.fromEntries(headers), body: bytes, address, reachedAt }
}

/** AWS appends the address that it saw itself; it is the peer, and no hop beside it. */
function withoutPeer(forwarded: string, address: string): string {
  const chain = forwarded.split(',').map((part) => part.trim())
  return (chain.at(-1) === address ? chain.slice(0, -1) : chain).join(', ')
}

const addressOf = (given: string | null | undefined): string => (given && isIP(given) !== 0 ? given : '127.0.0.1')

/** The path as the client sent it: at its own address an HTTP API puts the stage in front of it. */
function pathOf({ rawPath, requestContext }: z.output<typeof second>): string {
  const prefix = stageOf(requestContext)
  if (prefix !== '' && rawPath === prefix) return '/'
  return encodedPath(prefix !== '' && rawPath.startsWith(`${prefix}/`) ? rawPath.slice(prefix.length) : rawPath)
}

type Reached = { domainName?: string | null | undefined; stage?: string | null | undefined } | null | undefined

/** What an API's own address has in front of every path: its stage, unless that is the default one. */
function stageOf(reached: Reached): string {
  const { domainName, stage } = reached ?? {}
  return stage && stage !== '$default' && /\.amazonaws\.com(\.cn)?$/.test(domainName ?? '') ? `/${stage}` : ''
}

/** AWS names the host that it took the request at, which is one of this function's: it passes on no other. */
function reachedBy(reached: Reached): string | null {
  const origin = originOf(reached?.domainName ? `https://${reached.domainName}` : undefined)
  return origin === null ? null : origin + stageOf(reached)
}

const originOf = (url: string | undefined): string | null =>
  url !== undefined && /^https:\/\/[a-z0-9.-]+\/?$/i.test(url) ? new URL(url).origin : null

/** HTTP APIs hand over the path decoded, others as it was sent: what cannot stand in a path (RFC 3986, section 3.3) is encoded again. */
const encodedPath = (path: string): string =>
  path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]+/gu, (text) => encodeURIComponent(text.toWellFormed())) || '/'

function queryOf({ multiValueQueryStringParameters: multiple, queryStringParameters: single }: z.output<typeof first>): string {
  const pairs = Object.entries(multiple ?? {}).flatMap(([name, values]) => (values ?? []).map((value) => [name, value] as const))
  const given = pairs.length > 0 ? pairs : Object.entries(single ?? {}).map(([name, value]) => [name, value ?? ''] as const)
  const encode = (text: string) => encodeURIComponent(text.toWellFormed())
  return given.length === 0 ? '' : `?${given.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')}`
}

/** Headers that Node's own HTTP server takes once only, the first one (`message.headers` in its documentation). */
const once = new Set(
  'age authorization content-length content-type etag expires from host if-modified-since if-unmodified-since last-modified location max-forwards proxy-authorization referer retry-after server user-agent'.split(
    ' ',
  ),
)

const joined = (name: string, values: readonly string[]): string =>
  once.has(name) ? (values[0] ?? '') : values.join(name === 'cookie' ? '; ' : ', ')
