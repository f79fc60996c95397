import { hkdfSync } from 'node:crypto'
import { bech32 } from '@scure/base'
import { identityToRecipient } from 'age-encryption'

/** An X25519 pair of age (https://age-encryption.org/v1): files are encrypted to the recipient, and whoever has the identity reads them with the `age` program, without us. */
export type RecoveryKey = { recipient: string; identity: string }

/** The pair that follows from the master key alone, so that key and target restore without the data folder (native-api.md section 5). `masterKey` has 32 bytes. */
export async function recoveryKeyOf(masterKey: Buffer): Promise<RecoveryKey> {
  const secret = new Uint8Array(hkdfSync('sha256', masterKey, '', 'holdfast backup: age identity', 32))
  const identity = bech32.encodeFromBytes('AGE-SECRET-KEY-', secret).toUpperCase()
  return { recipient: await identityToRecipient(identity), identity }
}
