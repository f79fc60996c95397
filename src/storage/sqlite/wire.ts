import type { EncodedCommit as WireCommit } from '../encoded.ts'
import type { Signer } from '../port.ts'

/** What passes between the threads. */
export type Outcome =
  | readonly [result: 'done', sequence: number, hash: string]
  | readonly [result: 'version' | 'exists' | 'unique' | 'bound', entity: string, id: string, key: string | null]
  | readonly [result: 'full' | 'failed' | 'bug', message: string]

/** What became of a group. `commitSeconds` is its COMMIT with the fsync, null where nothing was written. */
export type GroupOutcome = { outcomes: readonly Outcome[]; commitSeconds: number | null }

/** An entry to be put in the place of the one with this hash. */
export type Replacement = { stream: string; sequence: number; hash: string; text: string; secrets: string | null }

export type ToWriter =
  | { kind: 'commits'; commits: readonly WireCommit[] }
  | { kind: 'signer'; signer: Signer }
  | { kind: 'erase'; tenant: string; entries: readonly Replacement[] }
  | { kind: 'close' }

export type FromWriter =
  | { kind: 'ready' }
  | ({ kind: 'done'; fsyncs: number } & GroupOutcome)
  | { kind: 'signer'; problem: string | null }
  | { kind: 'erased'; problem: string | null }
  | { kind: 'closed'; fsyncs: number }
  | { kind: 'failed'; message: string }
