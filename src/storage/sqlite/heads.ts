import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import { canonical, sha256 } from '../../kernel/canonical.ts'
import type { Signer } from '../port.ts'
import type { StreamHead } from './entry.ts'

export type Signing = { kid: string; key: KeyObject }

export function signingOf({ kid, privateKey }: Signer): Signing {
  const key = createPrivateKey(privateKey)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`The log is signed with Ed25519, not with ${key.asymmetricKeyType}`)
  return { kid, key }
}

export const leafOf = (stream: string, { sequence, hash }: { sequence: number; hash: string }): string =>
  sha256(`${stream}\n${sequence}\n${hash}\n`)

/** Every head stores the leaves that its signature covers; beyond so many streams in one group a second signature is cheaper than longer rows. */
const leavesPerSignature = 16

/** Signs and stores the heads that a group moved. `time` is the group's. */
export function headWriter(db: Database): (heads: ReadonlyMap<string, StreamHead>, time: string, signing: Signing) => void {
  const upsert =
    db.prepare(`INSERT INTO heads (stream, tenant_id, sequence, hash, time, leaves, kid, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, time = excluded.time,
      leaves = excluded.leaves, kid = excluded.kid, signature = excluded.signature`)
  return (heads, time, { kid, key }) => {
    const all = [...heads]
    for (let start = 0; start < all.length; start += leavesPerSignature) {
      const some = all.slice(start, start + leavesPerSignature)
      const leaves = some.map(([stream, head]) => leafOf(stream, head))
      const signature = sign(null, Buffer.from(canonical({ leaves, time })), key).toString('base64url')
      const text = JSON.stringify(leaves)
      for (const [stream, head] of some) upsert.run(stream, head.tenant, head.sequence, head.hash, time, text, kid, signature)
    }
  }
}
