import type { Database } from 'better-sqlite3'
import type { StreamHead } from '../entry.ts'
import type { Head } from '../port.ts'
import { leafOf, type Signing, signLeaves } from '../signing.ts'

/** Every head stores the leaves that its signature covers; beyond so many streams in one group a second signature is cheaper than longer rows. */
const leavesPerSignature = 16

const upsertOf = (db: Database) =>
  db.prepare(`INSERT INTO heads (stream, tenant_id, sequence, hash, time, leaves, kid, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, time = excluded.time,
      leaves = excluded.leaves, kid = excluded.kid, signature = excluded.signature`)

/** Stores a head that was signed elsewhere. */
export function headStorer(db: Database): (tenant: string, head: Head) => void {
  const upsert = upsertOf(db)
  return (tenant, { stream, sequence, hash, time, leaves, kid, signature }) =>
    void upsert.run(stream, tenant, sequence, hash, time, JSON.stringify(leaves), kid, signature)
}

/** Signs and stores the heads that a group moved. `time` is the group's. */
export function headWriter(db: Database): (heads: ReadonlyMap<string, StreamHead>, time: string, signing: Signing) => void {
  const upsert = upsertOf(db)
  return (heads, time, signing) => {
    const all = [...heads]
    for (let start = 0; start < all.length; start += leavesPerSignature) {
      const some = all.slice(start, start + leavesPerSignature)
      const leaves = some.map(([stream, head]) => leafOf(stream, head))
      const signature = signLeaves(leaves, time, signing)
      const text = JSON.stringify(leaves)
      for (const [stream, head] of some) upsert.run(stream, head.tenant, head.sequence, head.hash, time, text, signing.kid, signature)
    }
  }
}
