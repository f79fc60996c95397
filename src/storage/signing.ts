import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { canonical, sha256 } from '../kernel/canonical.ts'
import type { Signer } from './port.ts'

export type Signing = { kid: string; key: KeyObject }

/** Throws for a key that cannot sign the log. */
export function signingOf({ kid, privateKey }: Signer): Signing {
  const key = createPrivateKey(privateKey)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`The log is signed with Ed25519, not with ${key.asymmetricKeyType}`)
  return { kid, key }
}

export const leafOf = (stream: string, { sequence, hash }: { sequence: number; hash: string }): string =>
  sha256(`${stream}\n${sequence}\n${hash}\n`)

/** One signature over the leaves of several heads, base64url (`Head` in port.ts). */
export const signLeaves = (leaves: readonly string[], time: string, { key }: Signing): string =>
  sign(null, Buffer.from(canonical({ leaves, time })), key).toString('base64url')
