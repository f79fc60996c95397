import { afterEach, expect, test } from 'vitest'
import { type S3Server, startS3Server } from '../../testing/s3-server.ts'
import { aFile, inChunks, read } from '../contract/harness.ts'
import type { Objects } from '../port.ts'
import { isLoopback, type S3Options } from '../s3-client.ts'
import { s3Objects } from './objects.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const timeoutMs = { connect: 500, silence: 500 }

async function serve(options: Partial<S3Options> = {}): Promise<{ server: S3Server; objects: Objects }> {
  const server = await startS3Server({
    files: {},
    plain: { versioned: false },
    shut: { refuses: true },
    abroad: { elsewhere: 'us-west-2' },
  })
  ends.push(() => server.close())
  const { endpoint, region, credentials } = server
  const objects = s3Objects({ bucket: 'files', prefix: '', endpoint, region, credentials, timeoutMs, ...options })
  ends.push(() => objects.close())
  return { server, objects }
}

test.each([
  [{ bucket: 'nowhere' }, 'bucket_missing', /no bucket nowhere .*HOLDFAST_OBJECTS/],
  [{ bucket: 'shut' }, 'bucket_refused', /bucket shut .*refuses .*AccessDenied, HTTP 403.*docs\/engines\/objects\.md/],
  [{ credentials: { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' } }, 'bucket_refused', /InvalidAccessKeyId/],
  [{ credentials: { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'wrong' } }, 'bucket_refused', /SignatureDoesNotMatch/],
  [{ bucket: 'abroad' }, 'bucket_region', /bucket abroad is not in region eu-central-1.*region=us-west-2/],
  [{ region: 'eu-west-3' }, 'bucket_region', /not in region eu-west-3.*region=eu-central-1/],
  [{ endpoint: 'http://127.0.0.1:9' }, 'objects_unavailable', /bucket files .*127\.0\.0\.1:9.*cannot be reached.*endpoint/],
] as const)('does not open %j: %s', async (options, code, message) => {
  const { objects } = await serve(options)

  await expect(objects.open()).rejects.toMatchObject({ kind: 'unavailable', code, message: expect.stringMatching(message) })
})

test('does not show a secret in what it throws', async () => {
  const secretAccessKey = 'canary-of-a-secret'
  const { objects } = await serve({ credentials: { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey } })

  const error = await objects.open().catch((thrown: unknown) => thrown)

  expect(`${error} ${JSON.stringify(error)}`).not.toContain(secretAccessKey)
})

test('gives up on a store that says nothing, in bounded time and after three attempts', async () => {
  const { server, objects } = await serve()
  server.fault = () => 'silence'
  const startMs = performance.now()

  await expect(objects.open()).rejects.toMatchObject({ code: 'objects_unavailable' })

  expect(server.seen).toHaveLength(3)
  expect(performance.now() - startMs).toBeLessThan(6_000)
})

test('wants a bucket with versions, except from an emulator on this machine', async () => {
  const { objects } = await serve({ bucket: 'plain' })
  await objects.open()
  const { key, bytes, described } = aFile()
  const stat = await objects.tenant('t').put(key, bytes, described)
  expect(stat.version).toMatch(/./)
  expect(await objects.describe()).toMatchObject({ name: 's3://plain', settings: { versioning: 'Off' } })

  expect(isLoopback('http://localhost:9000')).toBe(true)
  expect(isLoopback('http://127.8.9.1:9000')).toBe(true)
  expect(isLoopback('http://[::1]:9000')).toBe(true)
  for (const endpoint of [
    null,
    'https://s3.example.org',
    'http://10.0.0.1',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
  ])
    expect(isLoopback(endpoint), String(endpoint)).toBe(false)
})

test('does not open a bucket without versions that is anywhere else', async () => {
  const { server } = await serve()
  // the same server under a name that is no loopback's
  const { objects } = await serve({ bucket: 'plain', endpoint: server.endpoint.replace('127.0.0.1', '0.0.0.0') })

  await expect(objects.open()).rejects.toMatchObject({
    code: 'bucket_unversioned',
    message: expect.stringMatching(/bucket plain keeps no versions.*Switch on/),
  })
})

test('an outage is unavailable for every method, and never looks like an absent object', async () => {
  const { server, objects } = await serve()
  const tenant = objects.tenant('t')
  const { key, bytes, described } = aFile()
  const attempts = {
    put: () => tenant.put(key, bytes, described),
    stream: () => tenant.put(key, inChunks(bytes), described),
    open: () => tenant.open(key),
    range: () => tenant.open(key, { start: 0, length: 1 }),
    stat: () => tenant.stat(key),
    list: () => tenant.list(''),
    copy: () => tenant.copy(key, 'b'),
    remove: () => tenant.remove(key),
    erase: () => tenant.erase(key),
  }
  const outages = [
    () => ({ status: 503, code: 'SlowDown' }),
    () => ({ status: 500, code: 'InternalError' }),
    () => ({ status: 403, code: 'AccessDenied' }),
    () => ({ status: 404, code: 'NoSuchBucket' }),
    () => ({ status: 301, code: 'PermanentRedirect' }),
    () => 'cut' as const,
  ]
  for (const outage of outages) {
    server.fault = outage
    const results = await Promise.allSettled(Object.values(attempts).map((attempt) => attempt()))
    for (const [n, name] of Object.keys(attempts).entries()) {
      // the client is not told of the bucket, the operator is
      expect(results[n], `${name} ${JSON.stringify(outage())}`).toMatchObject({
        status: 'rejected',
        reason: {
          kind: 'unavailable',
          code: 'objects_unavailable',
          message: expect.not.stringContaining('bucket'),
          cause: { message: expect.stringContaining('bucket files') },
        },
      })
    }
  }
  server.fault = null
  expect(server.bucket('files').keys('')).toEqual([])
})

test('says no_space when the store is full', async () => {
  const { server, objects } = await serve()
  const { key, bytes, described } = aFile()
  server.fault = () => ({ status: 507, code: 'XMinioStorageFull' })

  await expect(objects.tenant('t').put(key, bytes, described)).rejects.toMatchObject({ kind: 'no_space', code: 'no_space' })
})

test('puts and copies once when the answer is lost', async () => {
  const { server, objects } = await serve()
  const tenant = objects.tenant('t')
  const { key, bytes, described } = aFile()
  const losing = () => {
    let isLost = false
    server.fault = ({ method }) => {
      if (method !== 'PUT' || isLost) return null
      isLost = true
      return 'cut-after'
    }
  }
  losing()
  const stat = await tenant.put(key, bytes, described)
  losing()
  await tenant.copy(key, 'copy')

  expect(await tenant.stat(key)).toEqual(stat)
  expect(server.bucket('files').versions('')).toHaveLength(2)
})

test('sends a stream once: what was read of it cannot be sent again', async () => {
  const { server, objects } = await serve()
  const { key, bytes, described } = aFile()
  let left = 1
  server.fault = () => (left-- > 0 ? { status: 503, code: 'SlowDown' } : null)

  await expect(objects.tenant('t').put(key, inChunks(bytes), described)).rejects.toMatchObject({ code: 'objects_unavailable' })

  expect(server.seen).toHaveLength(1)
  expect(server.bucket('files').keys('')).toEqual([])
})

test('gets through a short outage by itself', async () => {
  const { server, objects } = await serve()
  const { key, bytes, described } = aFile()
  let left = 2
  server.fault = () => (left-- > 0 ? { status: 503, code: 'SlowDown' } : null)

  await objects.tenant('t').put(key, bytes, described)
  left = 2

  expect((await read(await objects.tenant('t').open(key))).equals(bytes)).toBe(true)
})

test('removes so that older versions stay, and erases so that none does', async () => {
  const { server, objects } = await serve()
  const tenant = objects.tenant('t')
  const { key, bytes, described } = aFile()
  for (let n = 0; n < 3; n += 1) {
    await tenant.put(key, bytes, described)
    await tenant.remove(key)
  }
  await tenant.put(`${key}x`, bytes, described)
  server.mostOnPage = 2
  expect(server.bucket('files').versions(`t/${key}`)).toHaveLength(7)

  await tenant.erase(key)

  expect(
    server
      .bucket('files')
      .versions(`t/${key}`)
      .map((version) => version.key),
  ).toEqual([`t/${key}x`])
})

test('refuses what stands under a key without a SHA-256: others put it there', async () => {
  const { server, objects } = await serve()
  server.bucket('files').put('t/foreign', Buffer.from('x'), { type: 'text/plain', checksum: null })

  await expect(objects.tenant('t').stat('foreign')).rejects.toMatchObject({ code: 'object_damaged' })
})
