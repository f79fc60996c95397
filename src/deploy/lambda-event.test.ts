import { describe, expect, test } from 'vitest'
import { type Incoming, readEvent } from './lambda-event.ts'

const second = (over: object = {}, http: object = {}, context: object = {}) => ({
  version: '2.0',
  rawPath: '/v1/users',
  rawQueryString: '',
  headers: {},
  requestContext: {
    domainName: 'abc.lambda-url.eu-central-1.on.aws',
    stage: '$default',
    http: { method: 'GET', sourceIp: '203.0.113.7', ...http },
    ...context,
  },
  isBase64Encoded: false,
  ...over,
})
const first = (over: object = {}) => ({
  version: '1.0',
  httpMethod: 'GET',
  path: '/v1/users',
  headers: null,
  multiValueHeaders: null,
  queryStringParameters: null,
  multiValueQueryStringParameters: null,
  requestContext: { identity: { sourceIp: '203.0.113.7' } },
  body: null,
  isBase64Encoded: false,
  ...over,
})
const read = (event: unknown): Incoming => {
  const found = readEvent(event)
  if (found.kind !== 'http') throw new Error('no request')
  return found
}

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a text', '{"version":"2.0"}'],
  ['a list', [second()]],
  ['an object of something else', { Records: [{ s3: {} }] }],
  ['a version that is not known', { ...second(), version: '3.0' }],
  ['no path', second({ rawPath: undefined })],
  ['no method', second({}, { method: undefined })],
  ['a body that is no text', second({ body: { password: 'secret' } })],
  ['a schedule of someone else', { source: 'evil', 'detail-type': 'Scheduled Event' }],
])('%s is no event', (_, event) => {
  expect(() => readEvent(event)).toThrow(expect.objectContaining({ code: 'unreadable_event' }))
})

test('what is said of an unreadable event holds nothing of it', () => {
  expect(() => readEvent({ version: '2.0', body: 'password=hunter2' })).not.toThrow(/hunter2/)
})

describe('version 2.0', () => {
  test('method, path and query are as they were sent', () => {
    const { method, url, version } = read(second({ rawQueryString: 'q=a%20b&q=c%26d' }, { method: 'DELETE' }))
    expect({ method, url, version }).toEqual({ method: 'DELETE', url: '/v1/users?q=a%20b&q=c%26d', version: '2.0' })
  })

  test('cookies are one header again', () => {
    expect(read(second({ cookies: ['a=1', 'b=2'] })).headers.cookie).toBe('a=1; b=2')
  })

  test('a body in base64 is its bytes, another its text', () => {
    const bytes = Buffer.from([0, 255, 10, 200])
    expect(read(second({ body: bytes.toString('base64'), isBase64Encoded: true })).body).toEqual(bytes)
    expect(read(second({ body: '{"a":"ü"}' })).body).toEqual(Buffer.from('{"a":"ü"}'))
    expect(read(second()).body).toHaveLength(0)
  })

  test.each([
    ['/prod/v1/users', 'prod', 'abc.execute-api.eu-central-1.amazonaws.com', '/v1/users'],
    ['/prod', 'prod', 'abc.execute-api.eu-central-1.amazonaws.com', '/'],
    ['/product', 'prod', 'abc.execute-api.eu-central-1.amazonaws.com', '/product'],
    ['/v1/users', 'v1', 'api.example.org', '/v1/users'],
    ['/v1/users', '$default', 'abc.execute-api.eu-central-1.amazonaws.com', '/v1/users'],
    ['', '$default', 'abc.lambda-url.eu-central-1.on.aws', '/'],
  ])('path %s at stage %s of %s is %s', (rawPath, stage, domainName, url) => {
    expect(read(second({ rawPath }, {}, { stage, domainName })).url).toBe(url)
  })

  test('a path that came decoded is encoded again, one that came encoded stays', () => {
    expect(read(second({ rawPath: '/v1/users/ü b?#' })).url).toBe('/v1/users/%C3%BC%20b%3F%23')
    expect(read(second({ rawPath: '/v1/users/a%2Fb' })).url).toBe('/v1/users/a%2Fb')
  })
})

describe('version 1.0', () => {
  test('a query of several values keeps them all, encoded again', () => {
    const event = first({
      queryStringParameters: { q: 'b&=', role: 'owner' },
      multiValueQueryStringParameters: { q: ['a b', 'b&='], role: ['owner'] },
    })
    expect(read(event).url).toBe('/v1/users?q=a%20b&q=b%26%3D&role=owner')
    expect(read(first({ queryStringParameters: { q: 'ü' } })).url).toBe('/v1/users?q=%C3%BC')
  })

  test('headers of several values are joined as Node joins them', () => {
    const multiValueHeaders = {
      Cookie: ['a=1', 'b=2'],
      'X-Forwarded-For': ['198.51.100.1', '203.0.113.7'],
      Authorization: ['Bearer one', 'Bearer two'],
      Accept: ['text/html', 'application/json'],
    }
    expect(read(first({ multiValueHeaders, headers: { Authorization: 'Bearer two', 'X-Only': 'here' } })).headers).toEqual({
      cookie: 'a=1; b=2',
      'x-forwarded-for': '198.51.100.1',
      authorization: 'Bearer one',
      accept: 'text/html, application/json',
      'x-only': 'here',
    })
  })

  test('an event that does not say its version, but has its form, is one', () => {
    expect(read(first({ version: undefined })).version).toBe('1.0')
  })
})

test.each([
  ['2.0', (headers: object) => second({ headers })],
  ['1.0', (headers: object) => first({ headers })],
])('in %s the client is who AWS saw, whatever the headers say', (_, event) => {
  const request = read(
    event({ 'X-Forwarded-For': '198.51.100.66, 203.0.113.7', 'X-Real-Ip': '198.51.100.66', Forwarded: 'for=198.51.100.66' }),
  )
  expect(request.address).toBe('203.0.113.7')
  // AWS's own entry is the peer; what is left is what the peer said, for HOLDFAST_TRUST_PROXY
  expect(request.headers['x-forwarded-for']).toBe('198.51.100.66')
})

test('headers of the connection between the client and AWS go no further', () => {
  const headers = { Connection: 'close', 'Transfer-Encoding': 'chunked', 'Content-Length': '999', Expect: '100-continue', 'X-Api-Key': 'k' }
  expect(read(second({ headers, body: 'a' })).headers).toEqual({ 'x-api-key': 'k' })
})

test.each(['aws.scheduler', 'aws.events'])('a schedule of %s asks for the jobs', (source) => {
  for (const detail of [{}, undefined, null, 'work', [], { does: 'other' }])
    expect(readEvent({ source, 'detail-type': 'Scheduled Event', detail })).toEqual({ kind: 'schedule', does: 'all', reachedAt: null })
  expect(readEvent({ source, 'detail-type': 'Scheduled Event', detail: { does: 'work' } })).toEqual({
    kind: 'schedule',
    does: 'work',
    reachedAt: null,
  })
})

test.each<[string, object, string | null]>([
  ['a function URL', { domainName: 'abc.lambda-url.eu-central-1.on.aws', stage: '$default' }, 'https://abc.lambda-url.eu-central-1.on.aws'],
  ['a domain of one’s own', { domainName: 'app.example.org', stage: 'prod' }, 'https://app.example.org'],
  [
    'an API’s own address, with its stage',
    { domainName: 'x1.execute-api.eu-central-1.amazonaws.com', stage: 'prod' },
    'https://x1.execute-api.eu-central-1.amazonaws.com/prod',
  ],
  [
    'an API’s own address at the default stage',
    { domainName: 'x1.execute-api.eu-central-1.amazonaws.com', stage: '$default' },
    'https://x1.execute-api.eu-central-1.amazonaws.com',
  ],
  ['no domain', { domainName: undefined }, null],
  ['what is no host', { domainName: 'evil.example/path?' }, null],
])('an event says where it came in: %s', (_, context, reachedAt) => {
  expect(read(second({}, {}, context)).reachedAt).toBe(reachedAt)
  expect(read(first({ requestContext: context })).reachedAt).toBe(reachedAt)
})

test.each([
  ['https://abc.lambda-url.eu-central-1.on.aws/', 'https://abc.lambda-url.eu-central-1.on.aws'],
  ['http://abc.example', null],
  ['https://a.example/path', null],
  [7, null],
])('a schedule says where the function is reached: %s', (url, reachedAt) => {
  expect(readEvent({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: { does: 'work', url } })).toEqual({
    kind: 'schedule',
    does: 'work',
    reachedAt,
  })
})
