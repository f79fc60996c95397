import type { EncodedCommit as WireCommit } from '../encoded.ts'
import type { Signer } from '../port.ts'

/** What passes between the threads. */
export type Outcome =
  | readonly [result: 'done', sequence: number, hash: string]
  | readonly [result: 'version' | 'exists' | 'unique' | 'bound', entity: string, id: string, key: string | null]
  | readonly [result: 'full' | 'failed' | 'bug', message: string]

export type ToWriter = { kind: 'commits'; commits: readonly WireCommit[] } | { kind: 'signer'; signer: Signer } | { kind: 'close' }

export type FromWriter =
  | { kind: 'ready' }
  | { kind: 'done'; outcomes: readonly Outcome[]; fsyncs: number }
  | { kind: 'signer'; problem: string | null }
  | { kind: 'closed'; fsyncs: number }
  | { kind: 'failed'; message: string }
