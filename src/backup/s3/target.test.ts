import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { S3Options } from '../../objects/s3-client.ts'
import { openUploads } from '../../testing/s3-multipart.ts'
import { type S3Server, startS3Server } from '../../testing/s3-server.ts'
import { runTargetContract } from '../contract/target.ts'
import type { Target } from '../target.ts'
import { s3Target } from './target.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const lockMs = 60_000
const buckets = { backups: {}, plain: { versioned: false }, locked: { lockMs }, shut: { refuses: true }, old: { unconditional: true } }

const make = ({ endpoint, region, credentials }: S3Server, options: Partial<S3Options> = {}): Target =>
  s3Target({ bucket: 'backups', prefix: '', endpoint, region, credentials, timeoutMs: { connect: 500, silence: 1_000 }, ...options })

const opening = (options: Partial<S3Options>) => async () => {
  const server = await startS3Server(buckets)
  return {
    target: make(server, options),
    async breakIt() {
      server.fault = () => ({ status: 503, code: 'SlowDown' })
    },
    async mend() {
      server.fault = null
    },
    close: () => server.close(),
  }
}

runTargetContract('a bucket', opening({}))
runTargetContract('a prefix of a bucket without versions', opening({ bucket: 'plain', prefix: 'our/backups' }))

async function serve(options: Partial<S3Options> = {}): Promise<{ server: S3Server; target: Target }> {
  const server = await startS3Server(buckets)
  ends.push(() => server.close())
  return { server, target: make(server, options) }
}

const mib = 1024 * 1024

async function* chunked(bytes: Buffer, size = 700_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}
const read = async (target: Target, name: string): Promise<Buffer> => Buffer.concat(await Array.fromAsync((await target.read(name)) ?? []))
const names = async (target: Target): Promise<string[]> => (await Array.fromAsync(target.list(''))).map(({ name }) => name)

test.each([
  [{ bucket: 'nowhere' }, /s3:\/\/nowhere .*no bucket nowhere.*HOLDFAST_BACKUP/],
  [{ bucket: 'shut' }, /s3:\/\/shut .*refuses .*AccessDenied/],
  [{ endpoint: 'http://127.0.0.1:9' }, /cannot be reached.*HOLDFAST_BACKUP/],
  [{ bucket: 'old' }, /replaces a file.*If-None-Match/],
] as const)('does not open %j', async (options, message) => {
  const { target } = await serve(options)
  await expect(target.open()).rejects.toMatchObject({ code: 'target_unreachable', message: expect.stringMatching(message) })
})

test('opening it again stores nothing, and nothing of it is listed', async () => {
  const { server, target } = await serve({ prefix: 'p' })
  await target.open()
  await target.open()
  expect(server.bucket('backups').versions('')).toHaveLength(1)
  expect(await names(target)).toEqual([])
})

test.each([1, 8 * mib - 1, 8 * mib, 8 * mib + 1, 16 * mib, 17 * mib])('%d bytes of a stream come back as they were', async (size) => {
  const { server, target } = await serve()
  const bytes = randomBytes(size)
  expect(await target.put('a/b', chunked(bytes))).toBe('stored')
  expect((await read(target, 'a/b')).equals(bytes)).toBe(true)
  const parts = server.seen.filter(({ url }) => url.includes('partNumber=')).length
  expect(parts).toBe(size <= 8 * mib ? 0 : Math.ceil(size / (8 * mib)))
  expect(openUploads(server.bucket('backups'))).toBe(0)
})

test('a stream that fails, and one that is too late, leave no part behind', async () => {
  const { server, target } = await serve()
  const bytes = randomBytes(17 * mib)
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* chunked(bytes)
    throw new Error('gone')
  }
  await expect(target.put('a', failing())).rejects.toThrow('gone')
  async function* overtaken(): AsyncGenerator<Uint8Array> {
    yield* chunked(bytes)
    await target.put('a', Buffer.from('first'))
  }
  expect(await target.put('a', overtaken())).toBe('exists')
  expect((await read(target, 'a')).toString()).toBe('first')
  expect(await target.put('a', chunked(bytes))).toBe('exists')
  expect(openUploads(server.bucket('backups'))).toBe(0)
})

test('a lost answer to the end of an upload is no loss', async () => {
  const { server, target } = await serve()
  const bytes = randomBytes(9 * mib)
  let cuts = 0
  server.fault = ({ method, url }) => (method === 'POST' && url.includes('uploadId=') && cuts++ === 0 ? 'cut-after' : null)
  expect(await target.put('a', chunked(bytes))).toBe('stored')
  expect(cuts).toBeGreaterThan(1)
  expect((await read(target, 'a')).equals(bytes)).toBe(true)
})

test('what arrives other than it was sent is refused, and nothing is stored', async () => {
  const { server, target } = await serve()
  server.fault = ({ method }) => (method === 'PUT' ? { status: 400, code: 'BadDigest' } : null)
  await expect(target.put('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_unreachable' })
  server.fault = null
  expect(await names(target)).toEqual([])
  expect(server.seen.find(({ method }) => method === 'PUT')?.headers['x-amz-checksum-sha256']).toMatch(/^[A-Za-z0-9+/]{43}=$/)
})

test('reading goes on where a connection was cut, and gives up on one that brings nothing', async () => {
  const { server, target } = await serve()
  const bytes = randomBytes(3 * mib)
  await target.put('a', bytes)
  let cuts = 0
  server.fault = ({ method }) => (method === 'GET' && cuts++ < 2 ? 'cut-middle' : null)
  expect((await read(target, 'a')).equals(bytes)).toBe(true)
  expect(cuts).toBe(3)
  let asked = 0
  server.fault = () => (asked++ === 0 ? 'cut-middle' : 'cut')
  await expect(read(target, 'a')).rejects.toMatchObject({ code: 'target_unreachable' })
})

test('pages are followed to their end', async () => {
  const { server, target } = await serve({ prefix: 'p' })
  server.mostOnPage = 3
  const wanted = Array.from({ length: 10 }, (_, n) => `log/s/${n}`)
  for (const name of wanted) await target.put(name, Buffer.from('x'))
  expect(await names(target)).toEqual(wanted)
})

test('a full store is told as that', async () => {
  const { server, target } = await serve()
  server.fault = ({ method }) => (method === 'PUT' ? { status: 507, code: 'XMinioStorageFull' } : null)
  await expect(target.put('a', Buffer.from('x'))).rejects.toMatchObject({ kind: 'no_space', code: 'target_full' })
})

test('what was removed is gone with all its versions', async () => {
  const { server, target } = await serve()
  server.mostOnPage = 1
  for (const body of ['1', '2']) {
    await target.put('a', Buffer.from(body))
    server.bucket('backups').remove('a', null)
  }
  await target.put('a', Buffer.from('3'))
  await target.put('ab', Buffer.from('x'))
  await target.remove('a')
  expect(
    server
      .bucket('backups')
      .versions('')
      .map(({ key }) => key),
  ).toEqual(['ab'])
})

test('a locked file stays, is told as that, and goes when its time is over', async () => {
  const { server, target } = await serve({ bucket: 'locked' })
  await target.open()
  await target.put('a', Buffer.from('x'))
  await target.put('b', chunked(randomBytes(9 * mib)))
  for (const name of ['a', 'b'])
    await expect(target.remove(name)).rejects.toMatchObject({
      code: 'target_locked',
      message: expect.stringMatching(/locked until \d{4}-/),
    })
  expect(await names(target)).toEqual(['a', 'b'])
  server.aheadMs = lockMs + 1_000
  await target.remove('a')
  expect(await names(target)).toEqual(['b'])
})
