import { createHash, randomBytes } from 'node:crypto'
import { assertDigests, type Bucket, sha256Base64 } from './s3-bucket.ts'
import { S3Error } from './s3-error.ts'
import { assertCondition, headerOf, type Reply, type Request, tags, xml } from './s3-wire.ts'

type Part = { bytes: Buffer; etag: string; checksum: string }
type Upload = { key: string; parts: Map<number, Part> }

/** Every part but the last has at least this many bytes. */
const leastPart = 5 * 1024 * 1024

const uploads = new WeakMap<Bucket, Map<string, Upload>>()

/** Uploads that were begun and neither ended nor given up. */
export const openUploads = (bucket: Bucket): number => uploads.get(bucket)?.size ?? 0

/** Uploads in parts, each with its SHA-256, as AWS describes them: what was announced must arrive, and nobody sees it before it is complete. */
export function multipart(request: Request): Reply {
  const { method, url, bucket, key } = request
  const id = url.searchParams.get('uploadId')
  const ours = uploads.get(bucket) ?? new Map<string, Upload>()
  uploads.set(bucket, ours)
  if (method === 'POST' && id === null) {
    if (headerOf(request.headers['x-amz-checksum-algorithm']) !== 'SHA256') throw new S3Error(501, 'NotImplemented')
    const made = randomBytes(12).toString('hex')
    ours.set(made, { key, parts: new Map() })
    return xml('InitiateMultipartUploadResult', tags({ Key: key, UploadId: made }))
  }
  const upload = ours.get(id ?? '')
  if (id === null || upload?.key !== key) throw new S3Error(404, 'NoSuchUpload')
  if (method === 'PUT') return part(request, upload)
  if (method === 'POST') {
    const reply = complete(request, upload)
    ours.delete(id)
    return reply
  }
  if (method !== 'DELETE') throw new S3Error(501, 'NotImplemented')
  ours.delete(id)
  return { status: 204 }
}

function part({ url, headers, bytes, payload }: Request, { parts }: Upload): Reply {
  const number = Number(url.searchParams.get('partNumber'))
  if (!(Number.isInteger(number) && number >= 1 && number <= 10_000)) throw new S3Error(400, 'InvalidArgument')
  const checksum = headerOf(headers['x-amz-checksum-sha256'])
  assertDigests(bytes, payload, checksum)
  if (checksum === null) throw new S3Error(400, 'InvalidRequest')
  const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
  parts.set(number, { bytes, etag, checksum })
  return { status: 200, headers: { etag, 'x-amz-checksum-sha256': checksum } }
}

function complete(request: Request, { key, parts }: Upload): Reply {
  const { bytes, bucket } = request
  const value = (text: string, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
  const named = [...bytes.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, text = '']) => ({
    number: Number(value(text, 'PartNumber')),
    etag: value(text, 'ETag')?.replace(/&quot;/g, '"'),
    checksum: value(text, 'ChecksumSHA256'),
  }))
  if (named.length === 0) throw new S3Error(400, 'MalformedXML')
  const found = named.map(({ number, etag, checksum }, position) => {
    const known = parts.get(number)
    if (known === undefined || known.etag !== etag || known.checksum !== checksum) throw new S3Error(400, 'InvalidPart')
    if (position > 0 && number <= (named[position - 1]?.number ?? 0)) throw new S3Error(400, 'InvalidPartOrder')
    if (position < named.length - 1 && known.bytes.length < leastPart) throw new S3Error(400, 'EntityTooSmall')
    return known
  })
  assertCondition(request)
  const digests = Buffer.concat(found.map(({ checksum }) => Buffer.from(checksum, 'base64')))
  const checksum = `${sha256Base64(digests)}-${found.length}`
  const stored = bucket.put(key, Buffer.concat(found.map((one) => one.bytes)), { type: 'binary/octet-stream', checksum })
  return {
    ...xml('CompleteMultipartUploadResult', tags({ Key: key, ETag: stored.etag, ChecksumSHA256: checksum })),
    headers: { 'content-type': 'application/xml', 'x-amz-version-id': stored.versionId },
  }
}
