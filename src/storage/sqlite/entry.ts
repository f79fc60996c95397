import type { Database } from 'better-sqlite3'
import type { EncodedCommit } from '../encoded.ts'
import { nextEntry, type StreamHead, type Told } from '../entry.ts'

/** Appends a commit's entry after `head` and returns the stream's next head. */
export function appender(db: Database): (head: StreamHead, commit: EncodedCommit, told: readonly Told[]) => StreamHead {
  const insert = db.prepare('INSERT INTO log (stream, sequence, tenant_id, time, entry, hash, secrets) VALUES (?, ?, ?, ?, ?, ?, ?)')
  return (before, commit, told) => {
    const [tenant, stream, time] = commit
    const { head, text, secrets } = nextEntry(before, commit, told)
    insert.run(stream, head.sequence, tenant, time, text, head.hash, secrets)
    return head
  }
}
