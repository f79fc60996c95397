import { createHash, randomBytes } from 'node:crypto'
import { S3Error } from './s3-error.ts'

export type Stored = {
  key: string
  versionId: string
  bytes: Buffer
  type: string
  checksum: string | null
  etag: string
  at: Date
  isMarker: boolean
  /** Until then this version cannot be removed; null where the bucket has no Object Lock. */
  lockedUntilMs: number | null
}

export type BucketOptions = {
  versioned?: boolean
  /** Answers every request with 403, as a policy without a permission does. */
  refuses?: boolean
  /** Lives in another region: answered with a redirect. */
  elsewhere?: string
  /** Object Lock in mode COMPLIANCE: the bucket's default retention, in milliseconds. */
  lockMs?: number
  /** Ignores conditions, as older stores do. */
  unconditional?: boolean
}

export type Bucket = {
  options: BucketOptions
  /** The newest version, or null when there is none or it is a delete marker. */
  get(key: string, versionId: string | null): Stored | null
  put(key: string, bytes: Buffer, about: { type: string; checksum: string | null }): Stored
  remove(key: string, versionId: string | null): void
  /** Keys that there is an object under, in the order of their bytes. */
  keys(prefix: string): string[]
  /** All versions, newest first within a key. */
  versions(prefix: string): Stored[]
}

export const sha256Base64 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64')

/** `nowMs` is the time by which locks are judged. */
export function createBucket(options: BucketOptions, nowMs: () => number = Date.now): Bucket {
  const kept = new Map<string, Stored[]>()
  const isVersioned = options.versioned ?? true
  const add = (version: Omit<Stored, 'versionId' | 'at' | 'etag' | 'lockedUntilMs'>): Stored => {
    const etag = `"${createHash('md5').update(version.bytes).digest('hex')}"`
    const lockedUntilMs = options.lockMs === undefined || version.isMarker ? null : nowMs() + options.lockMs
    const versionId = isVersioned ? randomBytes(16).toString('hex') : 'null'
    const stored = { ...version, etag, at: new Date(), versionId, lockedUntilMs }
    kept.set(version.key, isVersioned ? [stored, ...(kept.get(version.key) ?? [])] : [stored])
    return stored
  }
  const sorted = (prefix: string): string[] => [...kept.keys()].filter((key) => key.startsWith(prefix)).sort()
  const get = (key: string, versionId: string | null): Stored | null => {
    const found = versionId === null ? kept.get(key)?.[0] : kept.get(key)?.find((version) => version.versionId === versionId)
    return found === undefined || found.isMarker ? null : found
  }
  return {
    options,
    get,
    put: (key, bytes, { type, checksum }) => add({ key, bytes, type, checksum, isMarker: false }),
    remove(key, versionId) {
      const found = versionId === null ? undefined : kept.get(key)?.find((version) => version.versionId === versionId)
      if ((found?.lockedUntilMs ?? 0) > nowMs()) throw new S3Error(403, 'AccessDenied')
      const left = versionId === null ? [] : (kept.get(key) ?? []).filter((version) => version.versionId !== versionId)
      if (versionId === null && isVersioned) add({ key, bytes: Buffer.alloc(0), type: '', checksum: null, isMarker: true })
      else if (left.length === 0) kept.delete(key)
      else kept.set(key, left)
    },
    keys: (prefix) => sorted(prefix).filter((key) => get(key, null) !== null),
    versions: (prefix) => sorted(prefix).flatMap((key) => kept.get(key) ?? []),
  }
}

export function assertDigests(bytes: Buffer, payload: string, checksum: string | null): void {
  if (payload.startsWith('STREAMING-')) throw new S3Error(501, 'NotImplemented')
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== createHash('sha256').update(bytes).digest('hex'))
    throw new S3Error(400, 'XAmzContentSHA256Mismatch')
  if (checksum !== null && checksum !== sha256Base64(bytes)) throw new S3Error(400, 'BadDigest')
}
