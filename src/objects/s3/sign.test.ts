import { afterAll, beforeAll, expect, test } from 'vitest'
import { type S3Server, startS3Server } from '../../testing/s3-server.ts'
import { verifySignature } from '../../testing/s3-signature.ts'
import { aFile, inChunks, upload } from '../contract/harness.ts'
import type { Objects } from '../port.ts'
import { s3Objects } from './objects.ts'

let server: S3Server
let objects: Objects

beforeAll(async () => {
  server = await startS3Server({ files: {} })
  const { endpoint, region, credentials } = server
  objects = s3Objects({ bucket: 'files', prefix: 'p', endpoint, region, credentials })
})
afterAll(async () => {
  await objects.close()
  await server.close()
})

const base64 = (sha256: string): string => Buffer.from(sha256, 'hex').toString('base64')

const lastPut = () => server.seen.findLast(({ method }) => method === 'PUT')?.headers ?? {}

test('every put and copy is signed with its length, type, digest and condition, and its bytes are in the signature', async () => {
  const tenant = objects.tenant('t')
  for (const streamed of [false, true]) {
    const { key, bytes, described } = aFile(5_000)
    await tenant.put(key, streamed ? inChunks(bytes) : bytes, described)

    const headers = lastPut()
    expect(headers).toMatchObject({
      'content-length': '5000',
      'content-type': 'image/png',
      'x-amz-checksum-sha256': base64(described.sha256),
      'x-amz-content-sha256': described.sha256,
      'if-none-match': '*',
    })
    for (const name of ['content-length', 'content-type', 'x-amz-checksum-sha256', 'x-amz-content-sha256', 'if-none-match', 'host'])
      expect(headers.authorization).toMatch(new RegExp(`SignedHeaders=[^,]*\\b${name}\\b`))
    await tenant.copy(key, `${key}-copy`)
    expect(lastPut()).toMatchObject({
      'if-none-match': '*',
      'x-amz-copy-source': expect.stringContaining(`/p/t/${key}`),
    })
  }
})

test('a presigned PUT names one bucket and key, and signs length, type, digest and condition as headers', async () => {
  const { key, described } = aFile(5_000)

  const signed = await objects.tenant('t').signUpload(key, described, { method: 'PUT', expiresInSeconds: 900 })

  const url = new URL(signed.url)
  expect(url.origin + url.pathname).toBe(`${server.endpoint}/files/p/t/${key}`)
  expect(url.searchParams.get('X-Amz-SignedHeaders')?.split(';')).toEqual([
    'content-length',
    'content-type',
    'host',
    'if-none-match',
    'x-amz-checksum-sha256',
  ])
  expect(url.searchParams.get('X-Amz-Expires')).toBe('900')
  expect(signed).toMatchObject({
    headers: { 'content-type': 'image/png', 'x-amz-checksum-sha256': base64(described.sha256), 'if-none-match': '*' },
  })
})

test('a POST policy allows one key, one length, one type and one digest, and no other field', async () => {
  const { key, bytes, described } = aFile(5_000)

  const signed = await objects.tenant('t').signUpload(key, described, { method: 'POST', expiresInSeconds: 900 })

  if (signed.method !== 'POST') throw new Error('not a form')
  const policy = JSON.parse(Buffer.from(signed.fields.Policy ?? '', 'base64').toString('utf8'))
  expect(policy.expiration).toBe(signed.expiresAt.replace('.000Z', 'Z'))
  expect(policy.conditions).toEqual(
    expect.arrayContaining([
      ['content-length-range', 5_000, 5_000],
      { key: `p/t/${key}` },
      { bucket: 'files' },
      { 'Content-Type': 'image/png' },
      { 'x-amz-checksum-sha256': base64(described.sha256) },
    ]),
  )
  for (const changed of [{ acl: 'public-read' }, { key: `p/t/${key}x` }, { 'x-amz-checksum-sha256': base64('00'.repeat(32)) }])
    expect(await upload(server.endpoint, signed, bytes, changed), JSON.stringify(changed)).toBe(403)
  expect(server.bucket('files').keys(`p/t/${key}`)).toEqual([])
})

test('a presigned GET binds name and type of the attachment', async () => {
  const { key } = aFile()

  const { url } = await objects.tenant('t').signDownload(key, { attachmentName: 'a.png', type: 'image/png', expiresInSeconds: 3_600 })

  const query = new URL(url).searchParams
  expect(Object.fromEntries(query)).toMatchObject({
    'response-content-type': 'image/png',
    'response-content-disposition': `attachment; filename="a.png"; filename*=UTF-8''a.png`,
    'response-cache-control': 'no-store',
    'X-Amz-Expires': '3600',
  })
})

test('a presigned PUT without one of its headers is refused', async () => {
  const { key, bytes, described } = aFile()
  const signed = await objects.tenant('t').signUpload(key, described, { method: 'PUT', expiresInSeconds: 60 })
  if (signed.method !== 'PUT') throw new Error('not a PUT')
  for (const missing of Object.keys(signed.headers)) {
    const headers = Object.fromEntries(Object.entries(signed.headers).filter(([name]) => name !== missing))
    const { status } = await fetch(signed.url, { method: 'PUT', headers, body: new Uint8Array(bytes) })
    expect(status, missing).toBe(403)
  }
  expect(await objects.tenant('t').stat(key)).toBeNull()
})

/** The worked example of AWS's documentation ("Authenticating Requests: Using Query Parameters"): the test's own server must agree with it, not only with the SDK. */
test('the server of the tests computes signatures as AWS documents them', async () => {
  const url = new URL(
    'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  )
  const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
  const verifier = { credentials, region: 'us-east-1', nowMs: Date.parse('2013-05-24T12:00:00Z') }
  const headers = { host: 'examplebucket.s3.amazonaws.com' }

  expect(verifySignature({ method: 'GET', url, headers }, verifier)).toBe('UNSIGNED-PAYLOAD')
  expect(() => verifySignature({ method: 'PUT', url, headers }, verifier)).toThrow('SignatureDoesNotMatch')
})
