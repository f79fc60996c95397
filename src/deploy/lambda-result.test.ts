import { expect, test } from 'vitest'
import { lambdaResult } from './lambda-result.ts'

const json = { 'content-type': 'application/json; charset=utf-8' }
const newer = { version: '2.0' } as const
const older = { version: '1.0' } as const
const answer = (headers: Record<string, number | string | string[] | undefined>, bytes: Buffer | string) => ({
  statusCode: 200,
  headers,
  rawPayload: Buffer.from(bytes),
})

test('an answer over 6 MB is refused, one below it is not', () => {
  const limit = 6 * 1024 * 1024 - 16 * 1024
  expect(() => lambdaResult(answer(json, 'a'.repeat(limit - 1)), newer)).toThrow(
    expect.objectContaining({ code: 'reply_too_large', status: 501 }),
  )
  expect(lambdaResult(answer(json, 'a'.repeat(limit - 2)), newer).body).toHaveLength(limit - 2)
  // each of these takes two bytes of JSON
  expect(() => lambdaResult(answer(json, '"'.repeat(limit / 2)), newer)).toThrow(expect.objectContaining({ code: 'reply_too_large' }))
})

test.each([
  'application/json',
  'application/problem+json; charset=utf-8',
  'text/plain; version=0.0.4',
  'text/html',
  'application/javascript',
])('%s is text', (type) => {
  expect(lambdaResult(answer({ 'content-type': type }, 'ü'), newer)).toMatchObject({ body: 'ü', isBase64Encoded: false })
})

test.each([
  [{ 'content-type': 'image/png' }],
  [{}],
  [{ 'content-type': 'application/jsonish' }],
  [{ ...json, 'content-encoding': 'gzip' }],
])('%j is bytes', (headers) => {
  const bytes = Buffer.from([0, 255, 254])
  expect(lambdaResult(answer(headers, bytes), newer)).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true })
})

test('an empty body is an empty text', () => {
  expect(lambdaResult(answer({}, ''), newer)).toMatchObject({ body: '', isBase64Encoded: false })
})

test('cookies stand where their version has them', () => {
  const given = answer({ ...json, 'set-cookie': ['a=1; Secure', 'b=2'] }, '{}')
  expect(lambdaResult(given, newer)).toEqual({
    statusCode: 200,
    headers: json,
    body: '{}',
    isBase64Encoded: false,
    cookies: ['a=1; Secure', 'b=2'],
  })
  expect(lambdaResult(given, older)).toEqual({
    statusCode: 200,
    headers: json,
    body: '{}',
    isBase64Encoded: false,
    multiValueHeaders: { 'Set-Cookie': ['a=1; Secure', 'b=2'] },
  })
  expect(lambdaResult(answer({ 'set-cookie': 'a=1' }, ''), newer).cookies).toEqual(['a=1'])
})

test('headers are texts, and those of a connection are left out', () => {
  const given = answer(
    { connection: 'keep-alive', 'transfer-encoding': 'chunked', 'content-length': 2, 'retry-after': 5, vary: ['a', 'b'], none: undefined },
    '',
  )
  expect(lambdaResult(given, newer).headers).toEqual({ 'retry-after': '5', vary: 'a, b' })
})
