import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto'
import { bech32 } from '@scure/base'

/** An X25519 pair of age (https://age-encryption.org/v1): files are encrypted to the recipient, and whoever has the identity reads them with the `age` program, without us. */
export type RecoveryKey = { recipient: string; identity: string }

/** The pair that follows from the master key alone, so that key and target restore without the data folder (native-api.md section 5). `masterKey` has 32 bytes. */
export async function recoveryKeyOf(masterKey: Buffer): Promise<RecoveryKey> {
  const secret = new Uint8Array(hkdfSync('sha256', masterKey, '', 'holdfast backup: age identity', 32))
  const identity = bech32.encodeFromBytes('AGE-SECRET-KEY-', secret).toUpperCase()
  return { recipient: bech32.encodeFromBytes('age', publicKeyOf(secret)), identity }
}

/** PKCS #8 of an X25519 key is this and the 32 bytes of its secret (RFC 8410 section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** Not by the age library, which is large and is loaded only when something is packed. */
function publicKeyOf(secret: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secret]), format: 'der', type: 'pkcs8' })
  return Buffer.from(String(createPublicKey(key).export({ format: 'jwk' }).x), 'base64url')
}
