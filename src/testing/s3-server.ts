import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { assertDigests, type Bucket, type BucketOptions, createBucket, type Stored } from './s3-bucket.ts'
import { S3Error } from './s3-error.ts'
import { multipart } from './s3-multipart.ts'
import { type Credentials, verifyPolicy, verifySignature } from './s3-signature.ts'
import { assertCondition, headerOf, type Reply, type Request, tags, xml } from './s3-wire.ts'

/** What goes wrong with a request: an answer, a connection that is cut before or after the effect or in the middle of the answer, or silence. */
type Fault = { status: number; code: string } | 'cut' | 'cut-after' | 'cut-middle' | 'silence'

type Seen = { method: string; url: string; headers: IncomingMessage['headers'] }

export type S3Server = {
  endpoint: string
  region: string
  credentials: Credentials
  /** Every request so far. */
  seen: Seen[]
  /** Asked before each request is served. */
  fault: ((request: Seen) => Fault | null) | null
  /** Added to the time by which signatures and locks are judged. */
  aheadMs: number
  /** No page has more than this, whatever is asked for. */
  mostOnPage: number
  /** Changes the bytes of what is stored, as a bad disk would. */
  damage(bucket: string, key: string): void
  bucket(name: string): Bucket
  close(): Promise<void>
}

/**
 * A small S3 for tests, in memory, over real HTTP: signatures of headers, queries and POST policies are computed anew and compared; digests, conditions, versions, ranges and pages behave as AWS describes them.
 * What it does not know is answered with 501.
 */
export async function startS3Server(buckets: Readonly<Record<string, BucketOptions>>): Promise<S3Server> {
  const kept = new Map(Object.entries(buckets).map(([name, options]) => [name, createBucket(options, () => Date.now() + own.aheadMs)]))
  const bucketOf = (name: string): Bucket => {
    const found = kept.get(name)
    if (found === undefined) throw new S3Error(404, 'NoSuchBucket')
    return found
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const own: S3Server = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'a secret that only tests know' },
    seen: [],
    fault: null,
    aheadMs: 0,
    mostOnPage: 1_000,
    damage(bucket, key) {
      const stored = bucketOf(bucket).get(key, null)
      if (stored === null) throw new Error(`nothing at ${key}`)
      stored.bytes.writeUInt8((stored.bytes[0] ?? 0) ^ 1, 0)
    },
    bucket: bucketOf,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    const seen = { method, url, headers }
    own.seen.push(seen)
    const fault = own.fault?.(seen) ?? null
    if (fault === 'silence') return
    if (fault === 'cut') return void request.socket.destroy()
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // the client went away
    }
    const reply =
      fault !== null && typeof fault !== 'string' ? refusal(new S3Error(fault.status, fault.code)) : served(seen, Buffer.concat(chunks))
    const { status, headers: sent = {}, body = '' } = await reply
    if (fault === 'cut-after') return void request.socket.destroy()
    if (fault === 'cut-middle') {
      response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...sent })
      return void response.write(Buffer.from(body).subarray(0, Buffer.byteLength(body) / 2), () => request.socket.destroy())
    }
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...sent, 'x-amz-request-id': 'test' })
    response.end(method === 'HEAD' ? undefined : body)
  }

  async function served({ method, url: target, headers }: Seen, bytes: Buffer): Promise<Reply> {
    try {
      const url = new URL(target, own.endpoint)
      const [, name = '', ...rest] = decodeURIComponent(url.pathname).split('/')
      const verifier = { credentials: own.credentials, region: own.region, nowMs: Date.now() + own.aheadMs }
      const isForm = method === 'POST' && /^multipart\/form-data/.test(headers['content-type'] ?? '')
      const payload = isForm ? '' : verifySignature({ method, url, headers }, verifier)
      const bucket = bucketOf(name)
      const { refuses, elsewhere } = bucket.options
      if (elsewhere !== undefined) throw new S3Error(301, 'PermanentRedirect', { 'x-amz-bucket-region': elsewhere })
      if (refuses === true) throw new S3Error(403, 'AccessDenied')
      const key = rest.join('/')
      if (isForm) return await form(bucket, { headers, bytes }, verifier)
      const isOfUpload = url.searchParams.has('uploads') || url.searchParams.has('uploadId')
      const handle = key === '' ? ofBucket : isOfUpload ? multipart : ofObject
      return handle({ method, url, headers, bytes, payload, bucket, key, mostOnPage: own.mostOnPage }, bucketOf)
    } catch (error) {
      if (error instanceof S3Error) return refusal(error)
      throw error
    }
  }
  return own
}

function refusal({ status, code, extra }: S3Error): Reply {
  const headers = Object.fromEntries(Object.entries(extra).filter(([name]) => name.startsWith('x-')))
  const body = `<Error><Code>${code}</Code><Message>${code}</Message>${tags(extra)}</Error>`
  return { status, headers: { ...headers, 'content-type': 'application/xml' }, body }
}

function ofBucket({ method, url, bucket, mostOnPage }: Request): Reply {
  const get = (name: string): string | null => url.searchParams.get(name)
  if (method === 'HEAD') return { status: 200 }
  if (method !== 'GET') throw new S3Error(501, 'NotImplemented')
  if (get('versioning') !== null)
    return xml('VersioningConfiguration', bucket.options.versioned === false ? '' : '<Status>Enabled</Status>')
  const prefix = get('prefix') ?? ''
  const most = Math.min(Number(get('max-keys') ?? 1_000), mostOnPage)
  if (get('versions') !== null) {
    const after = get('key-marker') ?? ''
    const all = bucket.versions(prefix)
    const from = after === '' ? 0 : all.findIndex((version) => version.key === after && version.versionId === get('version-id-marker')) + 1
    const page = all.slice(from, from + most)
    const last = page.at(-1)
    const isTruncated = all.length > from + most
    const next = isTruncated && last !== undefined ? { NextKeyMarker: last.key, NextVersionIdMarker: last.versionId } : {}
    const shown = page.map((version) => {
      const { key: Key, versionId: VersionId } = version
      return version.isMarker
        ? `<DeleteMarker>${tags({ Key, VersionId })}</DeleteMarker>`
        : `<Version>${tags({ Key, VersionId })}</Version>`
    })
    return xml('ListVersionsResult', tags({ IsTruncated: String(isTruncated), ...next }) + shown.join(''))
  }
  if (get('list-type') !== '2' || get('continuation-token') !== null || get('delimiter') !== null) throw new S3Error(501, 'NotImplemented')
  const keys = bucket.keys(prefix).filter((key) => key > (get('start-after') ?? ''))
  const contents = keys.slice(0, most).map((Key) => {
    const { bytes, at, etag } = bucket.get(Key, null) as Stored
    return `<Contents>${tags({ Key, Size: String(bytes.length), LastModified: at.toISOString(), ETag: etag })}</Contents>`
  })
  return xml('ListBucketResult', tags({ IsTruncated: String(keys.length > most), KeyCount: String(contents.length) }) + contents.join(''))
}

function ofObject(request: Request, bucketOf: (name: string) => Bucket): Reply {
  const { method, url, bucket, key } = request
  if (method === 'PUT') return put(request, bucketOf)
  if (method === 'GET' || method === 'HEAD') return get(request)
  if (method !== 'DELETE') throw new S3Error(501, 'NotImplemented')
  bucket.remove(key, url.searchParams.get('versionId'))
  return { status: 204 }
}

function put(request: Request, bucketOf: (name: string) => Bucket): Reply {
  const { headers, bytes, payload, bucket, key } = request
  const source = headers['x-amz-copy-source']
  const checksum = headerOf(headers['x-amz-checksum-sha256'])
  assertDigests(bytes, payload, checksum)
  if (bucket.options.lockMs !== undefined && checksum === null) throw new S3Error(400, 'InvalidRequest')
  const [from = '', ...path] = decodeURIComponent(headerOf(source) ?? '').split('/')
  const copied = source === undefined ? null : bucketOf(from).get(path.join('/'), null)
  if (source !== undefined && copied === null) throw new S3Error(404, 'NoSuchKey')
  assertCondition(request)
  const stored =
    copied === null
      ? bucket.put(key, bytes, { type: headers['content-type'] ?? 'binary/octet-stream', checksum })
      : bucket.put(key, Buffer.from(copied.bytes), copied)
  const versioned = { 'x-amz-version-id': stored.versionId, etag: stored.etag }
  if (copied === null) return { status: 200, headers: versioned }
  return { ...xml('CopyObjectResult', tags({ ETag: stored.etag, LastModified: stored.at.toISOString() })), headers: versioned }
}

function get({ url, headers, bucket, key }: Request): Reply {
  const query = url.searchParams
  const stored = bucket.get(key, query.get('versionId'))
  if (stored === null) throw new S3Error(404, 'NoSuchKey')
  if (headers['if-match'] !== undefined && headers['if-match'] !== stored.etag) throw new S3Error(412, 'PreconditionFailed')
  const { lockedUntilMs: lock } = stored
  const shown = {
    ...(lock === null
      ? {}
      : { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': new Date(lock).toISOString() }),
    etag: stored.etag,
    'last-modified': stored.at.toUTCString(),
    'content-type': query.get('response-content-type') ?? stored.type,
    ...(stored.versionId === 'null' ? {} : { 'x-amz-version-id': stored.versionId }),
    ...own('content-disposition', query.get('response-content-disposition')),
    ...own('cache-control', query.get('response-cache-control')),
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  if (from !== undefined && to !== undefined) {
    const last = Math.min(Number(to), stored.bytes.length - 1)
    if (Number(from) > last) throw new S3Error(416, 'InvalidRange')
    const range = { 'content-range': `bytes ${from}-${last}/${stored.bytes.length}` }
    return { status: 206, headers: { ...shown, ...range }, body: stored.bytes.subarray(Number(from), last + 1) }
  }
  const checksum = headers['x-amz-checksum-mode'] === 'ENABLED' ? own('x-amz-checksum-sha256', stored.checksum) : {}
  return { status: 200, headers: { ...shown, ...checksum }, body: stored.bytes }
}

const own = (name: string, value: string | null): Record<string, string> => (value === null ? {} : { [name]: value })

type Form = { headers: IncomingMessage['headers']; bytes: Buffer }

/** `POST Object`: fields, then the file; what is behind the file is not looked at. */
async function form(bucket: Bucket, { headers, bytes }: Form, verifier: Parameters<typeof verifyPolicy>[2]): Promise<Reply> {
  const parsed = await new Response(new Uint8Array(bytes), { headers: { 'content-type': headers['content-type'] ?? '' } }).formData()
  const file = parsed.get('file')
  if (file === null || typeof file === 'string') throw new S3Error(400, 'InvalidArgument')
  const fields = new Map([...parsed].flatMap(([name, value]) => (typeof value === 'string' ? [[name.toLowerCase(), value]] : [])))
  verifyPolicy(fields, file.size, verifier)
  const content = Buffer.from(await file.arrayBuffer())
  const checksum = fields.get('x-amz-checksum-sha256') ?? null
  assertDigests(content, 'UNSIGNED-PAYLOAD', checksum)
  const { versionId } = bucket.put(fields.get('key') ?? '', content, { type: fields.get('content-type') ?? '', checksum })
  return { status: 204, headers: { 'x-amz-version-id': versionId } }
}
