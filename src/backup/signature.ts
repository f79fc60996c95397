import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto'
import { canonical, type Json } from '../kernel/canonical.ts'

/** `signature` (Ed25519, base64url) is over the canonical JSON of everything else in the object; `signedBy` is the raw public key, base64url. */
export type Signed<T> = T & { signedBy: string; signature: string }

export type BackupSigner = {
  /** The public key that this instance's backups are signed with. */
  publicKey: string
  sign<T extends object>(content: T): Signed<T>
}

/** PKCS #8 of an Ed25519 key is this and the 32 bytes of its seed (RFC 8410 section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The key that signs manifests and plain files of a backup. It follows from the master key alone: who has that can tell a backup of ours from a forged one, without the data folder. */
export function backupSigner(masterKey: Buffer): BackupSigner {
  const seed = Buffer.from(hkdfSync('sha256', masterKey, '', 'holdfast backup: signature', 32))
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = String(createPublicKey(key).export({ format: 'jwk' }).x)
  return {
    publicKey,
    sign(content) {
      const unsigned = { ...content, signedBy: publicKey }
      return { ...unsigned, signature: sign(null, bytesOf(unsigned), key).toString('base64url') }
    },
  }
}

/** Whether `signed` is what the holder of one of those public keys signed. */
export function isSignedBy(publicKeys: readonly string[], signed: Signed<object>): boolean {
  const { signature, ...unsigned } = signed
  if (!publicKeys.includes(signed.signedBy)) return false
  try {
    return verify(null, bytesOf(unsigned), keyOf(signed.signedBy), Buffer.from(signature, 'base64url'))
  } catch {
    return false // no key, or no signature
  }
}

const keyOf = (publicKey: string): KeyObject => createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })

const bytesOf = (content: object): Buffer => Buffer.from(canonical(content as { [key: string]: Json }))
