import { AppError } from './kernel/errors.ts'
import type { KeyWrapping } from './key-config.ts'

const timeouts = { connectionTimeout: 3_000, requestTimeout: 5_000 }
const attempts = 3

/** What the operator does about the answers of KMS that more attempts do not change (AWS KMS API, Decrypt). */
const advice: Readonly<Record<string, string>> = {
  AccessDeniedException: 'Allow this role kms:Decrypt on the key',
  NotFoundException: 'Check HOLDFAST_KMS_KEY and its region',
  DisabledException: 'Enable the key',
  KMSInvalidStateException: 'Enable the key, or cancel its deletion',
  InvalidCiphertextException: 'HOLDFAST_KEY_WRAPPED was not made with this key, or is cut',
  IncorrectKeyException: 'HOLDFAST_KEY_WRAPPED was made with another key',
  CredentialsProviderError: 'Give this process AWS credentials',
  UnrecognizedClientException: 'The AWS credentials are not valid',
  InvalidSignatureException: 'The AWS credentials are not valid',
  ExpiredTokenException: 'The AWS credentials have expired',
}

/**
 * The 32-byte master keys, current one first. KMS is asked once for each, at the start. Region, credentials and endpoint are the SDK's (the ARN's region wins).
 * Errors: `kms_refused` with what to do; `kms_unreachable`; `wrong_key` for a ciphertext that holds no key.
 */
export async function unwrapKeys({ keyId, wrapped, formerWrapped }: KeyWrapping): Promise<Buffer[]> {
  const { DecryptCommand, KMSClient } = await import('@aws-sdk/client-kms')
  const region = /^arn:[\w-]+:kms:([\w-]+):/.exec(keyId)?.[1]
  const client = new KMSClient({ ...(region === undefined ? {} : { region }), maxAttempts: attempts, requestHandler: timeouts })
  try {
    const keys: Buffer[] = []
    for (const text of [wrapped, ...formerWrapped]) {
      const { Plaintext } = await client.send(new DecryptCommand({ KeyId: keyId, CiphertextBlob: Buffer.from(text, 'base64') }))
      if (Plaintext?.length !== 32)
        throw new AppError(
          'internal',
          'wrong_key',
          'HOLDFAST_KEY_WRAPPED holds no 32-byte key. Make one with `aws kms generate-data-key-without-plaintext --key-spec AES_256`.',
        )
      keys.push(Buffer.from(Plaintext))
    }
    return keys
  } catch (error) {
    throw error instanceof AppError ? error : refusalOf(keyId, error)
  } finally {
    client.destroy()
  }
}

/** The SDK's own words may hold more than an operator needs, so only the name of the error is passed on. */
function refusalOf(keyId: string, cause: unknown): AppError {
  const {
    name = 'unknown',
    message = '',
    $metadata,
  } = cause as { name?: string; message?: string; $metadata?: { httpStatusCode?: number } }
  const what = /region is missing/i.test(message) ? 'Set AWS_REGION, or name the key by its ARN' : advice[name]
  const status = $metadata?.httpStatusCode ?? 0
  if (what !== undefined || (status >= 400 && status < 500 && status !== 429))
    return new AppError(
      'internal',
      'kms_refused',
      `AWS KMS does not open the master key with ${keyId} (${name}). ${what ?? 'See the AWS KMS documentation of Decrypt'}.`,
      { cause },
    )
  return new AppError(
    'unavailable',
    'kms_unreachable',
    `AWS KMS cannot be reached to open the master key (${name}). Check the network and the region; starting again is safe.`,
    { cause },
  )
}
