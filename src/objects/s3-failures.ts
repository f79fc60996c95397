import { AppError } from '../kernel/errors.ts'
import { mismatch } from './described.ts'
import type { S3Options } from './s3-client.ts'

type Answer = { name: string; status: number | null; message: string; region: string | null }

/** What is known of a refusal or a failure of S3, or null when the error is something else: a bug, or what the caller's own stream threw. */
function answerOf(error: unknown): Answer | null {
  if (!(error instanceof Error)) return null
  const { $metadata, $response, code, Region } = error as Error & {
    $metadata?: { httpStatusCode?: number }
    $response?: { headers?: Record<string, string | undefined> }
    code?: unknown
    Region?: unknown
  }
  const name = error.name
  const isOfTransport =
    /^(TimeoutError|CredentialsProviderError|TokenProviderError)$/.test(name) || (typeof code === 'string' && /^E[A-Z]+$/.test(code))
  const status = $metadata?.httpStatusCode ?? null
  if (status === null && !isOfTransport) return null
  const region = $response?.headers?.['x-amz-bucket-region'] ?? (typeof Region === 'string' ? Region : null)
  return { name, status, message: error.message, region }
}

export const isAnswer = (error: unknown, ...names: readonly string[]): boolean => names.includes(answerOf(error)?.name ?? '')

export const statusIs = (error: unknown, status: number): boolean => answerOf(error)?.status === status

const unavailable = (cause: unknown): AppError =>
  new AppError('unavailable', 'objects_unavailable', 'Files cannot be read or written right now. Try again in a moment.', {
    cause,
    retryAfterSeconds: 5,
  })

/** What an operator is told: the thing, and what to do. Null for what is no failure of S3. */
export function refusalOf(error: unknown, { bucket, region, endpoint, setting = 'HOLDFAST_OBJECTS' }: S3Options): AppError | null {
  const answer = answerOf(error)
  if (answer === null) return null
  const { name, status } = answer
  const place = endpoint === null ? `region ${region}` : `${region} at ${new URL(endpoint).host}`
  if (name === 'NoSuchBucket')
    return new AppError('unavailable', 'bucket_missing', `There is no bucket ${bucket} (${place}). Create it, or correct ${setting}.`, {
      cause: error,
    })
  if (status === 301 || /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/.test(name)) {
    const remedy = answer.region === null ? 'its own region' : `region=${answer.region}`
    return new AppError('unavailable', 'bucket_region', `The bucket ${bucket} is not in region ${region}. Name ${remedy} in ${setting}.`, {
      cause: error,
    })
  }
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return new AppError(
      'unavailable',
      'bucket_refused',
      `There are no AWS credentials for the bucket ${bucket}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine or function a role.`,
      { cause: error },
    )
  if (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429)
    return new AppError(
      'unavailable',
      'bucket_refused',
      `The bucket ${bucket} (${place}) refuses these credentials or what they ask for (${name}, HTTP ${status}). Allow them what docs/engines/objects.md lists.`,
      { cause: error },
    )
  return new AppError(
    'unavailable',
    'objects_unavailable',
    `The bucket ${bucket} (${place}) cannot be reached (${status === null ? name : `HTTP ${status}`}). Check the network and the endpoint in ${setting}.`,
    { cause: error, retryAfterSeconds: 5 },
  )
}

const wrongBytes = /^(BadDigest|InvalidDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch|IncompleteBody|EntityTooLarge)$/

/** Runs it; a failure of S3 leaves as `objects_unavailable` with the operator's words as its cause, because clients are not told of buckets. */
export async function reported<T>(options: S3Options, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw failureOf(error, options)
  }
}

export function failureOf(error: unknown, options: S3Options): unknown {
  const answer = answerOf(error)
  if (error instanceof AppError || answer === null) return error
  if (wrongBytes.test(answer.name)) return mismatch(error)
  if (answer.status === 507)
    return new AppError('no_space', 'no_space', 'There is no space left to store this. Free some space; nothing was changed.', {
      cause: error,
    })
  return unavailable(refusalOf(error, options))
}
