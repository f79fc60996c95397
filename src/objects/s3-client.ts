import { S3Client } from '@aws-sdk/client-s3'

export type S3Options = {
  bucket: string
  region: string
  /** Another address than AWS's own, or null. */
  endpoint: string | null
  /** Before every key, without slashes at its ends; may be empty. */
  prefix: string
  /** The setting that names the bucket, for what an operator is told. Default: `HOLDFAST_OBJECTS`. */
  setting?: string
  /** Default: what the SDK finds (environment, profile, role of the machine or function). */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  /** Milliseconds a connection may take to be made, and may then be silent. */
  timeoutMs?: { connect: number; silence: number }
}

/** Attempts at one request, the first among them; between them the SDK waits, longer each time and by chance. */
const attempts = 3

export function s3Client({ region, endpoint, credentials, timeoutMs = { connect: 3_000, silence: 10_000 } }: S3Options): S3Client {
  return new S3Client({
    region,
    maxAttempts: attempts,
    retryMode: 'standard',
    // a bucket's name in the host needs a wildcard name and certificate, which AWS has and others seldom do
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
    // it would write lines of its own to the console; what fails is thrown
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: { connectionTimeout: timeoutMs.connect, socketTimeout: timeoutMs.silence },
    // every request that stores bytes carries our own SHA-256: the SDK's CRC32 beside it would be a second body format
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** Only an emulator of this machine may do without what durability rests on. */
export function isLoopback(endpoint: string | null): boolean {
  if (endpoint === null) return false
  const host = new URL(endpoint).hostname
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
