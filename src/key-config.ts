import { AppError } from './kernel/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Master keys as AWS KMS wrapped them: base64 ciphertexts, and the key that opens them. */
export type KeyWrapping = { keyId: string; wrapped: string; formerWrapped: readonly string[] }

export type KeyConfig = {
  /** 32 bytes, or null: AWS KMS opens it, or a file in the data folder holds it. */
  masterKey: Buffer | null
  /** Master keys of before, while values are still sealed under them. */
  formerKeys: readonly Buffer[]
  keyWrapping: KeyWrapping | null
}

const refused = (message: string) => new AppError('invalid', 'bad_setting', message)

/** `HOLDFAST_KEY`, `HOLDFAST_KEY_FORMER`, `HOLDFAST_KMS_KEY`, `HOLDFAST_KEY_WRAPPED`, `HOLDFAST_KEY_WRAPPED_FORMER`. Errors: `bad_setting`, without showing a key. */
export function readKeys(environment: Environment): KeyConfig {
  const text = (name: string): string | null => environment[name]?.trim() || null
  const list = (name: string): string[] => (text(name) ?? '').split(',').flatMap((part) => part.trim() || [])
  const masterKey = text('HOLDFAST_KEY')
  const keyId = text('HOLDFAST_KMS_KEY')
  const wrapped = text('HOLDFAST_KEY_WRAPPED')
  const formerKeys = list('HOLDFAST_KEY_FORMER')
  const formerWrapped = list('HOLDFAST_KEY_WRAPPED_FORMER')
  if ((keyId === null) !== (wrapped === null)) throw refused('HOLDFAST_KMS_KEY and HOLDFAST_KEY_WRAPPED belong together: set both or none.')
  if (masterKey !== null && wrapped !== null) throw refused('HOLDFAST_KEY and HOLDFAST_KEY_WRAPPED are both set. Set one of them.')
  if (formerKeys.length > 0 && masterKey === null && wrapped === null)
    throw refused(
      'HOLDFAST_KEY_FORMER is set without HOLDFAST_KEY. Where a file holds the key, `bin/holdfast keys rotate-master` does all by itself.',
    )
  if (formerWrapped.length > 0 && wrapped === null) throw refused('HOLDFAST_KEY_WRAPPED_FORMER is set without HOLDFAST_KEY_WRAPPED.')
  for (const one of [...(wrapped === null ? [] : [wrapped]), ...formerWrapped])
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(one)) throw refused('HOLDFAST_KEY_WRAPPED must be the ciphertext that AWS KMS gave, in base64.')
  return {
    masterKey: masterKey === null ? null : keyOf('HOLDFAST_KEY', masterKey),
    formerKeys: formerKeys.map((key) => keyOf('HOLDFAST_KEY_FORMER', key)),
    keyWrapping: keyId === null || wrapped === null ? null : { keyId, wrapped, formerWrapped },
  }
}

function keyOf(name: string, given: string): Buffer {
  const key = Buffer.from(given, 'base64')
  if (key.length === 32) return key
  // the value is a secret: its text must not be shown
  throw refused(`${name} has ${key.length} bytes, but must be 32 bytes in base64, as \`openssl rand -base64 32\` makes them.`)
}
