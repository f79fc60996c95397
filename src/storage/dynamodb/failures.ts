import { AppError } from '../../kernel/errors.ts'

/** What the caller hears when DynamoDB does not do what was asked. The cause is for the operator's log. */
export const storageFailed = (cause?: unknown): AppError =>
  new AppError('unavailable', 'storage_failed', 'The data cannot be written or read right now. Try again in a moment.', {
    cause,
    retryAfterSeconds: 2,
  })

/** More people write the same at once than the retries could settle. */
export const contended = (cause?: unknown): AppError =>
  new AppError('unavailable', 'storage_contended', 'Too many changes of the same data at once. Try again in a moment.', {
    cause,
    retryAfterSeconds: 1,
  })

/** Errors that mean a request of ours was wrong: a bug, which no retry mends. */
const bugs = new Set([
  'ValidationException',
  'SerializationException',
  'IdempotentParameterMismatchException',
  'ItemCollectionSizeLimitExceededException',
])

/** Turns whatever the SDK threw into an outage, or lets a bug be seen as one. */
export function failureOf(error: unknown): Error {
  if (error instanceof AppError) return error
  if (error instanceof Error && bugs.has(error.name)) return error
  return storageFailed(error)
}

type Place = { region: string; endpoint: string | null; table?: string }

/** What keeps the engine from opening, as an operator's error that names the thing and the remedy. */
export function openingFailed(error: unknown, { region, endpoint, table }: Place): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error
  const unopened = (code: string, message: string) => new AppError('unavailable', code, message, { cause: error })
  const where = endpoint ?? `the region ${region}`
  switch (error.name) {
    case 'CredentialsProviderError':
    case 'CredentialsError':
      return unopened(
        'database_credentials',
        'There are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role.',
      )
    case 'UnrecognizedClientException':
    case 'InvalidSignatureException':
    case 'InvalidClientTokenId':
    case 'ExpiredTokenException':
    case 'MissingAuthenticationTokenException':
      return unopened(
        'database_credentials',
        `The AWS credentials are not accepted at ${where} (${error.name}). Check the key, its secret and its end, and the clock of this machine.`,
      )
    case 'AccessDeniedException':
      return unopened(
        'database_credentials',
        `The AWS credentials may not use DynamoDB here: ${error.message}. Give the role what the template of bin/holdfast aws template gives it.`,
      )
    case 'ResourceNotFoundException':
      return tableMissing([table ?? 'a table'], region)
    default:
      return unopened(
        'database_unreachable',
        `DynamoDB does not answer at ${where} (${error.name}: ${error.message}). Check the region, the endpoint and the network.`,
      )
  }
}

export const tableMissing = (tables: readonly string[], region: string): AppError =>
  new AppError(
    'unavailable',
    'table_missing',
    `In ${region} there is no DynamoDB table ${tables.join(', ')}. Check the region, the prefix and the names; create what is missing with bin/holdfast dynamodb setup, or deploy the template of bin/holdfast aws template.`,
  )

/** `problem` and `remedy` are sentences that end with a full stop. */
export const tableRefused = (table: string, problem: string, remedy: string): AppError =>
  new AppError('unavailable', 'table_refused', `The DynamoDB table ${table} ${problem} ${remedy}`)
